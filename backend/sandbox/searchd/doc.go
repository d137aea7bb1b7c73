// Package searchd is the Elasticsearch of one sandbox site or subsystem: the part
// of the version 8 REST interface that ground-service data, its replication and
// its probes use, over documents in memory. Error documents have the real ones'
// types and status codes, so a client cannot tell the difference where it matters:
// version conflicts, write blocks, missing indices, remotes that are not allowed.
//
// It does not: analyse text, score, shard, keep anything over a restart, speak TLS,
// or answer a query kind it does not know (that is a 400, never a silent match).
//
// It may be imported by backend/sandbox and by the tests of the sandbox's
// servers. It imports nothing of dutyops.
package searchd
