//go:build integration

package lab

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
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

	named, unbound *proc
}

// The switching key may change the addresses of the zone's names and nothing else.
const namedConf = `key "%[1]s" { algorithm hmac-sha256; secret "%[2]s"; };
options {
  directory "%[3]s";
  pid-file none; lock-file none; session-keyfile "session.key"; managed-keys-directory "."; key-directory ".";
  listen-on port %[4]d { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; allow-transfer { none; }; notify no;
  dnssec-validation no; empty-zones-enable no; minimal-responses yes;
};
controls { };
zone "%[5]s" {
  type primary; file "zone";
  update-policy { grant %[1]s zonesub A AAAA; };
};
`

const unboundConf = `server:
  interface: 127.0.0.1@%[1]d
  do-ip6: no
  username: ""
  chroot: ""
  directory: "%[2]s"
  pidfile: "%[2]s/unbound.pid"
  use-syslog: no
  num-threads: 1
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "test." nodefault
  access-control: 127.0.0.0/8 allow
  cache-max-negative-ttl: 2
remote-control:
  control-enable: no
stub-zone:
  name: "%[3]s"
  stub-addr: 127.0.0.1@%[4]d
`

// newDNS prepares both servers; every domain points at address.
func newDNS(ctx context.Context, dir, address string) (*DNS, error) {
	nd, err := serverDir(dir, "bind")
	if err != nil {
		return nil, err
	}
	ud, err := serverDir(dir, "unbound")
	if err != nil {
		return nil, err
	}
	np, err := freePort(ctx, "127.0.0.1")
	if err != nil {
		return nil, err
	}
	up, err := freePort(ctx, "127.0.0.1")
	if err != nil {
		return nil, err
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	d := &DNS{Authority: fmt.Sprintf("127.0.0.1:%d", np), Resolver: fmt.Sprintf("127.0.0.1:%d", up), TSIG: base64.StdEncoding.EncodeToString(key[:])}

	var zone strings.Builder
	ttl := int(TTL.Seconds())
	fmt.Fprintf(&zone, "$ORIGIN %s.\n$TTL %d\n@ IN SOA ns1 hostmaster 1 3600 600 86400 2\n@ IN NS ns1\nns1 IN A 127.0.0.1\n", Zone, ttl)
	for _, x := range domains {
		fmt.Fprintf(&zone, "%s. %d IN A %s\n", x.Name, ttl, address)
	}
	for path, text := range map[string]string{
		filepath.Join(nd, "zone"):         zone.String(),
		filepath.Join(nd, "named.conf"):   fmt.Sprintf(namedConf, KeyName, d.TSIG, nd, np, Zone),
		filepath.Join(ud, "unbound.conf"): fmt.Sprintf(unboundConf, up, ud, Zone, np),
	} {
		if err := serverFile(path, text); err != nil {
			return nil, err
		}
	}
	d.named = &proc{
		name: "named", dir: nd, args: []string{"named", "-g", "-n", "1", "-c", filepath.Join(nd, "named.conf")},
		ready: func(ctx context.Context) error { return answers(ctx, d.Authority) },
	}
	d.unbound = &proc{
		name: "unbound", dir: ud, args: []string{"unbound", "-d", "-c", filepath.Join(ud, "unbound.conf")},
		ready: func(ctx context.Context) error { return answers(ctx, d.Resolver) },
	}
	return d, nil
}

func (d *DNS) start(ctx context.Context) error {
	if err := d.named.start(ctx); err != nil {
		return err
	}
	return d.unbound.start(ctx)
}

func (d *DNS) close() {
	d.unbound.stop(syscall.SIGTERM)
	d.named.stop(syscall.SIGTERM)
}

func answers(ctx context.Context, server string) error {
	_, err := Lookup(ctx, server, domains[0].Name)
	return err
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
