// Package deptest keeps the house in order: which package may import which, that every
// folder says what it is for, that no test waits by the clock, that files stay small,
// and that modules whose versions must fit together do.
//
// It does not check style (golangci-lint does) or behaviour (each package's own tests do).
//
// Nothing may import it: it is tests only.
package deptest
