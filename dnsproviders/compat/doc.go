// Package compat reads and changes zones through any module of libdns
// (github.com/libdns/libdns), for providers that have no package of their own.
//
// It is third class on purpose: not atomic, no comparison by the server, one record set
// per call, one reading of the whole zone after each. A write is never repeated. What a
// module cannot do without a hole, or was not seen to do right, is refused before anything
// is sent (docs/adr/0011).
//
// It does not: trust a module. A panic becomes an error, a call that hangs is left behind,
// and what a module says of a write is believed only after the zone was read.
//
// It may be imported by backend only. It imports dnsproviders.
package compat
