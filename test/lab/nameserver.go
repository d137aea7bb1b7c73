//go:build integration

package lab

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// NameServer is one DNS server with one zone, or a resolver. It can be frozen, killed and
// started again with the data that it had.
type NameServer struct {
	server
	// Addr is host:port, for UDP and TCP.
	Addr string
	// Key is the secret of the TSIG key KeyName in base64; "" when it takes none.
	Key string
}

// Zoned is what a server is to hold at its start.
type Zoned struct {
	Name string
	// Records are lines of a zone file, beside the SOA, the NS and its address.
	Records string
	// Signed: the server signs the zone, and signs what is changed in the same step.
	Signed bool
	// Types that the key may change; empty = all, and it may transfer the zone.
	Types []string
	// Notify are secondaries (host:port) that are told of changes. No other is.
	Notify []string
}

// text is the zone's file. Secondaries that are not told do not ask by themselves while a
// test runs.
func (z Zoned) text() string {
	return fmt.Sprintf("$ORIGIN %s.\n$TTL 60\n@ IN SOA ns1 hostmaster 1 3600 600 86400 2\n@ IN NS ns1\nns1 IN A 127.0.0.1\n%s", z.Name, z.Records)
}

// newKey makes a TSIG secret.
func newKey() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	return base64.StdEncoding.EncodeToString(key[:])
}

// NameServers starts DNS servers for one test and ends them with it.
type NameServers struct {
	t   testing.TB
	dir string
	n   int
}

// ForDNS prepares a folder for a test's DNS servers.
func ForDNS(t testing.TB) *NameServers {
	t.Helper()
	dir, err := NewDir("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return &NameServers{t: t, dir: dir}
}

// place is a new server's folder, port and key.
func (n *NameServers) place(name string) (dir string, port int, key string) {
	n.t.Helper()
	n.n++
	dir, err := serverDir(n.dir, fmt.Sprintf("%s-%d", name, n.n))
	if err != nil {
		n.t.Fatal(err)
	}
	if port, err = freePort(n.t.Context(), "127.0.0.1"); err != nil {
		n.t.Fatal(err)
	}
	return dir, port, newKey()
}

// begin starts a server that was made, and stops it at the end of the test.
func (n *NameServers) begin(s *NameServer, err error) *NameServer {
	n.t.Helper()
	if err == nil {
		err = s.Start(n.t.Context())
	}
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if n.t.Failed() {
			n.t.Logf("the end of what %s said:\n%s", s.proc.name, s.Log())
		}
		s.Stop()
	})
	return s
}

// BIND starts BIND 9 as the zone's primary.
func (n *NameServers) BIND(z Zoned) *NameServer {
	n.t.Helper()
	dir, port, key := n.place("bind")
	return n.begin(newBIND(dir, port, key, z))
}

// Knot starts Knot DNS as the zone's primary.
func (n *NameServers) Knot(z Zoned) *NameServer {
	n.t.Helper()
	dir, port, key := n.place("knot")
	return n.begin(newKnot(dir, port, key, z))
}

// NSD starts NSD as a secondary of a primary that may be asked for the whole zone.
// It listens to NOTIFY; whether it gets any is the primary's setting.
func (n *NameServers) NSD(zone string, primary *NameServer) *NameServer {
	n.t.Helper()
	dir, port, _ := n.place("nsd")
	return n.begin(newNSD(dir, port, zone, primary))
}

// Secondary reserves the address of an NSD that is started later with Follow, so that
// its primary can be told of it first.
func (n *NameServers) Secondary(zone string) *Secondary {
	n.t.Helper()
	dir, port, _ := n.place("nsd")
	return &Secondary{n: n, dir: dir, port: port, zone: zone, Addr: local(port)}
}

// Secondary is an NSD that does not run yet.
type Secondary struct {
	// Addr is where it will listen.
	Addr string

	n         *NameServers
	dir, zone string
	port      int
}

// Follow starts it as a secondary of the primary.
func (s *Secondary) Follow(primary *NameServer) *NameServer {
	s.n.t.Helper()
	return s.n.begin(newNSD(s.dir, s.port, s.zone, primary))
}

// Unbound starts Unbound as a caching resolver.
func (n *NameServers) Unbound(c Caching) *NameServer {
	n.t.Helper()
	dir, port, _ := n.place("unbound")
	return n.begin(newUnbound(dir, port, c))
}

// nameServer is a server whose process answers for zone when it is ready.
func nameServer(dir string, port int, key, zone string, args ...string) *NameServer {
	s := &NameServer{Addr: local(port), Key: key}
	s.proc = &proc{name: args[0], dir: dir, args: args, ready: func(ctx context.Context) error { return serves(ctx, s.Addr, zone) }}
	return s
}

// serves says whether a server answers for a zone over TCP, which comes up last.
func serves(ctx context.Context, server, zone string) error {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(zone), dns.TypeSOA)
	c := &dns.Client{Net: "tcp", Timeout: time.Second}
	a, _, err := c.ExchangeContext(ctx, q, server)
	switch {
	case err != nil:
		return err
	case a.Rcode != dns.RcodeSuccess:
		return errors.New(dns.RcodeToString[a.Rcode])
	case len(a.Answer) == 0:
		return errors.New("no SOA")
	}
	return nil
}

// Notify tells a secondary that the zone has changed, as a primary does (RFC 1996).
func (s *NameServer) Notify(ctx context.Context, zone string) error {
	m := new(dns.Msg)
	m.SetNotify(dns.Fqdn(zone))
	c := &dns.Client{Timeout: 2 * time.Second}
	a, _, err := c.ExchangeContext(ctx, m, s.Addr)
	if err == nil && a.Rcode != dns.RcodeSuccess {
		err = errors.New(dns.RcodeToString[a.Rcode])
	}
	return err
}
