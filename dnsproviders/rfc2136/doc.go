// Package rfc2136 reads and changes zones at a DNS server that takes dynamic updates
// (RFC 2136) signed with TSIG (RFC 8945) over TCP: BIND, Knot, PowerDNS and others.
//
// Every Before is a prerequisite in the same message as the change, so the server
// itself compares and sets, all of it or nothing.
//
// It does not: transfer zones, find the primary by itself, or send anything unsigned.
//
// It may be imported by backend only. It imports dnsproviders.
package rfc2136
