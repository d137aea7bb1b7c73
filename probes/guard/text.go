package guard

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text makes text from a server safe to show: valid UTF-8, printable, one line, at most
// limit bytes (an ellipsis says that something was cut). An answer must not be able to
// move a cursor, forge a line of a log, or fill a screen.
func Text(s string, limit int) string {
	if len(s) <= limit && !strings.ContainsFunc(s, unfit) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if b.Len() >= limit-3 {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case unfit(r):
			b.WriteByte('.')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unfit covers control characters of both ranges, direction marks and broken UTF-8.
func unfit(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
