// Package lab starts two small sites made of real servers on loopback, without
// containers and without privileges: BIND as the authority (RFC 2136 with TSIG),
// Unbound as the users' resolver, and per site nginx as the gateway, MariaDB with
// GTID replication, Redis with a replica link and a business service that lives
// from them. It writes a dutyops.yaml that points at all of it.
//
// StartFull starts two sites of the whole stack: the same, and per site Kafka, Kafka
// Connect with MirrorMaker 2, Oracle MySQL, OpenSearch, Flink with an ingest job, RabbitMQ,
// and an archive on Elasticsearch 7.17 (primary) or OpenSearch 3.1 (standby).
//
// ForDNS starts DNS servers one by one, for the tests of DNS providers and of switching:
// BIND, Knot, PowerDNS, NSD as a secondary, Unbound in several moods.
//
// It does not: install anything (install.sh does), use dutyops to bring the lab up,
// or judge dutyops: the tests beside it do, by the built binary and by a client that
// resolves and calls as a user would.
//
// The files carry the build tag integration. Nothing outside test/ may import it but
// tests of dnsproviders and backend/switching; its servers are others' software; only the
// upstream feeds are the sandbox's. It must not import what they test.
package lab
