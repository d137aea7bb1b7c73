// Package theme holds the look of the terminal face: the palette, the styles made
// from it, and the glyphs. It is the only place in tui that names a colour.
//
// A state is always shape + word + colour, so nothing is lost without colour
// (NO_COLOR) or without Unicode (ASCII).
//
// It does not: draw, know screens, or hold state. Only tui and its sub-packages
// may import it.
package theme
