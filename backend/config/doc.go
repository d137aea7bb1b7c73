// Package config reads dutyops.yaml: strict, with every problem reported in one
// go as "file:line:column: what, what was expected, what to do". It turns the
// file into the topology of failoverplan and keeps the addresses and accounts
// that probes and providers need.
//
// It does not: open connections, read secrets before they are used, or write
// anything but what `dutyops init` asks for.
//
// It may be imported by backend and its rooms, and by cmd/dutyops.
package config
