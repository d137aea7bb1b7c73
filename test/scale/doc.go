// Command scale measures what watching costs: N simulated components, probed on their
// schedule by the same probes and monitor as in the console, beside Debian's
// prometheus-blackbox-exporter when it is there. Targets, watcher and exporter are
// processes of their own, so that each one's CPU is its own.
//
//	go run ./test/scale                        # 2,000 and 20,000 HTTP targets, and the exporter
//	go run ./test/scale -kinds                 # memory and CPU of a target of each kind
//
// It measures and prints; it judges nothing. Not part of the tests: see docs/benchmarks.md.
package main
