// Package switching re-points names: it reads the live record sets for planning,
// applies a zone's change through its provider behind guards, tells where every set
// stands, takes a change back exactly, and verifies at every authoritative server and
// every watched resolver.
//
// It does not: decide what to change, keep a journal, confirm with people, or hold the
// lease that keeps other writers away.
//
// It may be imported by backend and cmd/dutyops. It imports dnsproviders and
// failoverplan; it must not import backend.
package switching
