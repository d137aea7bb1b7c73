// Package journal remembers what happened: append-only, hash-chained entries in
// SQLite (WAL, synchronous=FULL), one fsync per entry, intent before and outcome
// after every action. It also keeps small facts that must survive a process
// (since when something is down, where a mirror was cut) and the operator's lease.
//
// It does not know what a step means, nor decide anything.
//
// It may be imported by backend and backend/runbook. It imports nothing of dutyops.
package journal
