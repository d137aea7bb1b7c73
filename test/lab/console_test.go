//go:build integration

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the built dutyops, made once by TestMain.
var binary string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

// testMain builds the binary, unless DUTYOPS_BINARY names one that is built already.
func testMain(m *testing.M) int {
	if binary = os.Getenv("DUTYOPS_BINARY"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "dutyops-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "dutyops")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/dutyops/dutyops/cmd/dutyops")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build dutyops:", err)
		return 1
	}
	return m.Run()
}

// console calls the built binary as a script would.
type console struct {
	config, state string
}

func newConsole(t *testing.T, l *Lab) *console {
	t.Helper()
	return &console{config: l.Config, state: t.TempDir()}
}

func (c *console) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, append([]string{"-c", c.config}, args...)...) //nolint:gosec // the binary under test
	cmd.Env = append(os.Environ(), "DUTYOPS_STATE="+c.state, "DUTYOPS_OPERATOR=duty", "DUTYOPS_CONFIG=")
	return cmd
}

// run returns the exit code, stdout and stderr.
func (c *console) run(ctx context.Context, args ...string) (code int, out, errs string, err error) {
	cmd := c.command(ctx, args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), o.String(), e.String(), nil
	}
	return 0, o.String(), e.String(), err
}

// want runs a verb, fails unless it exits with code, and reads its JSON into into.
func (c *console) want(ctx context.Context, t *testing.T, code int, into any, args ...string) {
	t.Helper()
	if into != nil {
		args = append(args, "-o", "json")
	}
	got, out, errs, err := c.run(ctx, args...)
	if err != nil {
		t.Fatalf("dutyops %v: %v\n%s", args, err, errs)
	}
	if got != code {
		t.Fatalf("dutyops %v: exit %d, want %d\nstdout: %s\nstderr: %s", args, got, code, out, errs)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(out), into); err != nil {
			t.Fatalf("dutyops %v: stdout is not one JSON document: %v\n%s", args, err, out)
		}
	}
}

// The JSON names below are the public contract; they are written out here on purpose.

type statusDoc struct {
	Environment string `json:"environment"`
	ServingSite string `json:"serving_site"`
	Case        string `json:"case"`
	Advice      struct {
		Action    string   `json:"action"`
		To        string   `json:"to"`
		Because   []string `json:"because"`
		BlockedBy []struct {
			Gate     string `json:"gate"`
			Evidence string `json:"evidence"`
		} `json:"blocked_by"`
	} `json:"advice"`
	Sites []struct {
		Name      string `json:"name"`
		Role      string `json:"role"`
		State     string `json:"state"`
		Platforms []struct {
			Name       string `json:"name"`
			State      string `json:"state"`
			Components []struct {
				Name   string `json:"name"`
				State  string `json:"state"`
				Detail string `json:"detail"`
				Sync   *struct {
					Policy string  `json:"policy"`
					State  string  `json:"state"`
					LagS   float64 `json:"lag_s"`
					Note   string  `json:"note"`
				} `json:"sync"`
			} `json:"components"`
		} `json:"platforms"`
	} `json:"sites"`
	Domains []struct {
		Name     string `json:"name"`
		PointsAt string `json:"points_at"`
	} `json:"domains"`
}

// sync finds "streaming, lag 0" of a component, or says what it found.
func (s statusDoc) sync(site, component string) (state string, lag float64, note string) {
	for _, x := range s.Sites {
		if x.Name != site {
			continue
		}
		for _, p := range x.Platforms {
			for _, c := range p.Components {
				if c.Name == component && c.Sync != nil {
					return c.Sync.State, c.Sync.LagS, c.Sync.Note
				}
			}
		}
	}
	return "", -1, "no such component"
}

type runDoc struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	From  string `json:"from"`
	To    string `json:"to"`
	State string `json:"state"`
	Steps []struct {
		ID       string   `json:"id"`
		Title    string   `json:"title"`
		State    string   `json:"state"`
		Evidence []string `json:"evidence"`
		Error    string   `json:"error"`
	} `json:"steps"`
	DNS struct {
		Planned int `json:"records_planned"`
		Changed int `json:"records_changed"`
	} `json:"dns"`
	RTO struct {
		TotalMS  int64 `json:"total_ms"`
		DetectMS int64 `json:"detect_ms"`
	} `json:"rto"`
}

func (r runDoc) log(t *testing.T) {
	t.Helper()
	t.Logf("%s %s -> %s: %s, dns %d/%d, rto %d ms (detect %d)", r.Kind, r.From, r.To, r.State, r.DNS.Changed, r.DNS.Planned, r.RTO.TotalMS, r.RTO.DetectMS)
	for _, s := range r.Steps {
		t.Logf("  %-8s %s %v %s", s.State, s.Title, s.Evidence, s.Error)
	}
}
