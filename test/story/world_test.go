package story

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "dutyops-story-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "dutyops")
	build := exec.Command("go", "build", "-o", binary, "github.com/dutyops/dutyops/cmd/dutyops")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// lookAtSources opens every source file that the binary is made of: the test cache
// knows nothing of what go build read, and would remember a result for too long.
// Only what is opened while tests run counts, so every sandbox that starts asks for it.
var lookAtSources = sync.OnceFunc(func() {
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return f.Close()
	})
	if err != nil {
		panic(err)
	}
})

// lockedBuffer may be written by a process while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is one running headless sandbox.
type world struct {
	t     *testing.T
	dir   string
	state string
	truth struct {
		Control string   `json:"control"`
		Domains []string `json:"domains"`
		DNS     struct {
			Authoritative []string `json:"authoritative"`
			Resolver      string   `json:"resolver"`
			Cloudflare    string   `json:"cloudflare"`
		} `json:"dns"`
		Sites map[string]struct {
			GatewayAddress string `json:"gateway_address"`
			GatewayURL     string `json:"gateway_url"`
		} `json:"sites"`
	}
}

func start(t *testing.T, extra ...string) *world {
	t.Helper()
	lookAtSources()
	w := &world{t: t, dir: t.TempDir(), state: t.TempDir()}
	cmd := exec.Command(binary, append([]string{"sandbox", "--headless", "--dir", w.dir}, extra...)...)
	var log lockedBuffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the sandbox ended with %v\n%s", err, log.String())
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("no ready line: %v\n%s", err, log.String())
	}
	var ready struct {
		Ready  bool   `json:"ready"`
		Config string `json:"config"`
	}
	if err := json.Unmarshal(line, &ready); err != nil || !ready.Ready || ready.Config == "" {
		t.Fatalf("ready line %q: %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	b, err := os.ReadFile(filepath.Join(w.dir, "sandbox.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &w.truth); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, append([]string{"-c", filepath.Join(w.dir, "dutyops.yaml")}, args...)...)
	cmd.Env = append(os.Environ(), "DUTYOPS_STATE="+w.state, "DUTYOPS_OPERATOR=story")
	return cmd
}

// run executes a verb and returns exit code, stdout and stderr.
func (w *world) run(args ...string) (int, []byte, string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := w.command(args...)
	var out, errb bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errb
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, out.Bytes(), errb.String()
	case errors.As(err, &exit):
		return exit.ExitCode(), out.Bytes(), errb.String()
	}
	w.t.Fatal(err)
	return 0, nil, ""
}

// must runs a verb with -o json, insists on the exit code (any when negative), and decodes into v.
func (w *world) must(code int, v any, args ...string) {
	w.t.Helper()
	got, out, errs := w.run(append(args, "-o", "json")...)
	if got != code && code >= 0 {
		w.t.Fatalf("dutyops %s: exit %d, want %d\n%s\n%s", strings.Join(args, " "), got, code, errs, out)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(out, v); err != nil {
		w.t.Fatalf("dutyops %s: stdout is not one JSON document: %v\n%s", strings.Join(args, " "), err, out)
	}
}

type status struct {
	Environment string `json:"environment"`
	ServingSite string `json:"serving_site"`
	DataSite    string `json:"data_site"`
	Case        string `json:"case"`
	Advice      struct {
		Action  string   `json:"action"`
		To      string   `json:"to"`
		Because []string `json:"because"`
	} `json:"advice"`
	Sites []struct {
		Name      string `json:"name"`
		State     string `json:"state"`
		Platforms []struct {
			Name       string `json:"name"`
			State      string `json:"state"`
			Components []struct {
				Name  string `json:"name"`
				State string `json:"state"`
				Sync  *struct {
					Policy string  `json:"policy"`
					State  string  `json:"state"`
					LagS   float64 `json:"lag_s"`
				} `json:"sync"`
			} `json:"components"`
		} `json:"platforms"`
	} `json:"sites"`
	Domains []struct {
		Name     string `json:"name"`
		PointsAt string `json:"points_at"`
	} `json:"domains"`
	Feeds []struct {
		Name     string `json:"name"`
		Attached string `json:"attached"`
	} `json:"feeds"`
}

type runDoc struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Problem  string `json:"problem"`
	PlanHash string `json:"plan_hash"`
	Steps    []struct {
		Title, State, Error string
		Attempts            int
	} `json:"steps"`
	DNS struct {
		RecordsPlanned int `json:"records_planned"`
		RecordsChanged int `json:"records_changed"`
		APICalls       int `json:"api_calls"`
	} `json:"dns"`
	RTO struct {
		TotalMS  int64 `json:"total_ms"`
		DetectMS int64 `json:"detect_ms"`
	} `json:"rto"`
	RPO []struct {
		Component string `json:"component"`
		Lost      int64  `json:"lost"`
	} `json:"rpo"`
}

type users struct {
	Requests        int64            `json:"requests"`
	Failed          int64            `json:"failed"`
	ServedBy        map[string]int64 `json:"served_by"`
	LongestOutageMS int64            `json:"longest_outage_ms"`
	Now             string           `json:"now"`
}

type truth struct {
	Sent  int64 `json:"sent"`
	Sites map[string]struct {
		Present    int64 `json:"present"`
		Missing    int64 `json:"missing"`
		Duplicated int64 `json:"duplicated"`
	} `json:"sites"`
}

func (w *world) ask(path string, v any) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.truth.Control+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
}

// until polls a condition; it fails the test with what was seen last.
func (w *world) until(what string, limit time.Duration, look func() (bool, string)) {
	w.t.Helper()
	deadline := time.Now().Add(limit)
	last := ""
	for time.Now().Before(deadline) {
		ok, seen := look()
		if ok {
			return
		}
		last = seen
		select {
		case <-w.t.Context().Done():
			w.t.Fatal("test ended")
		case <-time.After(100 * time.Millisecond):
		}
	}
	w.t.Fatalf("%s: not within %s; last seen: %s", what, limit, last)
}

func (w *world) usersServedBy(site string) {
	w.t.Helper()
	w.until("users served by "+site, 20*time.Second, func() (bool, string) {
		var u users
		w.ask("/users", &u)
		return u.Now == site, fmt.Sprintf("%+v", u)
	})
}

// everythingArrives waits until the site has at least everything that had been sent
// when the question was asked: nothing is lost, whatever was on its way.
func (w *world) everythingArrives(site string) {
	w.t.Helper()
	var before truth
	w.ask("/truth", &before)
	w.until(site+" has every message", 30*time.Second, func() (bool, string) {
		var tr truth
		w.ask("/truth", &tr)
		return tr.Sites[site].Present >= before.Sent, fmt.Sprintf("%d had been sent; %+v", before.Sent, tr)
	})
}

func (w *world) fault(target, kind string) {
	w.t.Helper()
	if code, out, errs := w.run("sandbox", "fault", target, kind, "--dir", w.dir); code != 0 {
		w.t.Fatalf("fault %s %s: exit %d %s %s", target, kind, code, out, errs)
	}
}

func (w *world) heal() {
	w.t.Helper()
	if code, out, errs := w.run("sandbox", "heal", "--dir", w.dir); code != 0 {
		w.t.Fatalf("heal: exit %d %s %s", code, out, errs)
	}
}

func (w *world) status(code int) status {
	w.t.Helper()
	var s status
	w.must(code, &s, "status")
	return s
}

// home brings everything back to the primary, waiting for it to be ready.
func (w *world) home() runDoc {
	w.t.Helper()
	w.must(0, nil, "sync", "run", "--yes", "--reason", "bring the old primary level")
	var r runDoc
	w.until("failback", 60*time.Second, func() (bool, string) {
		code, out, errs := w.run("failback", "--yes", "--reason", "home again", "-o", "json")
		if code == 0 {
			return json.Unmarshal(out, &r) == nil, string(out)
		}
		if code != 4 {
			w.t.Fatalf("failback: exit %d\n%s", code, errs)
		}
		return false, errs
	})
	return r
}
