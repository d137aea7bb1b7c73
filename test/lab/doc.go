// Package lab starts two small sites made of real servers on loopback, without
// containers and without privileges: BIND as the authority (RFC 2136 with TSIG),
// Unbound as the users' resolver, and per site nginx as the gateway, MariaDB with
// GTID replication, Redis with a replica link and a business service that lives
// from them. It writes a dutyops.yaml that points at all of it.
//
// It does not: install anything (install.sh does), use dutyops to bring the lab up,
// or judge dutyops: the tests beside it do, by the built binary and by a client that
// resolves and calls as a user would.
//
// The files carry the build tag integration. Nothing outside test/ may import it; its
// servers import nothing of dutyops.
package lab
