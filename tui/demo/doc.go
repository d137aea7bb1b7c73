// Package demo is a scripted backend.Face: a small make-believe world with two or
// three sites, faults, a planner and a runner, all in memory and driven by hand or by
// time. The face is tested against it and pictures are taken with it.
//
// It does not: open sockets, judge (its verdicts are a script), or belong in a
// release. Only tests and picture programs may import it.
package demo
