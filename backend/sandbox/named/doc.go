// Package named is the sandbox's DNS: an authority (UDP and TCP, RFC 2136
// updates signed with TSIG), a second authority that follows the first, a
// Cloudflare v4 compatible API over the very same zone, and a caching resolver
// that honours TTLs.
//
// It holds one zone in memory. It does not: sign zones (DNSSEC), transfer them
// (AXFR), follow delegations, keep anything on disk, or listen anywhere but on
// the addresses it is given (loopback in the sandbox).
//
// It may be imported by backend/sandbox and by tests. It imports nothing of
// dutyops.
package named
