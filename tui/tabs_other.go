//go:build !linux && !darwin

package tui

// noHardTabs has nothing to do on this platform.
func noHardTabs(uintptr) (restore func(), err error) { return func() {}, nil }
