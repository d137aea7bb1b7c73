// Package propagation asks DNS servers what they answer, many names at many servers at
// once, and tells how long an old answer lives on.
//
// Authoritative servers are asked without recursion and must answer with authority;
// resolvers are asked as a client would. UDP first, TCP when an answer is truncated.
//
// It does not: decide what is right, poll, or look up which servers a zone has.
//
// It may be imported by backend only. It imports dnsproviders.
package propagation
