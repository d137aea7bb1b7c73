package contract_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/dutyops/dutyops/backend/sandbox/link"
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
