package named

import (
	"crypto/rand"
	"encoding/base64"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const zone = "gss.example.test"

// clock is a clock that only moves when told.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Unix(1_700_000_000, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func secret(t *testing.T) string {
	t.Helper()
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

type world struct {
	clock *clock
	store *Store
	auth  *Authority
	key   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: newClock(), key: secret(t)}
	var err error
	if w.store, err = NewStore(StoreOptions{Zone: zone, TTL: 30, Minimum: 5, Now: w.clock.now}); err != nil {
		t.Fatal(err)
	}
	must(t, w.store.Set("pvg."+zone, "A", 2, "192.0.2.10"))
	must(t, w.store.Set("pvg."+zone, "AAAA", 2, "2001:db8:a::10"))
	must(t, w.store.Set("www."+zone, "CNAME", 2, "pvg."+zone))
	w.auth, err = StartAuthority(w.store, AuthorityOptions{KeyName: "dutyops", KeySecret: w.key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, w.auth.Close()) })
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, network, server, name string, typ uint16) *dns.Msg {
	t.Helper()
	m, err := tryAsk(network, server, name, typ, 5*time.Second)
	if err != nil {
		t.Fatalf("%s %s @%s: %v", name, dns.TypeToString[typ], server, err)
	}
	return m
}

func tryAsk(network, server, name string, typ uint16, timeout time.Duration) (*dns.Msg, error) {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), typ)
	c := dns.Client{Net: network, Timeout: timeout}
	m, _, err := c.Exchange(q, server)
	return m, err
}

func values(m *dns.Msg) []string {
	out := []string{}
	for _, rr := range m.Answer {
		out = append(out, contentOf(rr))
	}
	return out
}
