//go:build integration

package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/test/lab"
)

// event is a line of `go test -json` (cmd/test2json).
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// report prints what go test does while it does it: a line per test and per server, and
// of what fails all that it has printed.
type report struct {
	to      io.Writer
	pkg     string
	said    map[string][]string // by top-level test; "" is the package itself
	passed  int
	failed  []string
	took    map[string]float64 // by package
	running string
}

func newReport(to io.Writer) *report {
	return &report{to: to, said: map[string][]string{}, took: map[string]float64{}}
}

// read prints until go test ends.
func (r *report) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		var e event
		if json.Unmarshal([]byte(line), &e) == nil && e.Action != "" {
			r.take(e)
		} else {
			r.print("%s", line)
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (r *report) print(format string, args ...any) { _, _ = fmt.Fprintf(r.to, format, args...) }

func (r *report) take(e event) {
	top, sub, _ := strings.Cut(e.Test, "/")
	switch e.Action {
	case "start":
		r.pkg = e.Package
		clear(r.said)
		r.print("%s\n", e.Package)
	case "run":
		if sub == "" {
			r.running = top
		}
	case "output", "build-output":
		r.output(top, e.Output)
	case "pass", "fail", "skip", "build-fail":
		if sub == "" {
			r.end(e)
		}
	}
}

// output keeps what a test prints for the case that it fails. What the lab tells of its
// servers is printed at once; of a line that is told in pieces only its beginning counts.
func (r *report) output(test, text string) {
	if told, yes := strings.CutPrefix(text, lab.Mark); yes {
		r.print("            %s\n", strings.TrimSpace(told))
	}
	r.said[test] = append(r.said[test], text)
}

func (r *report) end(e event) {
	name := cmp.Or(e.Test, e.Package, "build")
	switch {
	case e.Action == "fail" || e.Action == "build-fail":
		if e.Test == "" && len(r.failed) > 0 && strings.HasPrefix(r.failed[len(r.failed)-1], e.Package+" ") {
			break // the package failed because of the test that was named
		}
		if e.Action == "fail" { // a build that fails is told again with its package
			r.failed = append(r.failed, strings.TrimSpace(e.Package+" "+e.Test))
		}
		r.print("  FAILED  %6.1f s  %s\n", e.Elapsed, name)
		for _, line := range r.said[e.Test] {
			r.print("    %s", line)
		}
	case e.Action == "skip" && e.Test != "":
		r.failed = append(r.failed, e.Package+" "+e.Test+": skipped")
		r.print("  SKIPPED %6.1f s  %s\n", e.Elapsed, name)
	case e.Test != "":
		r.passed++
		r.print("  ok      %6.1f s  %s\n", e.Elapsed, name)
	}
	if e.Test == "" {
		r.took[e.Package] = e.Elapsed
	}
	delete(r.said, e.Test)
	r.running = ""
}

// unfinished names what was running when it was stopped.
func (r *report) unfinished() {
	if r.running != "" {
		r.print("  stopped in %s\n", r.running)
	}
}

// summary says how long each package took, and what failed.
func (r *report) summary() {
	total := 0.0
	for _, p := range slices.Sorted(maps.Keys(r.took)) {
		r.print("%8.1f s  %s\n", r.took[p], p)
		total += r.took[p]
	}
	r.print("%8.1f s  %d passed, %d failed\n", total, r.passed, len(r.failed))
	for _, f := range r.failed {
		r.print("FAILED  %s\n", f)
	}
}
