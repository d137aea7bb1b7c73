//go:build integration

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Names of the lab's zone. They end in .test, which nobody owns (RFC 6761).
const (
	Zone    = "gss.example.test"
	KeyName = "dutyops"
	TTL     = 2 * time.Second
)

// Domain is a name that users enter.
type Domain struct{ Name, Station string }

// Domains are the lab's two stations.
var domains = []Domain{{"pvg." + Zone, "PVG"}, {"sha." + Zone, "SHA"}}

// DNS is BIND as the authority and Unbound as the users' resolver.
type DNS struct {
	Authority, Resolver string
	// TSIG is the key's secret, in base64.
	TSIG string

	named, unbound *NameServer
}

// newDNS prepares both servers; every domain points at address. The switching key may
// change the addresses of the zone's names and nothing else.
func newDNS(ctx context.Context, dir, address string) (*DNS, error) {
	var records strings.Builder
	for _, x := range domains {
		fmt.Fprintf(&records, "%s. %d IN A %s\n", x.Name, int(TTL.Seconds()), address)
	}
	nd, err := serverDir(dir, "bind")
	if err != nil {
		return nil, err
	}
	ud, err := serverDir(dir, "unbound")
	if err != nil {
		return nil, err
	}
	ports, err := loopbackPorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	d := &DNS{Authority: local(ports[0]), Resolver: local(ports[1]), TSIG: newKey()}
	if d.named, err = newBIND(nd, ports[0], d.TSIG, Zoned{Name: Zone, Records: records.String(), Types: []string{"A", "AAAA"}}); err != nil {
		return nil, err
	}
	d.unbound, err = newUnbound(ud, ports[1], Caching{Zone: Zone, Authority: d.Authority})
	return d, err
}

func (d *DNS) start(ctx context.Context) error {
	if err := d.named.Start(ctx); err != nil {
		return err
	}
	return d.unbound.Start(ctx)
}

func (d *DNS) close() {
	d.unbound.Stop()
	d.named.Stop()
}

// Lookup asks one server for the IPv4 addresses of a name.
func Lookup(ctx context.Context, server, name string) ([]string, error) {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), dns.TypeA)
	c := &dns.Client{Timeout: time.Second}
	a, _, err := c.ExchangeContext(ctx, q, server)
	if err != nil {
		return nil, err
	}
	if a.Rcode != dns.RcodeSuccess {
		return nil, errors.New(dns.RcodeToString[a.Rcode])
	}
	var out []string
	for _, rr := range a.Answer {
		if x, ok := rr.(*dns.A); ok {
			out = append(out, x.A.String())
		}
	}
	if len(out) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: name, Server: server, IsNotFound: true}
	}
	return out, nil
}
