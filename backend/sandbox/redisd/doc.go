// Package redisd is the Redis of a simulated site: miniredis for the data
// commands, with what it lacks added on top: a password, INFO and ROLE as a
// replicated server answers them, REPLICAOF over real TCP, READONLY refusals, and
// delayed replication for drills.
//
// It does not: persist anything, replicate Lua scripts or blocking commands, know
// sites, or notice that WATCH made an EXEC fail (replicas get its commands all the
// same).
//
// It may be imported by backend/sandbox and tests. It imports nothing of dutyops.
package redisd
