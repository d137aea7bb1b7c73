package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run() error {
	var (
		role     = flag.String("role", "", "what this process is: serve, watch, or nothing for the measurement itself")
		counts   = flag.String("n", "500,2000,20000", "numbers of targets")
		kinds    = flag.Bool("kinds", false, "a run of each kind, instead of HTTP in several numbers")
		whole    = flag.Bool("console", false, "the whole console on so many components (-targets), headless")
		kind     = flag.String("kind", "http", "kind of the targets (watch)")
		n        = flag.Int("targets", 2000, "number of targets (watch, -console)")
		interval = flag.Duration("interval", time.Second, "between two probes of a target")
		warm     = flag.Duration("warm", 5*time.Second, "before anything is counted")
		last     = flag.Duration("for", 20*time.Second, "how long is counted")
		servers  = flag.String("servers", "", "addresses of the simulated servers, JSON (watch)")
		exporter = flag.String("exporter", "prometheus-blackbox-exporter", "command to compare with; empty = none")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch *role {
	case "serve":
		return serve(ctx)
	case "watch":
		var at addresses
		if err := json.Unmarshal([]byte(*servers), &at); err != nil {
			return fmt.Errorf("-servers: %w", err)
		}
		return watch(ctx, spec{Kind: *kind, Targets: *n, Interval: *interval, Warm: *warm, For: *last}, at)
	case "":
	default:
		return fmt.Errorf("-role %s: expected serve or watch", *role)
	}
	m := &measurement{interval: *interval, warm: *warm, last: *last}
	if err := m.start(ctx); err != nil {
		return err
	}
	defer m.stop()
	if *whole {
		return m.console(ctx, *n)
	}
	if *kinds {
		return m.eachKind(ctx)
	}
	return m.growth(ctx, *counts, *exporter)
}

// measurement is one run of the whole: the simulated servers live through it.
type measurement struct {
	interval, warm, last time.Duration

	servers *exec.Cmd
	at      string
}

func (m *measurement) start(ctx context.Context) error {
	cmd, out, err := self(ctx, "-role", "serve")
	if err != nil {
		return err
	}
	m.servers = cmd
	line, err := out.ReadString('\n')
	if err != nil {
		return fmt.Errorf("the simulated servers did not start: %w", err)
	}
	m.at = strings.TrimSpace(line)
	return nil
}

func (m *measurement) stop() {
	_ = m.servers.Process.Signal(os.Interrupt)
	_ = m.servers.Wait()
}

// watch measures one watcher process.
func (m *measurement) watch(ctx context.Context, kind string, n int, interval time.Duration) (report, error) {
	cmd, out, err := self(ctx, "-role", "watch", "-kind", kind, "-targets", fmt.Sprint(n), "-interval", interval.String(),
		"-warm", m.warm.String(), "-for", m.last.String(), "-servers", m.at)
	if err != nil {
		return report{}, err
	}
	var r report
	if err := json.NewDecoder(out).Decode(&r); err != nil {
		_ = cmd.Wait()
		return report{}, fmt.Errorf("watch %d of %s: %w", n, kind, err)
	}
	return r, cmd.Wait()
}

func (m *measurement) growth(ctx context.Context, counts, exporter string) error {
	w := tabwriter.NewWriter(os.Stdout, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "watcher\ttargets\tinterval\tprobes\tCPU per probe\tof a core\tmemory\tper target\tlate by > 5 %\tworst start")
	for _, s := range strings.Split(counts, ",") {
		var n int
		if _, err := fmt.Sscan(s, &n); err != nil {
			return fmt.Errorf("-n %s: %w", s, err)
		}
		// What two cores can answer for: 2,000 a second. More targets are asked less often.
		interval := m.interval * time.Duration(max(1, n/2000))
		r, err := m.watch(ctx, "http", n, interval)
		if err != nil {
			return err
		}
		r.row(w)
		_ = w.Flush()
	}
	if exporter == "" {
		return nil
	}
	r, err := m.exporter(ctx, exporter, 2000)
	if err != nil {
		return err
	}
	r.row(w)
	return w.Flush()
}

func (m *measurement) eachKind(ctx context.Context) error {
	w := tabwriter.NewWriter(os.Stdout, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "kind\ttargets\tinterval\tprobes\tCPU per probe\tof a core\tmemory\tper target\tlate by > 5 %\tworst start")
	for _, k := range simulatedKinds {
		r, err := m.watch(ctx, k, 1000, m.interval)
		if err != nil {
			return err
		}
		r.row(w)
		_ = w.Flush()
	}
	return nil
}
