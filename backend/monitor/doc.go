// Package monitor runs probes on a schedule, keeps their history, lets the
// detectors judge them, and publishes one immutable snapshot of every target.
//
// A target that is slow or stuck never delays another. Absence of an answer is
// unknown, an old answer is stale; neither is down.
//
// It does not: roll up to platforms and sites, decide, act, or know what a probe
// speaks on the wire.
//
// It may be imported by backend only. It imports probes and failoverplan.
package monitor
