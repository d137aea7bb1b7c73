package rfc2136

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

// Options configure a Provider.
type Options struct {
	// Server is the zone's primary as host:port.
	Server string
	// KeyName names the TSIG key; the dot at the end may be left out.
	KeyName string
	// KeyAlgorithm: hmac-sha256 ("" means this), hmac-sha384 or hmac-sha512.
	KeyAlgorithm string
	// KeySecret returns the key in base64, as BIND writes it; called once per operation.
	KeySecret func() (string, error)
	// Timeout of one message's answer; 0 = 5 s.
	Timeout time.Duration
	// Budget for one operation; 0 = 10 s. The reading that settles a lost answer may take
	// one Timeout more.
	Budget time.Duration
	// MaxMessage is the size of one update in bytes before its signature; 0 = 60,000, the
	// most that is taken. Smaller for servers that accept only short messages; a change
	// that needs several is then no longer atomic.
	MaxMessage int
	// OnRetry is told before another try of an update; may be nil. It must not block.
	OnRetry func(zone string, try int, cause error)
}

// maxMessage leaves room for the signature below the 65,535 bytes of a TCP message.
const maxMessage = 60000

// readers is the number of connections that a Read uses at most.
const readers = 8

// Provider is a dnsproviders.Provider over dynamic updates. Safe for concurrent use;
// one writer per zone is the caller's duty (two would only conflict).
type Provider struct {
	opt       Options
	key, algo string
	limit     int
	now       func() time.Time
}

var _ dnsproviders.Provider = (*Provider)(nil)

// New returns a provider. It opens no connection. The error says which option is wrong.
func New(o Options) (*Provider, error) {
	if host, port, err := net.SplitHostPort(o.Server); err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("rfc2136: server %q: expected host:port", o.Server)
	}
	p := &Provider{opt: o, key: dns.CanonicalName(o.KeyName), limit: o.MaxMessage, now: time.Now}
	if p.limit <= 0 || p.limit > maxMessage {
		p.limit = maxMessage
	}
	if !rr.ValidName(rr.Name(o.KeyName)) {
		return nil, fmt.Errorf("rfc2136: key_name %q: expected the name of the TSIG key", o.KeyName)
	}
	if o.KeySecret == nil {
		return nil, errors.New("rfc2136: a key secret is needed: unsigned updates are not sent")
	}
	var err error
	if p.algo, err = algorithm(o.KeyAlgorithm); err != nil {
		return nil, err
	}
	if p.opt.Timeout <= 0 {
		p.opt.Timeout = 5 * time.Second
	}
	if p.opt.Budget <= 0 {
		p.opt.Budget = 10 * time.Second
	}
	if p.opt.OnRetry == nil {
		p.opt.OnRetry = func(string, int, error) {}
	}
	return p, nil
}

func algorithm(name string) (string, error) {
	switch strings.ToLower(strings.TrimSuffix(name, ".")) {
	case "", "hmac-sha256":
		return dns.HmacSHA256, nil
	case "hmac-sha384":
		return dns.HmacSHA384, nil
	case "hmac-sha512":
		return dns.HmacSHA512, nil
	case "hmac-sha1", "hmac-md5", "hmac-md5.sig-alg.reg.int":
		return "", fmt.Errorf("rfc2136: key_algorithm %s is refused: RFC 8945 section 6 no longer lets it be used; make a key with `tsig-keygen -a hmac-sha256`", name)
	}
	return "", fmt.Errorf("rfc2136: key_algorithm %q: expected hmac-sha256, hmac-sha384 or hmac-sha512", name)
}

// Capabilities returns the provider's card.
func (p *Provider) Capabilities() dnsproviders.Capabilities {
	return dnsproviders.Capabilities{
		Kind: "rfc2136", Atomic: true, CompareAndSet: true, MinTTL: 0,
		Note: "One message is all or nothing and carries its own comparison; about 1,000 sets fit in one.",
	}
}

// op is one operation with its key and budget.
type op struct {
	p      *Provider
	name   string
	zone   string
	secret map[string]string
	end    time.Time
	// calls counts messages that were sent to change or to settle a change.
	calls int
}

func (p *Provider) begin(ctx context.Context, name, zone string) (*op, error) {
	o := &op{p: p, name: name, zone: rr.Name(zone), end: p.now().Add(p.opt.Budget)}
	if err := ctx.Err(); err != nil {
		return nil, o.fail(dnsproviders.ErrUnavailable, "cancelled before anything was asked", "", err)
	}
	const hint = "check the key_secret reference of this provider: it must give the key in base64, as tsig-keygen prints it"
	s, err := p.opt.KeySecret()
	if err != nil {
		return nil, o.fail(dnsproviders.ErrAuth, "the key could not be read: "+err.Error(), hint, err)
	}
	s = strings.TrimSpace(s)
	if raw, err := base64.StdEncoding.DecodeString(s); err != nil || len(raw) == 0 {
		return nil, o.fail(dnsproviders.ErrAuth, "the key is not base64", hint, nil) // err would show part of it
	}
	o.secret = map[string]string{p.key: s}
	return o, nil
}

func (o *op) fail(kind error, detail, hint string, cause error) *dnsproviders.Error {
	return &dnsproviders.Error{Op: o.name, Zone: o.zone, Kind: kind, Detail: detail, Hint: hint, Err: cause}
}

func (o *op) left() time.Duration { return o.end.Sub(o.p.now()) }
