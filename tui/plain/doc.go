// Package plain is the line mode of the terminal face, for TERM=dumb, screen readers
// and slow consoles: numbered menus, every change announced as a line, no colour, no
// boxes, no screen control. The confirmations are those of the full face.
//
// It does not: judge, plan or change anything itself. Only tui may import it.
package plain
