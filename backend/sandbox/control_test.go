package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// puppet is a Control over a registry, with made-up users and truth.
type puppet struct{ *lab }

func (p puppet) Kinds() []FaultKind                      { return p.kinds() }
func (p puppet) Inject(_ context.Context, f Fault) error { return p.inject(f) }
func (p puppet) Heal(_ context.Context, t string) error  { return p.heal(t) }
func (p puppet) Active(context.Context) ([]Fault, error) { return p.list(), nil }
func (p puppet) Users(context.Context) (Users, error)    { return Users{Requests: 7, Now: "primary"}, nil }

func (p puppet) Truth(context.Context) (Truth, error) { return Truth{}, errors.New("kafka is gone") }

func startPuppet(t *testing.T) (*controlServer, string) {
	t.Helper()
	c, err := startControl(puppet{newLab(t)}, "")
	must(t, err)
	t.Cleanup(func() { must(t, c.close()) })
	dir := t.TempDir()
	f := &folder{dir: dir}
	must(t, f.writeJSON(FileName, File{PID: os.Getpid(), Control: c.url()}))
	return c, dir
}

func TestClientDoesWhatTheSandboxDoes(t *testing.T) {
	_, dir := startPuppet(t)
	c, err := Open(dir)
	must(t, err)
	defer c.Close()
	ctx := t.Context()
	if len(c.Kinds()) == 0 {
		t.Error("no kinds")
	}
	must(t, c.Inject(ctx, Fault{Target: "primary/data/kafka", Kind: KindDown}))
	must(t, c.Inject(ctx, Fault{Target: "primary", Kind: KindSlow, For: "1h"}))
	active, err := c.Active(ctx)
	if err != nil || len(active) != 2 || active[0].Target != "primary/data/kafka" {
		t.Errorf("%v %v", active, err)
	}
	must(t, c.Heal(ctx, "primary/data/kafka"))
	if active, _ := c.Active(ctx); len(active) != 1 {
		t.Errorf("%v", active)
	}
	must(t, c.Heal(ctx, ""))
	if active, _ := c.Active(ctx); len(active) != 0 {
		t.Errorf("%v", active)
	}
	if u, err := c.Users(ctx); err != nil || u.Requests != 7 {
		t.Errorf("%+v %v", u, err)
	}
	if _, err := c.Truth(ctx); err == nil || !strings.Contains(err.Error(), "kafka is gone") {
		t.Errorf("truth: %v", err)
	}
	var re *RefusedError
	if err := c.Inject(ctx, Fault{Target: "nowhere", Kind: KindDown}); !errors.As(err, &re) || re.Status != 404 || !strings.Contains(re.Text, "primary/data") {
		t.Errorf("unknown target: %v", err)
	}
	if err := c.Inject(ctx, Fault{Target: "primary", Kind: "melted"}); !errors.As(err, &re) || re.Status != 422 || re.Hint == "" {
		t.Errorf("unknown kind: %v", err)
	}
}

func TestControlRefusesInWords(t *testing.T) {
	c, _ := startPuppet(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for _, tc := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/faults", "{", 400},
		{"POST", "/faults", `{"target":"primary","kind":"down","foor":"3s"}`, 400},
		{"POST", "/faults", `{"target":"primary","kind":"down","for":"never"}`, 400},
		{"POST", "/faults", `{"kind":"down"}`, 404},
		{"DELETE", "/faults/primary/data/nothing", "", 404},
		{"GET", "/nothing", "", 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, c.url()+tc.path, strings.NewReader(tc.body))
		must(t, err)
		res, err := client.Do(req)
		must(t, err)
		b, err := io.ReadAll(res.Body)
		must(t, errors.Join(err, res.Body.Close()))
		var doc map[string]string
		if err := json.Unmarshal(b, &doc); err != nil || res.StatusCode != tc.status || doc["error"] == "" || doc["hint"] == "" {
			t.Errorf("%s %s %s: %d %s", tc.method, tc.path, tc.body, res.StatusCode, b)
		}
	}
}

func TestOpenTellsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "dutyops sandbox --headless") {
		t.Errorf("an empty folder: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, FileName), []byte("{}"), 0o600))
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "no control address") {
		t.Errorf("a wrong file: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, FileName), []byte(`{"pid":4711,"control":"http://127.0.0.1:1"}`), 0o600))
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "4711") {
		t.Errorf("a sandbox that is gone: %v", err)
	}
}
