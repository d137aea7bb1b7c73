// Package replication acts on one stateful component at one site: it tells
// whether the store is the writable one, promotes and demotes it, compares its
// position with its counterpart's, and makes it follow a source (mission A6). It
// also controls the mirror connectors of Kafka Connect, and turns probe facts
// into the sync relations of the status picture (States, a pure function).
//
// It does not: decide who should be the source, know DNS, feeds or plans, retry
// on its own beyond waiting for what it started, or touch a component that the
// policy leaves out (the caller asks only for those that are synced).
//
// Every method looks at the world first and is idempotent. Statements are ordered
// so that a crash between any two of them leaves the store refusing writes, never
// accepting them by accident. Passwords never appear in errors or evidence.
//
// It may be imported by backend only. It imports backend/config, failoverplan and probes.
package replication
