package contract_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/connectd"
	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/sandbox/flinkd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/backend/sandbox/searchd"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/contract"
)

func TestSandboxServers(t *testing.T) {
	cannot := contract.Run(t, sandbox{}, "http", "tcp", "mysql", "redis", "rabbitmq", "kafka", "elasticsearch", "flink", "kafka-connect")
	// pinned, so that a case cannot fall out of the suite unseen
	want := []string{}
	if !slices.Equal(cannot, want) && len(cannot)+len(want) > 0 {
		t.Errorf("the sandbox cannot do %q, expected %q", cannot, want)
	}
}

// Every kind can be told from another of its kind that answers under its address.
func TestSandboxServersReplaced(t *testing.T) {
	if cannot := contract.RunReplaced(t, sandbox{}, "mysql", "redis", "kafka", "rabbitmq", "elasticsearch", "flink", "kafka-connect"); len(cannot) != 0 {
		t.Errorf("the sandbox cannot replace %q", cannot)
	}
}

// A database that came back empty is told, by its positions alone where it has no id.
func TestSandboxServersDataLost(t *testing.T) {
	if cannot := contract.RunDataLost(t, sandbox{}, "mysql"); len(cannot) != 0 {
		t.Errorf("the sandbox cannot lose the data of %q", cannot)
	}
}

// A new password or certificate is taken while the console runs, whatever the kind.
func TestSandboxServersRotated(t *testing.T) {
	kinds := []string{"http", "mysql", "redis", "rabbitmq", "kafka", "elasticsearch", "flink", "kafka-connect"}
	if cannot := contract.RunRotated(t, rotating{sandbox{}, guardedKafka}, kinds...); len(cannot) != 0 {
		t.Errorf("no password can be rotated of %q", cannot)
	}
	if cannot := contract.RunCertificates(t, rotating{sandbox{}, guardedKafka}, kinds...); len(cannot) != 0 {
		t.Errorf("no certificate can be rotated of %q", cannot)
	}
}

// What is told of certificates is the same whatever the kind.
func TestSandboxServersTrusted(t *testing.T) {
	kinds := []string{"http", "mysql", "redis", "rabbitmq", "kafka", "elasticsearch", "flink", "kafka-connect"}
	if cannot := contract.RunTrust(t, rotating{sandbox{}, guardedKafka}, kinds...); len(cannot) != 0 {
		t.Errorf("no TLS is spoken by %q", cannot)
	}
}

// replacedWith lets other servers answer behind the component's lines, in their order.
func (c *component) replacedWith(others ...string) {
	lines := append([]*link.Link{c.line}, c.more...)
	c.own[contract.Replaced] = func(on bool) error {
		for i, l := range lines {
			old := l.Target()
			l.SetTarget(others[i])
			others[i] = old
			l.Set(link.Down) // whoever is connected comes again
			l.Set(link.Pass)
		}
		return nil
	}
}

func secret() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// sandbox makes the sandbox's servers, each behind a link.
type sandbox struct{}

// component is one server behind a link. own breaks what is not the line.
type component struct {
	kind   string
	target probes.Target
	direct *probes.Target // past the line, when there is such a way
	line   *link.Link
	more   []*link.Link // further ways in, broken alike
	own    map[contract.Fault]func(broken bool) error
	// topics to ask for while a fault is tried, when they are others
	topics map[contract.Fault][]string
	rotate func(password string) error // nil: the server knows no passwords
	// locked is another way in, which asks for a password where the server itself does not.
	locked *probes.Target
	// starttls lets a server speak TLS whose protocol begins without; shows is what others show.
	starttls func(cfg *tls.Config, x509 bool)
	shows    atomic.Pointer[tls.Config]
}

func (c *component) Target(f contract.Fault) probes.Target {
	if c.direct != nil && (f == contract.Killed || f == contract.Frozen) {
		return *c.direct
	}
	if c.locked != nil && f == contract.WrongPassword {
		return *c.locked
	}
	tg := c.target
	if topics, ok := c.topics[f]; ok {
		tg.Topics = topics
	}
	return tg
}

var lines = map[contract.Fault]link.Mode{
	contract.Down: link.Down, contract.Refuse: link.Refuse, contract.Blackhole: link.Blackhole, contract.OneWay: link.OneWay,
	contract.Slow: link.Slow(contract.SlowAfter),
	// As they look from outside, for servers that are no process of their own.
	contract.Frozen: link.Blackhole, contract.Killed: link.Down,
}

func (c *component) Break(f contract.Fault) error {
	if fn, ok := c.own[f]; ok {
		return fn(true)
	}
	if m, ok := lines[f]; ok {
		c.set(m)
		return nil
	}
	return contract.ErrCannot
}

func (c *component) Heal(f contract.Fault) error {
	if fn, ok := c.own[f]; ok {
		return fn(false)
	}
	c.set(link.Pass)
	return nil
}

func (c *component) set(m link.Mode) {
	c.line.Set(m)
	for _, l := range c.more {
		l.Set(m)
	}
}

func (sandbox) Start(t *testing.T, kind string, role probes.Role) (contract.Component, error) {
	t.Helper()
	c := &component{kind: kind, own: map[contract.Fault]func(bool) error{}}
	var err error
	switch kind {
	case "http", "tcp":
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
		t.Cleanup(s.Close)
		err = c.behind(t, s.URL)
	case "kafka":
		err = c.kafka(t)
	case "mysql":
		err = c.mysql(t, role)
	case "rabbitmq":
		err = c.rabbit(t)
	case "redis":
		err = c.redis(t, role)
	case "elasticsearch":
		err = c.search(t, role)
	case "flink":
		err = c.flink(t, role)
	case "kafka-connect":
		err = c.connect(t)
	default:
		err = contract.ErrCannot
	}
	return c, err
}

// behind puts a link before a base URL.
func (c *component) behind(t *testing.T, base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	if c.line, err = link.New(u.Host); err != nil {
		return err
	}
	t.Cleanup(func() { _ = c.line.Close() })
	u.Host = c.line.Addr()
	c.target.URL, c.target.Address = u.String(), c.line.Addr()
	return nil
}

func (c *component) kafka(t *testing.T) error {
	k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{"flight.messages": 2}, Advertise: func(real string) (string, error) {
		var err error
		c.line, err = link.New(real)
		if err != nil {
			return "", err
		}
		return c.line.Addr(), nil
	}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = k.Close(); _ = c.line.Close() })
	other, err := kafkad.Start(kafkad.Options{ClusterID: "other", Topics: map[string]int32{"flight.messages": 2}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = other.Close() })
	c.replacedWith(other.RealAddrs()[0])
	look := func(broken kafkad.Copies) func(bool) error {
		return func(on bool) error {
			return k.SetCopies(t.Context(), map[bool]kafkad.Copies{true: broken}[on])
		}
	}
	c.own[contract.CopiesBehind], c.own[contract.NoLeader] = look(kafkad.CopiesBehind), look(kafkad.CopiesGone)
	disk := func(broken kafkad.Disk) func(bool) error {
		return func(on bool) error {
			k.SetDisk(map[bool]kafkad.Disk{true: broken, false: kafkad.DefaultDisk}[on])
			return nil
		}
	}
	c.own[contract.LogDirOffline] = disk(kafkad.Disk{Free: 50 << 30, Total: 100 << 30, Lost: true})
	c.own[contract.DiskNearlyFull] = disk(kafkad.Disk{Free: 1 << 30, Total: 100 << 30})
	c.target.Brokers, c.target.Topics = k.Brokers(), []string{"flight.messages"}
	return nil
}

func (c *component) search(t *testing.T, role probes.Role) error {
	pw := secret()
	s, err := searchd.Start(searchd.Options{Name: "n1", ClusterName: "c1", User: "duty", Password: pw})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := c.behind(t, s.URL()); err != nil {
		return err
	}
	c.target.User, c.target.Password = "duty", func() (string, error) { return pw, nil }
	c.rotate = func(password string) error { s.SetPassword(password); return nil }
	c.target.Index, c.target.TimeField = "messages", "at"
	put := func(method, path string, body any) error {
		return call(t.Context(), s.URL()+path, method, "duty", pw, body)
	}
	doc := map[string]any{"at": time.Now().UTC().Format(time.RFC3339Nano), "flight": "MU5101"}
	index := func() error {
		return errors.Join(put("PUT", "/messages", map[string]any{"mappings": map[string]any{"properties": map[string]any{"at": map[string]any{"type": "date"}}}}),
			put("PUT", "/messages/_doc/1?refresh=true", doc))
	}
	c.own[contract.ReadOnly] = func(on bool) error {
		return put("PUT", "/messages/_settings", map[string]any{"index.blocks.write": on})
	}
	c.own[contract.NoIndex] = func(on bool) error {
		if on {
			return put("DELETE", "/messages", nil)
		}
		return index()
	}
	health := func(word string) func(bool) error {
		return func(on bool) error {
			if !on {
				word = ""
			}
			s.SetHealth(word)
			return nil
		}
	}
	c.own[contract.Red], c.own[contract.Yellow] = health("red"), health("yellow")
	other, err := searchd.Start(searchd.Options{Name: "n1", ClusterName: "c1", User: "duty", Password: pw})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = other.Close() })
	c.replacedWith(hostOf(other.URL()))
	return index()
}

func (c *component) flink(t *testing.T, role probes.Role) error {
	k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{"flight.messages": 2}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = k.Close() })
	feed, err := feedd.Start(feedd.Options{Name: "airline", Kinds: []string{"baggage"}, Rate: 20, Attached: "primary"})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = feed.Close() })
	s, err := flinkd.Start(flinkd.Options{
		Site: "primary", SavepointDir: t.TempDir(), Autostart: role != probes.RoleReplica,
		Feeds: []flinkd.FeedRef{{Name: "airline", URL: feed.URL()}}, KafkaBrokers: k.Brokers(), Topic: "flight.messages",
	})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = s.Close() })
	c.target.Job = "ingest"
	c.own[contract.JobFailed] = func(on bool) error {
		if on {
			s.FailJob()
		} else {
			s.HealJob()
		}
		return nil
	}
	run := func() error {
		return call(t.Context(), s.URL()+"/jars/ingest.jar/run", http.MethodPost, "", "", map[string]any{})
	}
	c.own[contract.NoJob] = func(on bool) error {
		switch {
		case role == probes.RoleReplica: // it never had one
			return nil
		case on:
			return c.cancelJob(t.Context(), s.URL())
		default:
			return run()
		}
	}
	checkpoints := func(broken flinkd.Checkpoints) func(bool) error {
		return func(on bool) error {
			if !on {
				s.SetCheckpoints(flinkd.CheckpointsDone)
				return nil
			}
			s.SetCheckpoints(broken)
			return errors.Join(c.cancelJob(t.Context(), s.URL()), run())
		}
	}
	c.own[contract.NoCheckpoint], c.own[contract.CheckpointWaits] = checkpoints(flinkd.CheckpointsFail), checkpoints(flinkd.CheckpointsWait)
	c.own[contract.Replaced] = func(on bool) error {
		if !on {
			return nil
		}
		return errors.Join(c.cancelJob(t.Context(), s.URL()), run())
	}
	return c.behind(t, s.URL())
}

func (c *component) cancelJob(ctx context.Context, base string) error {
	var doc struct {
		Jobs []struct{ JID, State string }
	}
	if err := fetch(ctx, base+"/jobs/overview", &doc); err != nil {
		return err
	}
	for _, j := range doc.Jobs {
		if j.State == "RUNNING" {
			return call(ctx, base+"/jobs/"+j.JID+"?mode=cancel", http.MethodPatch, "", "", nil)
		}
	}
	return errors.New("no job runs")
}

func (c *component) connect(t *testing.T) error {
	topics := map[string]int32{"flight.messages": 2}
	var brokers [2][]string
	var source *link.Link
	for i := range brokers {
		k, err := kafkad.Start(kafkad.Options{Topics: topics, Advertise: func(real string) (string, error) {
			if i != 0 {
				return "", nil
			}
			var err error
			if source, err = link.New(real); err != nil {
				return "", err
			}
			return source.Addr(), nil
		}})
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = k.Close() })
		brokers[i] = k.Brokers()
	}
	t.Cleanup(func() { _ = source.Close() })
	s, err := connectd.Start(connectd.Options{FailAfter: 300 * time.Millisecond, Connectors: []connectd.Connector{{
		Name:        "mirror-from-primary",
		SourceAlias: "primary", TargetAlias: "standby", SourceBrokers: brokers[0], TargetBrokers: brokers[1], Topics: []string{"flight.messages"},
	}}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = s.Close() })
	c.target.Connectors = []string{"mirror-from-primary"}
	verb := func(v string) error {
		return call(t.Context(), s.URL()+"/connectors/mirror-from-primary/"+v, http.MethodPut, "", "", nil)
	}
	c.own[contract.Paused] = func(on bool) error {
		if on {
			return verb("pause")
		}
		return verb("resume")
	}
	gone := func(on bool) error {
		if on {
			source.Set(link.Down)
			return nil
		}
		source.Set(link.Pass)
		return call(t.Context(), s.URL()+"/connectors/mirror-from-primary/restart?includeTasks=true", http.MethodPost, "", "", nil)
	}
	c.own[contract.SourceGone], c.own[contract.TaskFailed] = gone, gone
	other, err := connectd.Start(connectd.Options{ClusterID: "other", Connectors: []connectd.Connector{{
		Name:        "mirror-from-primary",
		SourceAlias: "primary", TargetAlias: "standby", SourceBrokers: brokers[0], TargetBrokers: brokers[1], Topics: []string{"flight.messages"}, State: connectd.Stopped,
	}}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = other.Close() })
	if err := c.behind(t, s.URL()); err != nil {
		return err
	}
	c.replacedWith(hostOf(other.URL()))
	return nil
}

// hostOf is the host:port of a URL of ours.
func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	return u.Host
}

func splitAddr(addr string) (host, port string) {
	host, port, _ = net.SplitHostPort(addr)
	return host, port
}

func call(ctx context.Context, u, method, user, pw string, body any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, u, r)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if user != "" {
		req.SetBasicAuth(user, pw)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode > 299 {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return fmt.Errorf("%s %s: %s %s", method, u, resp.Status, b)
	}
	return nil
}

func fetch(ctx context.Context, u string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(into)
}
