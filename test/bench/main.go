// Command bench measures the numbers of docs/benchmarks.md on the machine it runs
// on, and prints them as a Markdown table:
//
//	go run ./test/bench
//
// It builds a stripped binary, starts it as a person or a script would, and reads
// time, size and /proc. It asserts nothing. Nothing imports it.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
)

func main() {
	if err := measure(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	ctx    context.Context
	dir    string
	binary string
}

func measure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "dutyops-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{ctx: ctx, dir: dir, binary: filepath.Join(dir, "dutyops")}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.binary, "./cmd/dutyops")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	fmt.Println("| what | measured | target |\n|---|---|---|")
	for _, step := range []func() error{b.size, b.version, b.ready, b.firstFrame, b.switchTimes} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func row(what, got, target string) { fmt.Printf("| %s | %s | %s |\n", what, got, target) }

func (b *bench) size() error {
	st, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	row("stripped static binary", fmt.Sprintf("%.1f MB", float64(st.Size())/1e6), "<= 40 MB")
	return nil
}

// median of n timings.
func median(n int, f func() (time.Duration, error)) (time.Duration, error) {
	var ds []time.Duration
	for range n {
		d, err := f()
		if err != nil {
			return 0, err
		}
		ds = append(ds, d)
	}
	slices.Sort(ds)
	return ds[n/2], nil
}

func (b *bench) version() error {
	d, err := median(11, func() (time.Duration, error) {
		begin := time.Now()
		err := exec.CommandContext(b.ctx, b.binary, "version").Run()
		return time.Since(begin), err
	})
	row("`dutyops version`, median of 11", ms(d), "<= 50 ms")
	return err
}

func ms(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000) }

// site is a running headless sandbox.
type site struct {
	cmd     *exec.Cmd
	dir     string
	ready   time.Duration
	control string
}

func (b *bench) sandbox() (*site, error) {
	dir, err := os.MkdirTemp(b.dir, "sandbox-")
	if err != nil {
		return nil, err
	}
	s := &site{dir: dir, cmd: exec.CommandContext(b.ctx, b.binary, "sandbox", "--headless", "--dir", dir)}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return nil, fmt.Errorf("no ready line: %w", err)
	}
	s.ready = time.Since(begin)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	var truth struct{ Control string }
	text, err := os.ReadFile(filepath.Join(dir, "sandbox.json"))
	if err == nil {
		err = json.Unmarshal(text, &truth)
	}
	s.control = truth.Control
	return s, err
}

func (s *site) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

func (b *bench) ready() error {
	var last *site
	d, err := median(5, func() (time.Duration, error) {
		if last != nil {
			last.stop()
		}
		var err error
		last, err = b.sandbox()
		if err != nil {
			return 0, err
		}
		return last.ready, nil
	})
	if err != nil {
		return err
	}
	defer last.stop()
	row("sandbox ready, process start to ready line, median of 5", ms(d), "<= 1 s")
	if err := b.wait(5 * time.Second); err != nil {
		return err
	}
	before, err := cpu(last.cmd.Process.Pid)
	if err != nil {
		return err
	}
	const span = 20 * time.Second
	if err := b.wait(span); err != nil {
		return err
	}
	after, err := cpu(last.cmd.Process.Pid)
	if err != nil {
		return err
	}
	rss, err := memory(last.cmd.Process.Pid)
	if err != nil {
		return err
	}
	row("sandbox, resident memory after 25 s", fmt.Sprintf("%.0f MB", rss), "<= 150 MB")
	row("sandbox, processor while nothing happens but messages and users", fmt.Sprintf("%.1f %% of a core", 100*(after-before).Seconds()/span.Seconds()), "<= 3 %")
	return nil
}

func (b *bench) wait(d time.Duration) error {
	select {
	case <-b.ctx.Done():
		return b.ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// cpu is user and system time of a process so far, from /proc (100 ticks a second).
func cpu(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+2:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11], &user); err != nil {
		return 0, err
	}
	_, err = fmt.Sscan(fields[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond, err
}

// memory is the resident set in megabytes.
func memory(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(text), "\n") {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			return kb / 1024, nil
		}
	}
	return 0, errors.New("no VmRSS")
}

// firstFrame is from starting the console to the first screen that holds a site's name.
func (b *bench) firstFrame() error {
	s, err := b.sandbox()
	if err != nil {
		return err
	}
	defer s.stop()
	for _, c := range []struct {
		what, needle, target string
		args                 []string
	}{
		{"first TUI frame, console on a configuration, median of 5", "primary", "<= 150 ms", []string{"-c", filepath.Join(s.dir, "dutyops.yaml")}},
		{"first screen of `dutyops sandbox` (says what it starts), median of 5", "starting", "<= 150 ms", []string{"sandbox"}},
		{"dashboard of `dutyops sandbox`, both sites started, median of 5", "primary", "", []string{"sandbox"}},
	} {
		d, err := median(5, func() (time.Duration, error) { return b.frame(c.needle, c.args) })
		if err != nil {
			return err
		}
		row(c.what, ms(d), c.target)
	}
	return nil
}

// frame is from process start to the first output that holds the needle.
func (b *bench) frame(needle string, args []string) (time.Duration, error) {
	cmd := exec.CommandContext(b.ctx, b.binary, args...)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "DUTYOPS_STATE="+filepath.Join(b.dir, "state"))
	begin := time.Now()
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = tty.Close()
	}()
	var seen []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := tty.Read(buf)
		seen = append(seen, buf[:n]...)
		if bytes.Contains(seen, []byte(needle)) {
			return time.Since(begin), nil
		}
		if err != nil {
			return 0, fmt.Errorf("the console ended before its first frame: %w\n%q", err, seen)
		}
	}
}

type runDoc struct {
	Steps []struct {
		Action   string    `json:"action"`
		Started  time.Time `json:"started"`
		Finished time.Time `json:"finished"`
	} `json:"steps"`
	Started time.Time `json:"started"`
	RTO     struct {
		TotalMS  int64 `json:"total_ms"`
		DetectMS int64 `json:"detect_ms"`
	} `json:"rto"`
}

// switchTimes breaks a site, fails over by command, and asks the sandbox what users saw.
func (b *bench) switchTimes() error {
	for _, platform := range []string{"business", "data"} {
		s, err := b.sandbox()
		if err != nil {
			return err
		}
		err = b.switchOnce(s, platform)
		s.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) switchOnce(s *site, platform string) error {
	call := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(b.ctx, b.binary, append([]string{"-c", filepath.Join(s.dir, "dutyops.yaml")}, args...)...)
		cmd.Env = append(os.Environ(), "DUTYOPS_STATE="+filepath.Join(s.dir, "state"))
		out, err := cmd.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return out, fmt.Errorf("dutyops %s: %w\n%s", strings.Join(args, " "), err, exit.Stderr)
		}
		return out, err
	}
	if _, err := call("status"); err != nil {
		return err
	}
	if _, err := call("sandbox", "fault", "primary/"+platform, "down", "--dir", s.dir); err != nil {
		return err
	}
	out, err := call("failover", "--to", "standby", "--yes", "--reason", "bench", "-o", "json")
	if err != nil {
		return err
	}
	var r runDoc
	if err := json.Unmarshal(out, &r); err != nil {
		return err
	}
	for _, x := range r.Steps {
		if x.Action == "verify-authoritative" {
			row(fmt.Sprintf("failover, primary/%s down: run begun to authoritative answers changed", platform), ms(x.Finished.Sub(r.Started)), "<= 300 ms")
		}
	}
	if err := b.wait(3 * time.Second); err != nil {
		return err
	}
	var u struct {
		LongestOutageMS int64  `json:"longest_outage_ms"`
		Now             string `json:"now"`
	}
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, s.control+"/users", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&u); err != nil {
		return err
	}
	const ttl = 2000
	row(fmt.Sprintf("users' longest outage, primary/%s down, failover given at once", platform), fmt.Sprintf("%d ms, now served by %s", u.LongestOutageMS, u.Now),
		fmt.Sprintf("floor %d ms = detection %d + resolver TTL %d", r.RTO.DetectMS+ttl, r.RTO.DetectMS, ttl))
	return nil
}
