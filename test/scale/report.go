package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// spec is what one watcher does.
type spec struct {
	Kind     string
	Targets  int
	Interval time.Duration
	Warm     time.Duration
	For      time.Duration
}

// report is what one watcher cost.
type report struct {
	What     string        `json:"what"`
	Targets  int           `json:"targets"`
	Interval time.Duration `json:"interval"`
	Probes   int64         `json:"probes"`
	CPU      time.Duration `json:"cpu"`
	Took     time.Duration `json:"took"`
	// Memory is resident, in bytes; Idle the same before there was a target.
	Memory int64 `json:"memory"`
	Idle   int64 `json:"idle"`
	// Late counts probes that began later than 5 % of the interval after their time;
	// Worst is the latest of all.
	Late  int64         `json:"late"`
	Worst time.Duration `json:"worst"`
	NotUp int64         `json:"not_up"`
}

func (r report) row(w io.Writer) {
	late, worst := fmt.Sprint(r.Late), r.Worst.Round(100*time.Microsecond).String()
	if r.Worst < 0 {
		late, worst = "not told", "not told"
	}
	per := time.Duration(0)
	if r.Probes > 0 {
		per = r.CPU / time.Duration(r.Probes)
	}
	fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t%.1f %%\t%.1f MB\t%.1f KB\t%s\t%s", r.What, r.Targets, r.Interval, r.Probes, per.Round(time.Microsecond),
		100*float64(r.CPU)/float64(r.Took), float64(r.Memory)/1e6, float64(r.Memory-r.Idle)/float64(r.Targets)/1e3, late, worst)
	if r.NotUp > 0 {
		fmt.Fprintf(w, "\t%d answers were not up", r.NotUp)
	}
	fmt.Fprintln(w)
}

// usage is a process's CPU time and resident memory, from the kernel (proc(5)).
func usage(pid int) (cpu time.Duration, rss int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("this measurement reads /proc: %w", err)
	}
	// The command's name stands in brackets and may hold anything.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 22 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	var ticks int64
	for _, s := range f[11:13] { // utime, stime
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	pages, err := strconv.ParseInt(f[21], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	const userHZ = 100 // of every Linux that Go runs on
	return time.Duration(ticks) * time.Second / userHZ, pages * int64(os.Getpagesize()), nil
}

// self starts this program again in another role; its output is read line by line.
func self(ctx context.Context, args ...string) (*exec.Cmd, *bufio.Reader, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, exe, args...) //nolint:gosec // ourselves
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	return cmd, bufio.NewReader(out), nil
}
