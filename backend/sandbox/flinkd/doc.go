// Package flinkd is the Flink of one sandbox site: a session cluster's REST
// interface, and behind it a real ingest job that polls the upstream feeds and
// writes to Kafka and to the site's stores.
//
// A job is at-least-once: its position per feed advances only when Kafka and every
// required sink have taken the batch, and a failing write sends it to RESTARTING
// and back. Within one job a batch that Kafka already took is not produced twice;
// a job that starts from MySQL's newest rows, or after a time-out, may repeat some.
//
// It does not: run anybody's code (every jar is the ingest job), keep checkpoints
// on disk, spread over task managers, or write anywhere but in its savepoint folder.
//
// It may be imported by backend/sandbox and by the tests of the sandbox's
// servers. Of dutyops it imports only backend/sandbox/feedd.
package flinkd
