// Package dnsproviders reads and changes DNS at one provider: one package per
// provider (cloudflare, rfc2136), and propagation, which asks authoritative
// servers and resolvers what they answer.
//
// It does not: decide what to change, know sites, keep a journal, or retry for
// longer than the budget it is given.
//
// It may be imported by backend only. It imports nothing of dutyops.
package dnsproviders
