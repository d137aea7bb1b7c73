//go:build integration

package lab

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	// Tell is the variable of the environment that makes the lab print to stderr what it
	// starts and how long that took, a line each.
	Tell = "DUTYOPS_LAB_TELL"
	// Mark is how such a line begins.
	Mark = "lab: "
)

func tell(line string) {
	if os.Getenv(Tell) != "" {
		fmt.Fprintln(os.Stderr, Mark+line)
	}
}

// toldKey marks the context of a start that is told of as a part.
type toldKey struct{}

// tellStart tells of one server, named by its folder in the lab, unless a part is told of.
func (p *proc) tellStart(ctx context.Context, took time.Duration) {
	if ctx.Value(toldKey{}) != nil {
		return
	}
	where := p.dir
	if i := strings.LastIndex(where, "/dutyops-lab-"); i >= 0 {
		_, where, _ = strings.Cut(where[i+1:], "/")
	}
	tell(fmt.Sprintf("%5.1f s  %s of %s", took.Seconds(), p.name, where))
}
