package replication

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// EndOffsets reads the present end offsets of a Kafka cluster, per "topic/partition".
// An end offset is the number the next record will get.
type EndOffsets func(ctx context.Context) (map[string]int64, error)

// Mirror controls the mirror connectors of one Kafka Connect cluster, over its REST API
// (Connect 3.6 or later for Anchor; stop exists since 3.5, KIP-875).
type Mirror struct {
	e    Endpoint
	opts Options
	api  *httpServer
}

// Connect's words for a connector's state.
const (
	connRunning = "RUNNING"
	connStopped = "STOPPED"
	connFailed  = "FAILED"
	// connAbsent is ours: Connect has no connector of that name.
	connAbsent = "ABSENT"
)

// OpenMirror returns the control of the endpoint's connectors. It does not connect yet.
func OpenMirror(e Endpoint, opts Options) (*Mirror, error) {
	opts = opts.withDefaults()
	api, err := newHTTPServer(e, opts)
	if err != nil {
		return nil, err
	}
	return &Mirror{e: e, opts: opts, api: api}, nil
}

// Close releases idle connections.
func (m *Mirror) Close() error {
	m.api.close()
	return nil
}

func connector(name, suffix string) string { return "/connectors/" + url.PathEscape(name) + suffix }

// connStatus is GET /connectors/N/status.
type connStatus struct {
	Connector struct {
		State string `json:"state"`
		Trace string `json:"trace"`
	} `json:"connector"`
	Tasks []struct {
		ID    int    `json:"id"`
		State string `json:"state"`
		Trace string `json:"trace"`
	} `json:"tasks"`
}

// tasks counts the tasks in a state.
func (s connStatus) tasks(state string) int {
	n := 0
	for _, t := range s.Tasks {
		if t.State == state {
			n++
		}
	}
	return n
}

// idle is the state of the first task that does not run; UNASSIGNED for one without a state.
func (s connStatus) idle() string {
	for _, t := range s.Tasks {
		if t.State != connRunning && t.State != "" {
			return t.State
		}
	}
	return "UNASSIGNED"
}

func (s connStatus) String() string {
	out := s.Connector.State
	for _, t := range s.Tasks {
		out += fmt.Sprintf(", task %d %s", t.ID, t.State)
	}
	return brief(out)
}

// cause is the first line of the first trace.
func (s connStatus) cause() string {
	traces := []string{s.Connector.Trace}
	for _, t := range s.Tasks {
		traces = append(traces, t.Trace)
	}
	for _, t := range traces {
		if line, _, _ := strings.Cut(strings.TrimSpace(t), "\n"); line != "" {
			return brief(line)
		}
	}
	return ""
}

func (m *Mirror) status(ctx context.Context, name string) (connStatus, error) {
	var st connStatus
	err := m.api.call(ctx, http.MethodGet, connector(name, "/status"), nil, &st)
	if isStatus(err, http.StatusNotFound) {
		st.Connector.State = connAbsent
		return st, nil
	}
	return st, err
}

// States tells each connector's state in Connect's own word; FAILED when one of its
// tasks failed, that of a task which does not run although the connector does, RUNNING
// although stopped while a task still runs, ABSENT when Connect does not know it.
func (m *Mirror) States(ctx context.Context, connectors []string) (map[string]string, error) {
	out := make(map[string]string, len(connectors))
	for _, c := range connectors {
		st, err := m.status(ctx, c)
		if err != nil {
			return out, err
		}
		out[c] = st.Connector.State
		switch {
		case st.tasks(connFailed) > 0 && st.Connector.State == connRunning:
			out[c] = connFailed
		case st.Connector.State == connRunning && !settled(st):
			out[c] = st.idle()
		case st.tasks(connRunning) > 0 && st.Connector.State == connStopped:
			out[c] = connRunning
		}
	}
	return out, nil
}

// Stop stops the connectors and waits until none of their tasks runs: Connect says
// STOPPED a moment before its tasks have ended. A connector that does not exist copies
// nothing and is passed over. All are told before any is waited for, so that one that does
// not get to its end holds up no other.
func (m *Mirror) Stop(ctx context.Context, connectors []string) ([]string, error) {
	var ev, told []string
	for _, c := range connectors {
		st, err := m.status(ctx, c)
		if err != nil {
			return ev, err
		}
		switch {
		case st.Connector.State == connAbsent:
			ev = append(ev, c+" does not exist")
			continue
		case st.Connector.State == connStopped && len(st.Tasks) == st.tasks(connStopped):
			ev = append(ev, c+" is stopped already")
			continue
		case st.Connector.State != connStopped:
			err := m.api.call(ctx, http.MethodPut, connector(c, "/stop"), nil, nil)
			if isStatus(err, http.StatusNotFound, http.StatusMethodNotAllowed) {
				return ev, fmt.Errorf("stop %s: %w: %w (PUT …/stop needs Kafka Connect 3.5 or later)", c, ErrUnsupported, err)
			}
			if err != nil {
				return ev, err
			}
		}
		told = append(told, c)
	}
	for _, c := range told {
		seen, err := m.await(ctx, c, func(st connStatus) bool {
			return st.Connector.State == connStopped && st.tasks(connRunning) == 0
		})
		if err != nil {
			return ev, err
		}
		ev = append(ev, c+": "+seen)
	}
	return ev, nil
}

// Resume starts the connectors and waits until they and their tasks run. Failed tasks
// are restarted once. A connector without tasks counts as running: a checkpoint
// connector has none while there is no consumer group.
func (m *Mirror) Resume(ctx context.Context, connectors []string) ([]string, error) {
	var ev []string
	for _, c := range connectors {
		st, err := m.status(ctx, c)
		if err != nil {
			return ev, err
		}
		switch {
		case st.Connector.State == connAbsent:
			return ev, fmt.Errorf("%s: connector %s does not exist: %w (create it; dutyops only starts and stops connectors)", m.e.Target(), c, ErrConfig)
		case settled(st):
			ev = append(ev, c+" runs already")
			continue
		case st.Connector.State == connFailed || st.tasks(connFailed) > 0:
			ev = append(ev, c+" had failed and is restarted: "+st.cause())
			if err := m.api.call(ctx, http.MethodPost, connector(c, "/restart?includeTasks=true&onlyFailed=true"), nil, nil); err != nil {
				return ev, err
			}
		}
		if st.Connector.State != connRunning && st.Connector.State != connFailed {
			if err := m.api.call(ctx, http.MethodPut, connector(c, "/resume"), nil, nil); err != nil {
				return ev, err
			}
		}
		seen, err := m.await(ctx, c, settled)
		if err != nil {
			return ev, err
		}
		ev = append(ev, c+": "+seen)
	}
	return ev, nil
}

func settled(st connStatus) bool {
	return st.Connector.State == connRunning && len(st.Tasks) == st.tasks(connRunning)
}

// await polls the status, because every transition is asynchronous.
func (m *Mirror) await(ctx context.Context, name string, done func(connStatus) bool) (string, error) {
	return m.opts.until(ctx, m.e.Target()+": connector "+name, func(ctx context.Context) (bool, string, error) {
		st, err := m.status(ctx, name)
		if err != nil {
			return false, "", err
		}
		seen := st.String()
		if cause := st.cause(); cause != "" {
			seen += " (" + cause + ")"
		}
		return done(st), seen, nil
	})
}

// copiers are the connectors that copy records; MirrorMaker's heartbeats and checkpoints
// connectors keep other things as offsets.
func (m *Mirror) copiers(ctx context.Context, connectors []string) ([]copier, error) {
	var out []copier
	for _, c := range connectors {
		var config map[string]string
		if err := m.api.call(ctx, http.MethodGet, connector(c, "/config"), nil, &config); err != nil {
			return nil, err
		}
		class := config["connector.class"]
		if strings.Contains(class, "Heartbeat") || strings.Contains(class, "Checkpoint") {
			continue
		}
		out = append(out, copier{name: c, alias: config["source.cluster.alias"], topics: patterns(config["topics"])})
	}
	slices.SortFunc(out, func(a, b copier) int { return strings.Compare(a.name, b.name) })
	return out, nil
}
