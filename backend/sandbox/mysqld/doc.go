// Package mysqld is a MySQL server for the sandbox, of MariaDB 10.11's flavour: the
// wire protocol and the dialect in front of an SQLite engine in memory, with
// GTID replication, read_only, semi-synchronous commits and the faults that a
// drill needs. The usual clients work on it, and so do the statements of a planned
// switch.
//
// Rows travel to replicas as images, over TCP through whatever address CHANGE
// MASTER names, so that a fault on the way hits replication too.
//
// What differs from the real one, on purpose: replication speaks a dialect between
// two servers of this package, not the binary log's; isolation is read committed
// without row locks (a transaction that meets another one gets error 1213 instead
// of waiting); a commit can be read by others while it still waits for its
// acknowledgement; texts compare without regard to case in ASCII only; TLS is for
// clients, where a test asks for it, and not between servers; there is no LOCK
// TABLES, no multi-table UPDATE or DELETE, no stored program, no foreign key. What
// it does not understand it answers with error 1064.
//
// It does not: keep anything on disk, know sites or components, or decide which
// faults happen.
//
// It may be imported by backend/sandbox and by tests. It imports nothing of
// dutyops.
package mysqld
