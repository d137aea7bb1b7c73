// Package failoverplan is the pure domain of dutyops: topology, situation,
// case, decision, safety gates, plan. It answers "which case is this, why, and
// what exactly would we do about it", from values alone.
//
// It does not: open sockets, read files, look at a clock, or know how a probe,
// a DNS provider or a store works. Times come in as arguments; two calls with
// equal arguments give equal answers, down to the plan hash.
//
// It may be imported by backend, tui and cmd/dutyops. It imports nothing of
// dutyops, and neither probes nor dnsproviders may import it.
package failoverplan
