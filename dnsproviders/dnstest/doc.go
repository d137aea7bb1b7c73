// Package dnstest has small servers to test DNS switching against: one record store
// (Zone) that a Cloudflare-compatible API and authoritative servers (RFC 2136 with
// TSIG) read and write, with faults on demand.
//
// It does not: implement more of either protocol than switching uses, or persist
// anything. It listens on loopback only.
//
// It may be imported by tests only. It imports nothing of dutyops.
package dnstest
