// Package propagation asks DNS servers what they answer, many names at many servers at
// once, and tells how long an old answer lives on.
//
// Authoritative servers are asked without recursion and must answer with authority;
// resolvers are asked as a client would. UDP first, TCP when an answer is truncated.
// Inspect looks at one authoritative server (TCP, authority, serial, signature), Discover
// at who should answer for a zone according to its parent and to itself.
//
// It does not: decide what is right, poll, or validate DNSSEC from the root.
//
// It may be imported by backend only. It imports dnsproviders.
package propagation
