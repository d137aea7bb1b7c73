package backend

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/failoverplan"
)

var update = flag.Bool("update", false, "rewrite what is generated")

const (
	safetyFile  = "../docs/safety.md"
	safetyBegin = "<!-- generated from the code: go test ./backend -run TestSafetyDoc -update -->\n"
	safetyEnd   = "<!-- end of generated part -->\n"
)

// TestSafetyDocIsUpToDate: the tables of docs/safety.md are made from the lists that
// tests hold against the code, so the page cannot lie.
func TestSafetyDocIsUpToDate(t *testing.T) {
	data, err := os.ReadFile(safetyFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), safetyBegin)
	_, tail, ok2 := strings.Cut(rest, safetyEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has lost its markers", safetyFile)
	}
	want := head + safetyBegin + safetyTables() + safetyEnd + tail
	if *update {
		if err := os.WriteFile(safetyFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(data) != want {
		t.Errorf("%s is out of date; run: go test ./backend -run TestSafetyDoc -update", safetyFile)
	}
}

func safetyTables() string {
	var b strings.Builder
	b.WriteString("## Gates of a plan and of a roll-back\n\n| gate | judges | | looks at | clears when |\n|---|---|---|---|---|\n")
	for _, g := range failoverplan.GateList() {
		kind := "hard"
		if g.Soft {
			kind = "soft"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", g.Gate, strings.Join(g.Of, ", "), kind, g.Looks, g.Clears)
	}
	b.WriteString("\n## Guards of the writer\n\n| guard | looks at | clears when |\n|---|---|---|\n")
	for _, g := range switching.GuardList() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", g.Guard, g.Looks, g.Clears)
	}
	return b.String()
}
