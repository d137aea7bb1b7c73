// Package kit holds the drawing primitives of the terminal face: cells, panels,
// scrolling, overlays, sparklines, quantised numbers and a fuzzy matcher. All
// widths are terminal cells by ansi.StringWidth, so Chinese text lines up.
//
// It does not: know screens, the engine, or a clock. Only tui and its
// sub-packages may import it.
package kit
