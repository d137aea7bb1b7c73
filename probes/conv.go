package probes

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/dutyops/dutyops/probes/guard"
	"github.com/dutyops/dutyops/probes/trust"
)

// Bounds of what a Result may hold, whatever the component sends.
const (
	maxLines  = 60
	maxLine   = 300
	maxDetail = 200
	maxExtras = 64
	maxParts  = 256
	maxOffset = 4096
)

// conv is the conversation of one probe: it keeps the transcript, the facts and
// the clock. Safe for concurrent use, because some kinds ask several things at once.
type conv struct {
	t      Target
	start  time.Time
	budget time.Duration

	mu      sync.Mutex
	lines   []string
	dropped int
	latency time.Duration
	secrets []string
	clock   *Clock

	// facts is written by the asking goroutine only.
	facts Facts
}

func newConv(ctx context.Context, t Target) *conv {
	c := &conv{t: t, start: time.Now()}
	if d, ok := ctx.Deadline(); ok {
		c.budget = d.Sub(c.start)
	}
	return c
}

type convKey struct{}

func withConv(ctx context.Context, c *conv) context.Context {
	return context.WithValue(ctx, convKey{}, c)
}

// note adds one line (or several) to the transcript.
func (c *conv) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	at := time.Since(c.start)
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range strings.SplitSeq(text, "\n") {
		if len(c.lines) >= maxLines {
			c.dropped++
			continue
		}
		c.lines = append(c.lines, fmt.Sprintf("%7.1f ms %s", float64(at)/float64(time.Millisecond), clean(line, maxLine)))
	}
}

func (c *conv) asked(format string, args ...any) { c.note("> "+format, args...) }

// got notes an answer and, the first time, stops the latency clock.
func (c *conv) got(format string, args ...any) {
	c.answered()
	c.note("< "+format, args...)
}

func (c *conv) expected(format string, args ...any) { c.note("expected: "+format, args...) }

// answered marks the first answer of the component itself; a TCP accept is not one.
func (c *conv) answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.latency == 0 {
		c.latency = max(time.Since(c.start), 1)
	}
}

// hide keeps a secret out of everything a person may read.
func (c *conv) hide(secret string) {
	if len(secret) < 3 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets = append(c.secrets, secret)
}

func (c *conv) extra(key, value string) {
	if value == "" || len(c.facts.Extra) >= maxExtras {
		return
	}
	if c.facts.Extra == nil {
		c.facts.Extra = map[string]string{}
	}
	c.facts.Extra[clean(key, 80)] = clean(value, maxLine)
}

func (c *conv) part(name, state string) {
	if len(c.facts.Parts) >= maxParts {
		return
	}
	if c.facts.Parts == nil {
		c.facts.Parts = map[string]string{}
	}
	c.facts.Parts[clean(name, 120)] = clean(state, 40)
}

func (c *conv) offset(key string, at int64) {
	if len(c.facts.Offsets) >= maxOffset {
		c.extra(OffsetsLack, fmt.Sprintf("more than %d: only these are kept", maxOffset))
		return
	}
	if c.facts.Offsets == nil {
		c.facts.Offsets = map[string]int64{}
	}
	c.facts.Offsets[clean(key, 300)] = at
}

// result closes the conversation.
func (c *conv) result(a answer) Result {
	took := time.Since(c.start)
	c.mu.Lock()
	defer c.mu.Unlock()
	latency := c.latency
	if latency == 0 {
		latency = took
	}
	a = c.certificate(a)
	slow := c.t.SlowAfter > 0 && latency > c.t.SlowAfter && a.status == StatusUp
	if slow {
		a = degraded("slow: answered after %s, limit %s (%s)", Human(latency), Human(c.t.SlowAfter), a.detail)
	}
	res := Result{
		At: c.start, Status: a.status, Latency: latency, Slow: slow,
		Detail: clean(c.scrub(a.detail), maxDetail), Facts: c.facts,
	}
	res.Facts.Clock = c.clock
	res.Facts.Position = clean(res.Facts.Position, maxGTIDText)
	res.Facts.SourcePosition = clean(res.Facts.SourcePosition, maxGTIDText)
	res.Facts.Version = clean(res.Facts.Version, 120)
	res.Facts.ReplicaOf = clean(res.Facts.ReplicaOf, 200)
	for k, v := range res.Facts.Extra {
		res.Facts.Extra[k] = c.scrub(v)
	}
	if a.status == StatusUp {
		return res
	}
	res.Transcript = make([]string, 0, len(c.lines)+3)
	res.Transcript = append(res.Transcript, c.scrub(fmt.Sprintf("%s: %s at %s, budget %s", clean(c.t.Name, 120), c.t.Kind, clean(c.t.where(), 200), Human(c.budget))))
	for _, l := range c.lines {
		res.Transcript = append(res.Transcript, c.scrub(l))
	}
	if c.dropped > 0 {
		res.Transcript = append(res.Transcript, fmt.Sprintf("(%d more lines left out)", c.dropped))
	}
	res.Transcript = append(res.Transcript, fmt.Sprintf("= %s: %s", res.Status, res.Detail))
	return res
}

// certificate tells when the certificates end; the first that ends soon is a finding of an
// answer that is otherwise good.
func (c *conv) certificate(a answer) answer {
	if err := c.t.trust.Trouble(); err != nil {
		c.extra("tls files", err.Error()+"; what was read before is still in use")
	}
	p := c.t.trust.Peer()
	if p == nil {
		return a
	}
	c.facts.CertificateEnds = p.Ends
	c.extra("certificate", fmt.Sprintf("%s, signed by %s", p.Subject, p.Issuer))
	left := p.Ends.Sub(c.start)
	if a.status != StatusUp && a.status != StatusDegraded || left >= c.t.CertificateWarning {
		return a
	}
	who := "its certificate"
	if p.Ours {
		who = "our client certificate for it"
	}
	when := fmt.Sprintf("ends in %s (%s)", trust.Span(left), p.Ends.UTC().Format("2006-01-02 15:04 MST"))
	if left <= 0 {
		when = fmt.Sprintf("has expired (%s) and is not checked", p.Ends.UTC().Format("2006-01-02"))
	}
	return degraded("%s %s; %s", who, when, a.detail)
}

func (c *conv) scrub(s string) string {
	for _, secret := range c.secrets {
		s = strings.ReplaceAll(s, secret, "•••")
	}
	return s
}

// where is what the target is called on the network, without credentials.
func (t Target) where() string {
	switch {
	case len(t.Brokers) > 0:
		return strings.Join(t.Brokers, ",")
	case t.Address != "" && t.URL != "":
		return t.Address + " and " + noUserinfo(t.URL)
	case t.Address != "":
		return t.Address
	default:
		return noUserinfo(t.URL)
	}
}

// plain opens a connection without TLS and says so in the transcript of the probe whose
// context it is. What comes in over it counts against the target's allowance.
func (t Target) plain(ctx context.Context, network, addr string) (net.Conn, error) {
	c, _ := ctx.Value(convKey{}).(*conv)
	if c != nil {
		c.asked("connect %s", addr)
	}
	d := net.Dialer{KeepAlive: 15 * time.Second}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		if c != nil {
			c.note("! %s", clean(err.Error(), maxLine))
		}
		return nil, err
	}
	if c != nil {
		c.note("< connected")
	}
	return t.meter.Conn(conn), nil
}

// clean makes text from a component safe to show: see guard.Text.
func clean(s string, limit int) string { return guard.Text(s, limit) }

// Human writes a duration as a person says it: "0.4 ms", "800 ms", "2.5 s", "3 min".
func Human(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
	case d < 2*time.Minute:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	default:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
}

func ptr[T any](v T) *T { return &v }
