// Package powerdns reads and changes zones at a PowerDNS Authoritative Server through
// its HTTP API v1: one GET to compare, one PATCH to change (one database transaction),
// one GET to read back.
//
// Source: doc.powerdns.com/authoritative/http-api/zone.html, and a real 4.7 in the
// integration test of this package.
//
// It does not: decide what to change, create zones, write to a zone whose primary is
// another server, or touch names that hold ALIAS or LUA records.
//
// It may be imported by backend only. It imports dnsproviders.
package powerdns
