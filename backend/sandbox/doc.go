// Package sandbox is a world to practise in: two sites (three with Emergency) in
// one process, speaking the real wire protocols on loopback. Every component has
// a server of its own, with a fault link in front; there are upstream feeds,
// a DNS authority with a Cloudflare-compatible API, a caching resolver, and users
// who resolve and call all the time.
//
// It judges and is not judged: Users and Truth are worked out here, independently
// of the engine under test, at the servers themselves.
//
// It does not: decide, plan or switch anything; know the engine; listen anywhere
// but on loopback; or keep anything after Close but what its folder holds.
//
// It may be imported by cmd/dutyops and by tests. Of dutyops it imports only its
// own servers.
package sandbox
