// Package connectd is the Kafka Connect of one sandbox site with MirrorMaker 2's
// source and heartbeat connectors: the REST interface that controls them, and behind it real
// mirror loops that copy records between two clusters, partition by partition, with
// the same key, value, headers and time stamp, under the same topic name. Heartbeats at the
// source are copied to ALIAS.heartbeats, as MirrorMaker does.
//
// Source offsets are MirrorMaker's: {"offset": N} is the last record copied, and a
// connector that starts again goes on with N+1. A running connector tells them as they
// were written down last, so a little late. They can be altered only while the
// connector is STOPPED. Pausing and stopping are asynchronous, as in the real one:
// the connector says so at once, its task a moment later.
//
// It does not: run other connectors, form a worker group, copy consumer groups or
// ACLs, or tell the heartbeat connector's offsets, or keep those of others over a restart of the process. Unlike the real one, a task
// that FAILED because a cluster was out of reach goes on by itself when it is back.
//
// It may be imported by backend/sandbox and by the tests of the sandbox's
// servers. It imports nothing of dutyops.
package connectd
