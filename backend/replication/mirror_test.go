package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/failoverplan"
)

// connect is a scripted Connect with one copier and one checkpoint connector. State
// changes take a few looks, as they do in the real one.
type connect struct {
	mu         sync.Mutex
	connectors map[string]*scripted
	calls      []string
	// old: no PATCH offsets (before 3.6); deaf: PATCH answers 200 and changes nothing.
	old, deaf bool
}

type scripted struct {
	class, state string
	tasks        []string
	offsets      map[string]int64
	// next is applied one at a time at each look at the status.
	next []func(*scripted)
}

func newConnect() *connect {
	return &connect{connectors: map[string]*scripted{
		"copy":  {class: "org.apache.kafka.connect.mirror.MirrorSourceConnector", state: "RUNNING", tasks: []string{"RUNNING"}, offsets: map[string]int64{"flight.messages/0": 41}},
		"check": {class: "org.apache.kafka.connect.mirror.MirrorCheckpointConnector", state: "RUNNING"},
	}}
}

func (c *connect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(p) != 3 || c.connectors[p[1]] == nil {
		http.NotFound(w, r)
		return
	}
	x := c.connectors[p[1]]
	if r.Method != http.MethodGet {
		c.calls = append(c.calls, r.Method+" "+p[1]+" "+p[2])
	}
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	switch r.Method + " " + p[2] {
	case "GET status":
		if len(x.next) > 0 {
			x.next[0](x)
			x.next = x.next[1:]
		}
		tasks := []map[string]any{}
		for i, t := range x.tasks {
			trace := ""
			if t == "FAILED" {
				trace = "org.apache.kafka.common.errors.TimeoutException: no brokers\n\tat x"
			}
			tasks = append(tasks, map[string]any{"id": i, "state": t, "trace": trace})
		}
		answer(map[string]any{"connector": map[string]string{"state": x.state}, "tasks": tasks})
	case "PUT stop":
		x.next = []func(*scripted){func(*scripted) {}, func(x *scripted) { x.state = "STOPPED" }, func(*scripted) {}, func(x *scripted) { x.tasks = nil }}
		w.WriteHeader(http.StatusNoContent)
	case "PUT resume":
		x.next = []func(*scripted){func(*scripted) {}, func(x *scripted) { x.state, x.tasks = "RUNNING", []string{"UNASSIGNED"} }, func(x *scripted) { x.tasks = []string{"RUNNING"} }}
		w.WriteHeader(http.StatusAccepted)
	case "POST restart":
		x.next = []func(*scripted){func(x *scripted) { x.tasks = []string{"RESTARTING"} }, func(x *scripted) { x.state, x.tasks = "RUNNING", []string{"RUNNING"} }}
		w.WriteHeader(http.StatusAccepted)
	case "GET config":
		answer(map[string]string{"connector.class": x.class, "source.cluster.alias": "primary", "topics": "flight\\.messages, other"})
	case "GET offsets":
		list := []any{}
		for k, n := range x.offsets {
			topic, part, _ := strings.Cut(k, "/")
			list = append(list, map[string]any{"partition": map[string]any{"cluster": "primary", "partition": json.Number(part), "topic": topic}, "offset": map[string]any{"offset": n}})
		}
		answer(map[string]any{"offsets": list})
	case "PATCH offsets":
		if c.old || x.state != "STOPPED" {
			w.WriteHeader(map[bool]int{true: http.StatusMethodNotAllowed, false: http.StatusBadRequest}[c.old])
			return
		}
		var b sourceOffsets
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, o := range b.Offsets {
			if o.Partition.Cluster != "primary" {
				http.Error(w, "cluster", http.StatusBadRequest)
				return
			}
			switch {
			case c.deaf:
			case o.Offset == nil:
				delete(x.offsets, o.Partition.key())
			default:
				x.offsets[o.Partition.key()] = o.Offset.Offset
			}
		}
		answer(map[string]string{"message": "ok"})
	default:
		http.NotFound(w, r)
	}
}

func mirrorOf(t *testing.T, c *connect) *Mirror {
	t.Helper()
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	m, err := OpenMirror(Endpoint{Site: "standby", Platform: failoverplan.Data, Name: "connect", Kind: failoverplan.KafkaConnect, Config: config.Component{URL: srv.URL}},
		Options{Poll: time.Millisecond, Wait: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

var both = []string{"copy", "check"}

func TestMirrorStopWaitsForTheTasks(t *testing.T) {
	c := newConnect()
	m := mirrorOf(t, c)
	if _, err := m.Stop(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	if x := c.connectors["copy"]; x.state != "STOPPED" || len(x.tasks) != 0 {
		t.Errorf("returned while the connector is %s with tasks %v", x.state, x.tasks)
	}
	n := len(c.calls)
	if ev, err := m.Stop(t.Context(), append(both, "nowhere")); err != nil || len(c.calls) != n || !strings.Contains(strings.Join(ev, " "), "nowhere does not exist") {
		t.Errorf("again: %v, %v, %v", ev, err, c.calls[n:])
	}
}

func TestMirrorResume(t *testing.T) {
	c := newConnect()
	m := mirrorOf(t, c)
	c.connectors["copy"].state, c.connectors["copy"].tasks = "STOPPED", nil
	if _, err := m.Resume(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	if x := c.connectors["copy"]; x.state != "RUNNING" || fmt.Sprint(x.tasks) != "[RUNNING]" {
		t.Errorf("returned while the connector is %s with tasks %v", x.state, x.tasks)
	}
	if fmt.Sprint(c.calls) != "[PUT copy resume]" {
		t.Errorf("calls %v; a connector that runs without tasks needs nothing", c.calls)
	}
	// A failed task is restarted, and the cause is kept as evidence.
	c.connectors["copy"].tasks = []string{"FAILED"}
	if st, err := m.States(t.Context(), both); err != nil || st["copy"] != "FAILED" || st["check"] != "RUNNING" {
		t.Errorf("States = %v, %v", st, err)
	}
	ev, err := m.Resume(t.Context(), []string{"copy"})
	if err != nil || !strings.Contains(strings.Join(ev, " "), "no brokers") || c.connectors["copy"].tasks[0] != "RUNNING" {
		t.Errorf("Resume of a failed one = %v, %v", ev, err)
	}
	if _, err := m.Resume(t.Context(), []string{"nowhere"}); !errors.Is(err, ErrConfig) {
		t.Errorf("Resume of an unknown one = %v, want ErrConfig", err)
	}
}

func TestMirrorThatNeverStopsIsATimeout(t *testing.T) {
	c := newConnect()
	c.connectors["copy"].state = "STOPPED" // says so, but its task runs on
	_, err := mirrorOf(t, c).Stop(t.Context(), both)
	if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "task 0 RUNNING") {
		t.Errorf("Stop = %v, want ErrTimeout that names the task", err)
	}
	if fmt.Sprint(c.calls) != "[PUT check stop]" {
		t.Errorf("calls %v; the other one is told all the same", c.calls)
	}
}

func ends(n map[string]int64) EndOffsets {
	return func(context.Context) (map[string]int64, error) { return n, nil }
}

func TestMirrorAnchorAndLag(t *testing.T) {
	c := newConnect()
	m := mirrorOf(t, c)
	end := ends(map[string]int64{"flight.messages/0": 50, "flight.messages/1": 7, "flight.messages/2": 0, "elsewhere/0": 9})
	lag, err := m.Lag(t.Context(), both, end)
	if err != nil || lag["copy:flight.messages/0"] != 8 || lag["copy:flight.messages/1"] != 7 || len(lag) != 3 {
		t.Fatalf("Lag = %v, %v; the last copied is 41, so 8 of 50 are left, and elsewhere is not copied", lag, err)
	}
	if _, err := m.Anchor(t.Context(), both, end); !errors.Is(err, ErrNotStopped) {
		t.Fatalf("Anchor while running = %v, want ErrNotStopped", err)
	}
	if _, err := m.Stop(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	c.connectors["copy"].offsets["flight.messages/2"] = 12 // of an earlier life
	ev, err := m.Anchor(t.Context(), both, end)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.connectors["copy"].offsets); got != "map[flight.messages/0:49 flight.messages/1:6]" {
		t.Errorf("offsets %s (%v)", got, ev)
	}
	lag, err = m.Lag(t.Context(), both, end)
	for k, n := range lag {
		if n != 0 {
			t.Errorf("%s lags %d after the anchor", k, n)
		}
	}
	if err != nil {
		t.Error(err)
	}
	n := len(c.calls)
	if _, err := m.Anchor(t.Context(), both, end); err != nil || len(c.calls) != n {
		t.Errorf("again: %v, %v; want nothing done", err, c.calls[n:])
	}
}

// A steady flow keeps the end ahead of what Connect has told: what counts is where the
// source stood when the question was asked.
func TestMirrorIsLevelUnderASteadyFlow(t *testing.T) {
	c := newConnect()
	m := mirrorOf(t, c)
	c.connectors["copy"].offsets["flight.messages/0"] = 40
	end := int64(50)
	look, err := m.Level(t.Context(), both, func(context.Context) (map[string]int64, error) {
		end += 5
		return map[string]int64{"flight.messages/0": end - 5}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if ok, seen, err := look(t.Context()); ok || err != nil || seen != "9 records still to copy" {
		t.Errorf("Level = %v, %q, %v with 9 records to copy", ok, seen, err)
	}
	c.connectors["copy"].offsets["flight.messages/0"] = 49
	if ok, seen, err := look(t.Context()); !ok || err != nil {
		t.Errorf("Level = %v, %q, %v once the last of the question is copied", ok, seen, err)
	}
}

// Nothing left to copy is not what a mirror says that copies nothing, or that has read another log.
func TestMirrorIsNotLevelWithoutGrounds(t *testing.T) {
	m := mirrorOf(t, newConnect())
	for name, c := range map[string]struct {
		connectors []string
		end        map[string]int64
		want       error
		text       string
	}{
		"only checkpoints":       {[]string{"check"}, map[string]int64{"flight.messages/0": 42}, ErrConfig, "none of check copies"},
		"no connector":           {nil, map[string]int64{"flight.messages/0": 42}, ErrConfig, "copies a topic of the source"},
		"topics of somebody":     {both, map[string]int64{"elsewhere/0": 42}, ErrConfig, "none of copy, check copies"},
		"a source that is empty": {both, map[string]int64{"flight.messages/0": 0}, ErrBroken, "up to offset 42, but that ends at 0"},
	} {
		look, err := m.Level(t.Context(), c.connectors, ends(c.end))
		if err == nil {
			_, _, err = look(t.Context())
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.want, c.text)
		}
	}
	look, err := m.Level(t.Context(), both, ends(map[string]int64{"flight.messages/0": 41})) // a moment old
	if err != nil {
		t.Fatal(err)
	}
	if ok, seen, err := look(t.Context()); err != nil || !ok {
		t.Errorf("Level = %v (%s), %v", ok, seen, err)
	}
}

// A connector runs when its tasks do.
func TestMirrorStatesOfTasks(t *testing.T) {
	for want, x := range map[string]scripted{
		"RUNNING":    {state: "RUNNING", tasks: []string{"RUNNING", "RUNNING"}},
		"UNASSIGNED": {state: "RUNNING", tasks: []string{"RUNNING", "UNASSIGNED"}},
		"PAUSED":     {state: "RUNNING", tasks: []string{"PAUSED"}},
		"FAILED":     {state: "RUNNING", tasks: []string{"UNASSIGNED", "FAILED"}},
		"STOPPED":    {state: "STOPPED", tasks: []string{"STOPPED"}},
	} {
		c := newConnect()
		c.connectors["copy"] = &x
		if got, err := mirrorOf(t, c).States(t.Context(), []string{"copy"}); err != nil || got["copy"] != want {
			t.Errorf("%s with tasks %v: %v, %v; want %s", x.state, x.tasks, got, err, want)
		}
	}
}

func TestMirrorAnchorFailures(t *testing.T) {
	for name, c := range map[string]*connect{"old": {old: true}, "deaf": {deaf: true}} {
		c.connectors = newConnect().connectors
		c.connectors["copy"].state, c.connectors["copy"].tasks = "STOPPED", nil
		want := ErrUnsupported
		if name == "deaf" {
			want = ErrBroken
		}
		if _, err := mirrorOf(t, c).Anchor(t.Context(), []string{"copy"}, ends(map[string]int64{"flight.messages/0": 50})); !errors.Is(err, want) {
			t.Errorf("%s: Anchor = %v, want %v", name, err, want)
		}
	}
	// Connect says STOPPED a moment before the task has ended, which then writes its own offsets.
	c := newConnect()
	c.connectors["copy"].state, c.connectors["copy"].tasks = "STOPPED", []string{"RUNNING"}
	if _, err := mirrorOf(t, c).Anchor(t.Context(), []string{"copy"}, ends(map[string]int64{"flight.messages/0": 50})); !errors.Is(err, ErrNotStopped) || len(c.calls) != 0 {
		t.Errorf("Anchor beside a task that runs = %v, did %v", err, c.calls)
	}
	c = newConnect()
	c.connectors["copy"].state, c.connectors["copy"].tasks = "STOPPED", nil
	boom := errors.New("kafka is gone")
	if _, err := mirrorOf(t, c).Anchor(t.Context(), []string{"copy"}, func(context.Context) (map[string]int64, error) { return nil, boom }); !errors.Is(err, boom) {
		t.Errorf("Anchor = %v, want the reason why the ends are not known", err)
	}
}
