//go:build linux || darwin

package tui

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// noHardTabs tells the terminal's driver that tabs are not to be used, and returns what
// undoes it. The renderer moves the cursor with tabs when the driver allows it, and
// loses its place when a tab stop lies in the middle of a wide character (ultraviolet
// 20260703, relativeCursorMove): a Chinese character on the screen is wiped out. In raw
// mode the driver's setting has no other effect. A file that is no terminal is left alone.
func noHardTabs(fd uintptr) (restore func(), err error) {
	old, err := unix.IoctlGetTermios(int(fd), termiosGet)
	if err != nil {
		return func() {}, nil //nolint:nilerr // not a terminal: nothing to do, nothing to undo
	}
	set := *old
	set.Oflag = set.Oflag&^unix.TABDLY | unix.TAB3
	if err := unix.IoctlSetTermios(int(fd), termiosSet, &set); err != nil {
		return func() {}, fmt.Errorf("terminal settings: %w", err)
	}
	return func() { _ = unix.IoctlSetTermios(int(fd), termiosSet, old) }, nil
}
