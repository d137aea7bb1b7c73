package main

import (
	"fmt"

	"github.com/charmbracelet/x/ansi"
)

// splash fills the screen at once with what is being started; the console draws over
// it. The function it returns gives the terminal back when there is nothing to draw.
func (a *app) splash(text string) func() {
	if a.ui.plain || a.getenv("TERM") == "dumb" || a.getenv("ACCESSIBLE") != "" {
		a.printf("%s\n", text)
		return func() {}
	}
	fmt.Fprint(a.out, ansi.SetModeAltScreenSaveCursor, ansi.EraseEntireScreen, ansi.CursorPosition(3, 2), text)
	return func() { fmt.Fprint(a.out, ansi.ResetModeAltScreenSaveCursor) }
}
