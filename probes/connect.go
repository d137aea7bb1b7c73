package probes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// connectAsker asks Kafka Connect's REST API for its connectors, their tasks and
// how far each has read its source.
type connectAsker struct{ *web }

// maxConnectors bounds the questions of one probe.
const maxConnectors = 32

// maxConnectorList bounds the list of names, in bytes: many more than are looked at.
const maxConnectorList = 256 << 10

// maxConnectorOffsets bounds the offsets of all connectors together, in bytes: it leaves room
// for the rest below maxIncoming.
const maxConnectorOffsets = 8 << 20

func newConnect(t Target) (asker, error) {
	w, err := newWeb(t, maxBody)
	if err != nil {
		return nil, err
	}
	return &connectAsker{w}, nil
}

type connectorStatus struct {
	Name      string `json:"name"`
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

// connectorOffsets is GET /connectors/N/offsets (KIP-875). A source connector's
// partition and offset are whatever the connector made them; these are MirrorMaker's.
type connectorOffsets struct {
	Offsets []struct {
		Partition map[string]json.RawMessage `json:"partition"`
		Offset    map[string]json.RawMessage `json:"offset"`
	} `json:"offsets"`
}

type connectorLook struct {
	name       string
	status     connectorStatus
	offsets    connectorOffsets
	statusErr  error
	offsetsErr error
}

func (a *connectAsker) ask(ctx context.Context, c *conv) answer {
	names, limit := slices.Clone(a.t.Connectors), ""
	if n := len(names); n > maxConnectors {
		limit = fmt.Sprintf("%d connectors: only %d looked at", n, maxConnectors)
	}
	var root struct {
		Version string `json:"version"`
		Cluster string `json:"kafka_cluster_id"`
	}
	asks := []func() error{func() error { return a.json(ctx, c, http.MethodGet, "/", nil, &root) }}
	if len(names) == 0 {
		asks = append(asks, func() (err error) { names, limit, err = a.list(ctx, c); return err })
	}
	looks := make([]*connectorLook, 0, len(names))
	for _, n := range names[:min(len(names), maxConnectors)] {
		l := &connectorLook{name: n}
		looks = append(looks, l)
		asks = append(asks, a.look(ctx, c, l, len(names))...)
	}
	errs := parallel(asks...)
	if errs[0] != nil {
		return a.failedHTTP(ctx, c, errs[0])
	}
	c.facts.Version = root.Version
	c.extra("kafka_cluster", root.Cluster)
	if len(a.t.Connectors) == 0 {
		if errs[1] != nil {
			return a.failedHTTP(ctx, c, errs[1])
		}
		var more []func() error
		for _, n := range names[:min(len(names), maxConnectors)] {
			l := &connectorLook{name: n}
			looks = append(looks, l)
			more = append(more, a.look(ctx, c, l, len(names))...)
		}
		parallel(more...)
	}
	c.extra("connectors", limit)
	return a.judge(ctx, c, looks, limit)
}

// list names the first connectors, and says when there are more.
func (a *connectAsker) list(ctx context.Context, c *conv) (names []string, limit string, err error) {
	n, whole, err := a.stream(ctx, c, maxConnectorList, "/connectors", "", func(raw json.RawMessage) error {
		if len(names) >= maxConnectors {
			return nil
		}
		names = append(names, "")
		return json.Unmarshal(raw, &names[len(names)-1])
	})
	if n > maxConnectors || !whole {
		limit = fmt.Sprintf("%s connectors: only %d looked at", counted(n, whole), len(names))
	}
	return names, limit, err
}

// look asks for one of n connectors.
func (a *connectAsker) look(ctx context.Context, c *conv, l *connectorLook, n int) []func() error {
	limit := min(maxBody, maxConnectorOffsets/min(n, maxConnectors))
	path := "/connectors/" + url.PathEscape(l.name)
	return []func() error{
		func() error {
			l.statusErr = a.json(ctx, c, http.MethodGet, path+"/status", nil, &l.status)
			return nil
		},
		func() error {
			l.offsetsErr = a.jsonUpTo(ctx, c, limit, http.MethodGet, path+"/offsets", nil, &l.offsets)
			return nil
		},
	}
}

func (a *connectAsker) judge(ctx context.Context, c *conv, looks []*connectorLook, limit string) answer {
	var f findings
	states := map[string]int{}
	for _, l := range looks {
		a.judgeOne(ctx, c, &f, l)
		if s, ok := c.facts.Parts[l.name]; ok {
			states[s]++
		}
		if tooLarge(l.offsetsErr) {
			c.extra("offsets "+l.name, "too many to read")
		}
		if l.offsetsErr == nil {
			for key, at := range l.offsets.positions() {
				c.offset(l.name+":"+key, at)
			}
			c.extra(MirrorSource+l.name, l.offsets.source())
		}
	}
	if len(looks) == 0 {
		return f.verdict(up("ready, no connector"))
	}
	var texts []string
	for s, n := range states {
		texts = append(texts, fmt.Sprintf("%d %s", n, word(s)))
	}
	slices.Sort(texts)
	if limit != "" {
		texts = append(texts, "of "+limit)
	}
	return f.verdict(up("connectors: %s", strings.Join(texts, ", ")))
}

func (a *connectAsker) judgeOne(ctx context.Context, c *conv, f *findings, l *connectorLook) {
	var se *statusError
	if errors.As(l.statusErr, &se) && se.code == http.StatusNotFound {
		c.expected("a connector called %s", l.name)
		f.add(degraded("connector %s does not exist", l.name))
		return
	}
	if l.statusErr != nil {
		f.add(degraded("connector %s: %s", l.name, a.failedHTTP(ctx, c, l.statusErr).detail))
		return
	}
	const running = "RUNNING"
	state := l.status.Connector.State
	for _, t := range l.status.Tasks {
		// MirrorMaker says STOPPED a moment before its tasks have stopped
		if t.State == "FAILED" {
			state = "FAILED"
			c.expected("task %d of %s not FAILED", t.ID, l.name)
			f.add(degraded("task %d of %s failed%s", t.ID, l.name, firstCause(t.Trace)))
		} else if t.State != running && l.status.Connector.State == running {
			// a worker that left takes minutes to be replaced, and nothing is copied meanwhile
			if state == running {
				state = t.State
			}
			c.expected("task %d of %s RUNNING", t.ID, l.name)
			f.add(degraded("task %d of %s is %s", t.ID, l.name, word(t.State)))
		}
		c.part(fmt.Sprintf("%s/%d", l.name, t.ID), t.State)
	}
	c.part(l.name, state)
	switch l.status.Connector.State {
	case "FAILED":
		f.add(degraded("connector %s failed%s", l.name, firstCause(l.status.Connector.Trace)))
	case "UNASSIGNED", "RESTARTING":
		f.add(degraded("connector %s is %s", l.name, word(l.status.Connector.State)))
	case "":
		f.add(degraded("connector %s tells no state", l.name))
	}
}

// MirrorSource in the keys of Facts.Extra comes before the name of a connector; the value is
// the name that it has for the cluster that it copies from.
const MirrorSource = "source of "

// source is what a mirror calls the cluster that it copies from, "" before it has copied.
func (o *connectorOffsets) source() string {
	for _, x := range o.Offsets {
		var topic, alias string
		if json.Unmarshal(x.Partition["topic"], &topic) == nil && topic != "" && json.Unmarshal(x.Partition["cluster"], &alias) == nil {
			return alias
		}
	}
	return ""
}

// positions reads MirrorMaker's source offsets: "topic/partition" -> offset.
func (o *connectorOffsets) positions() map[string]int64 {
	out := map[string]int64{}
	for _, x := range o.Offsets {
		var topic string
		var part, at int64
		if json.Unmarshal(x.Partition["topic"], &topic) != nil || topic == "" ||
			json.Unmarshal(x.Partition["partition"], &part) != nil || part < 0 ||
			json.Unmarshal(x.Offset["offset"], &at) != nil {
			continue
		}
		out[fmt.Sprintf("%s/%d", topic, part)] = at
	}
	return out
}

// firstCause is the first line of a Java stack trace, as ": text".
func firstCause(trace string) string {
	line, _, _ := strings.Cut(trace, "\n")
	if line = strings.TrimSpace(line); line == "" {
		return ""
	}
	return ": " + clean(line, 120)
}
