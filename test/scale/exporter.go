package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// module is the exporter's configuration: one question over HTTP, as our probe asks it.
const module = `modules:
  http_2xx:
    prober: http
    timeout: 5s
    http:
      preferred_ip_protocol: ip4
`

// exporter measures the exporter on the same targets, at the same rate. Its own schedule
// is Prometheus's, so lateness is not told; the requests that stand for Prometheus are
// this process's and are not counted.
func (m *measurement) exporter(ctx context.Context, command string, n int) (report, error) {
	path, err := exec.LookPath(command)
	if err != nil {
		return report{}, fmt.Errorf("%w: install Debian's prometheus-blackbox-exporter, or leave it out with -exporter ''", err)
	}
	var at addresses
	if err := json.Unmarshal([]byte(m.at), &at); err != nil {
		return report{}, err
	}
	dir, err := os.MkdirTemp("", "dutyops-scale-")
	if err != nil {
		return report{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "blackbox.yml")
	if err := os.WriteFile(file, []byte(module), 0o600); err != nil {
		return report{}, err
	}
	listen, err := freeAddress(ctx)
	if err != nil {
		return report{}, err
	}
	cmd := exec.CommandContext(ctx, path, "--config.file="+file, "--web.listen-address="+listen, "--log.level=error")
	if err := cmd.Start(); err != nil {
		return report{}, err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	ask := "http://" + listen + "/probe?module=http_2xx&target=" + url.QueryEscape(at["http"])
	if err := await(ctx, client, ask); err != nil {
		return report{}, err
	}
	_, idle, err := usage(cmd.Process.Pid)
	if err != nil {
		return report{}, err
	}
	m.load(ctx, client, ask, n, m.warm)
	before, _, err := usage(cmd.Process.Pid)
	if err != nil {
		return report{}, err
	}
	began := time.Now()
	probes, failed := m.load(ctx, client, ask, n, m.last)
	after, rss, err := usage(cmd.Process.Pid)
	return report{
		What: filepath.Base(command), Targets: n, Interval: m.interval, Took: time.Since(began), CPU: after - before,
		Probes: probes, NotUp: failed, Worst: -1, Memory: rss, Idle: idle,
	}, err
}

// load asks the exporter for n targets every interval, evenly spread, for as long as d.
func (m *measurement) load(ctx context.Context, client *http.Client, ask string, n int, d time.Duration) (probes, failed int64) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	const workers = 64
	var done, bad atomic.Int64
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			every := m.interval * workers / time.Duration(n)
			t := time.NewTicker(max(every, time.Millisecond))
			defer t.Stop()
			_ = rest(ctx, every*time.Duration(i)/workers)
			for {
				select {
				case <-ctx.Done():
					return
				case <-t.C:
				}
				// A request that is under way when the time is over is still answered and counted.
				if get(context.WithoutCancel(ctx), client, ask) == nil {
					done.Add(1)
				} else {
					bad.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return done.Load() + bad.Load(), bad.Load()
}

func get(ctx context.Context, client *http.Client, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the exporter answered %s", res.Status)
	}
	return nil
}

// await returns when the exporter answers.
func await(ctx context.Context, client *http.Client, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		err := get(ctx, client, address)
		if err == nil {
			return nil
		}
		if rest(ctx, 50*time.Millisecond) != nil {
			return fmt.Errorf("the exporter does not answer: %w", err)
		}
	}
}

func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
