// Package backend is the engine: the only place where anything is done to the
// world. TUI, headless verbs and drills all call the same Engine, and every rule
// (pause, lease, safety gates, plan hash) is enforced here, never by hiding a key
// (promise 1).
//
// Its rooms: config, monitor, switching, runbook, journal, replication, upstream
// and sandbox. It does not draw, parse flags, or know a terminal.
//
// It may be imported by tui and cmd/dutyops.
package backend
