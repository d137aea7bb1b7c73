// Package story tells the main job from outside: it builds the binary, starts a
// sandbox with it, breaks a site, and goes through failover, failback, kill and
// refusal with the documented verbs, exit codes and JSON only (contract.md). What
// users saw is asked from the sandbox, not from the engine.
//
// It holds tests only. Nothing imports it.
package story
