package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// console measures the whole program, headless, on a configuration of n components:
// probes, monitor, judgement, journal and one JSON document per picture.
func (m *measurement) console(ctx context.Context, n int) (err error) {
	var at addresses
	if err := json.Unmarshal([]byte(m.at), &at); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "dutyops-scale-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, file := filepath.Join(dir, "dutyops"), filepath.Join(dir, "dutyops.yaml")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/dutyops")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the console, at the top of the repository: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("bm9ib2R5IGlzIGFza2Vk\n"), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(manyComponents(n, strings.TrimSuffix(at["http"], "/health"))), 0o600); err != nil {
		return err
	}
	run := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, binary, append(args, "-c", file, "-o", "json")...) //nolint:gosec // just built
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+dir)
		return cmd
	}
	began := time.Now()
	_, err = run("status").Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) { // 3 is an answer: no DNS here
		return err
	}
	once := time.Since(began)

	cmd := run("status", "--watch")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }()
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if err := rest(ctx, m.warm); err != nil {
		return err
	}
	before, _, err := usage(cmd.Process.Pid)
	if err != nil {
		return err
	}
	began = time.Now()
	if err := rest(ctx, m.last); err != nil {
		return err
	}
	after, rss, err := usage(cmd.Process.Pid)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "console\tcomponents\tstatus, once\tstatus --watch\tmemory")
	fmt.Fprintf(w, "dutyops\t%d\t%s\t%.1f %% of a core\t%.1f MB\n", n, once.Round(10*time.Millisecond), 100*float64(after-before)/float64(time.Since(began)), float64(rss)/1e6)
	return w.Flush()
}

// manyComponents is a configuration of two sites with n HTTP components in all. Its name
// server does not exist.
func manyComponents(n int, url string) string {
	var b strings.Builder
	fmt.Fprintln(&b, "version: 1\nenvironment: production\nhome: primary\nsites:")
	for i, site := range []string{"primary", "standby"} {
		fmt.Fprintf(&b, "  - name: %s\n    weight: %d\n    gateway: {ipv4: [127.0.0.%d], url: \"%s/%s\", health_path: /health}\n", site, 100-i, i+1, url, site)
		fmt.Fprintf(&b, "    business: {components: [{name: web, kind: http, url: \"%s/%s/web\"}]}\n    data:\n      components:\n", url, site)
		for c := range n / 2 {
			fmt.Fprintf(&b, "        - {name: c%05d, kind: http, url: \"%s/%s/%d\"}\n", c, url, site, c)
		}
	}
	b.WriteString(`stations: [{name: HAM}]
domains: [{name: ham.app.example.com, station: HAM}]
dns:
  providers: [{name: own, kind: rfc2136, server: "127.0.0.1:9", key_name: nobody.example.com, key_secret: "file:key"}]
  zones: [{name: app.example.com, provider: own, authoritative: ["127.0.0.1:9"]}]
`)
	return b.String()
}
