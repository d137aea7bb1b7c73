package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration file. Its texts never
// hold the value of a secret.
type Problem struct {
	File string `json:"file"`
	// Line and Column count from 1; 0 when the problem has no place in the file.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Path is where in the document, e.g. "sites[0].gateway.ipv4[1]".
	Path string `json:"path"`
	// What is wrong, Expected what would be right, Todo the next step for a person.
	What     string `json:"what"`
	Expected string `json:"expected"`
	Todo     string `json:"todo"`
}

// String renders "file:line:column: what; expected X; do Y".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(p.What)
	if p.Expected != "" {
		b.WriteString("; expected " + p.Expected)
	}
	if p.Todo != "" {
		b.WriteString("; " + p.Todo)
	}
	return b.String()
}

// Problems is every problem of one file, in the order of the file. It is the
// error of Load and Parse for a file that could be read but is wrong; test with
// errors.As.
type Problems []Problem

// Error renders one problem per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the problems in the order of the file, without repetitions.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return slices.Compact(ps)
}
