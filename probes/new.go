package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dutyops/dutyops/probes/guard"
	"github.com/dutyops/dutyops/probes/trust"
)

// maxIncoming bounds the bytes that all connections of one target may bring in during one
// probe, whatever the kind. The largest honest answers are a few MB.
const maxIncoming = 16 << 20

// defaultBudget bounds a probe whose context has no deadline.
const defaultBudget = 5 * time.Second

// asker is what one kind implements; prober adds what all kinds share: the
// deadline, the latency, the "slow" judgement, the transcript and the rule that
// nothing a component sends can take the process down.
type asker interface {
	ask(ctx context.Context, c *conv) answer
	close() error
}

// Kinds lists the kinds New knows, sorted.
func Kinds() []string {
	out := make([]string, 0, len(makers))
	for k := range makers {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

var makers = map[string]func(Target) (asker, error){
	"http":          newHTTP,
	"tcp":           newTCP,
	"mysql":         newMySQL,
	"redis":         newRedis,
	"dns":           newDNS,
	"elasticsearch": newElasticsearch,
	"kafka":         newKafka,
	"rabbitmq":      newRabbitMQ,
	"flink":         newFlink,
	"kafka-connect": newConnect,
}

// New makes the prober of the target's kind. It opens nothing and reads no
// secret: that happens at the first Probe. The error says what the target lacks.
func New(t Target) (Prober, error) {
	mk, ok := makers[t.Kind]
	if !ok {
		return nil, fmt.Errorf("probe %s: unknown kind %q (known: %s)", t.Name, t.Kind, strings.Join(Kinds(), ", "))
	}
	t.trust, t.meter = t.newTrust(), &guard.Meter{}
	a, err := mk(t)
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", t.Name, err)
	}
	return &prober{t: t, a: a}, nil
}

// newTrust: asked by address with a Host header, the certificate is still that of the
// name users enter.
func (t Target) newTrust() *trust.Client {
	var s trust.Settings
	if t.TLS != nil {
		s = *t.TLS
	}
	if s.ServerName == "" && t.HostHeader != "" {
		s.ServerName = t.HostHeader
		if name, _, err := net.SplitHostPort(t.HostHeader); err == nil {
			s.ServerName = name
		}
	}
	return trust.New(s, nil)
}

// dial opens a connection of a stream protocol: with TLS when the target has settings
// for it, never without then.
func (t Target) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c := t.trust
	if t.TLS == nil {
		c = nil
	}
	return c.Secure(t.plain)(ctx, network, addr)
}

type prober struct {
	t      Target
	a      asker
	closed atomic.Bool
}

// Probe asks once. See Prober.
func (p *prober) Probe(ctx context.Context) (res Result) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultBudget)
		defer cancel()
	}
	c := newConv(ctx, p.t)
	defer func() {
		if r := recover(); r != nil {
			c.note("! the probe itself failed: %v", r)
			c.note("%s", firstLines(string(debug.Stack()), 12))
			res = c.result(answer{StatusUnknown, "the probe itself failed; the answer could not be read"})
		}
	}()
	if p.closed.Load() {
		return c.result(unknown("the probe was closed"))
	}
	p.t.meter.Refill(maxIncoming)
	return c.result(p.a.ask(withConv(ctx, c), c))
}

// Close releases what the prober keeps between probes. Probe answers unknown afterwards.
func (p *prober) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	return p.a.close()
}

// answer is the judgement of one conversation.
type answer struct {
	status Status
	detail string
}

func up(format string, args ...any) answer { return answer{StatusUp, fmt.Sprintf(format, args...)} }
func degraded(format string, args ...any) answer {
	return answer{StatusDegraded, fmt.Sprintf(format, args...)}
}

func down(format string, args ...any) answer { return answer{StatusDown, fmt.Sprintf(format, args...)} }

func unknown(format string, args ...any) answer {
	return answer{StatusUnknown, fmt.Sprintf(format, args...)}
}

// badness orders statuses: what is known to be bad comes first.
func badness(s Status) int {
	switch s {
	case StatusDown:
		return 3
	case StatusUnknown:
		return 2
	case StatusDegraded:
		return 1
	case StatusUp:
		return 0
	}
	return 0
}

// findings collects what one probe noticed; the worst one names the status.
type findings struct{ list []answer }

func (f *findings) add(a answer) { f.list = append(f.list, a) }

// verdict is the worst finding with the text of all of that status, or ok when
// there is none.
func (f *findings) verdict(ok answer) answer {
	worst := StatusUp
	for _, a := range f.list {
		if badness(a.status) > badness(worst) {
			worst = a.status
		}
	}
	if worst == StatusUp {
		return ok
	}
	var texts []string
	for _, a := range f.list {
		if a.status == worst {
			texts = append(texts, a.detail)
		}
	}
	return answer{worst, strings.Join(texts, "; ")}
}

func (t Target) role() Role {
	if t.Role == nil {
		return RoleAny
	}
	return t.Role()
}

var (
	errNeedsAddress = errors.New("address is missing (host:port)")
	errNeedsURL     = errors.New("url is missing (http://host:port)")
)

func firstLines(s string, n int) string {
	lines := strings.SplitN(s, "\n", n+1)
	if len(lines) > n {
		lines = lines[:n]
	}
	return strings.Join(lines, "\n")
}
