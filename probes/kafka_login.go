package probes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// errHungUp: the broker spoke, and closed the connection at the login.
var errHungUp = errors.New("hung up at the login")

// open makes a client and proves that a broker lets it in.
func (a *kafkaAsker) open(ctx context.Context, c *conv) (*kgo.Client, error) {
	pw, err := a.pass.get(ctx, c)
	if err != nil {
		return nil, err
	}
	cl, err := a.login(ctx, c, pw)
	if err == nil || Classify(err) != ClassAuth {
		return cl, err
	}
	pw, changed, rerr := a.pass.reread(ctx, c, pw)
	if rerr != nil || !changed {
		return nil, err
	}
	c.note("  the password changed, trying the new one")
	return a.login(ctx, c, pw)
}

// mechanism is a way to log in, and whether it shows the password to the broker.
type mechanism struct {
	sasl.Mechanism
	shows bool
}

// mechanisms are the ways to log in, in the order in which they are tried: the configured
// one alone, else SCRAM, which never shows the password, and PLAIN last.
func (a *kafkaAsker) mechanisms(pw string) []mechanism {
	auth := scram.Auth{User: a.t.User, Pass: pw}
	all := []mechanism{
		{auth.AsSha256Mechanism(), false},
		{auth.AsSha512Mechanism(), false},
		{plain.Auth{User: a.t.User, Pass: pw}.AsMechanism(), true},
	}
	if a.t.SASL == "" {
		return all
	}
	return slices.DeleteFunc(all, func(m mechanism) bool { return !strings.EqualFold(m.Name(), a.t.SASL) })
}

// errNoSCRAM: the broker takes the password in the open only, and nobody said that it may.
var errNoSCRAM = errors.New("the broker offers no SCRAM, and PLAIN would show it the password without checked TLS: configure tls, or sasl: plain")

// login tries the mechanisms in turn, beginning with the one that last worked: a broker
// offers what it knows, not what the account is set up for. Once a SCRAM was refused for
// another reason than being unknown there, the password is not shown by PLAIN.
func (a *kafkaAsker) login(ctx context.Context, c *conv, pw string) (*kgo.Client, error) {
	if a.t.User == "" {
		return a.connect(ctx, c, nil)
	}
	mechs := a.mechanisms(pw)
	if len(mechs) == 0 {
		return nil, joinErr(errOwn, fmt.Errorf("SASL mechanism %q is not known here", a.t.SASL))
	}
	worked := int(a.mech.Load())
	var refused error // the first refusal by a mechanism that the broker knows
	var notOffered error
	for i := range mechs {
		n := (worked + i) % len(mechs)
		m := mechs[n]
		if m.shows && a.t.SASL == "" {
			if refused != nil {
				continue
			}
			if a.t.TLS == nil || a.t.TLS.Insecure {
				notOffered = joinErr(errOwn, errNoSCRAM)
				continue
			}
		}
		c.note("  SASL %s as %s", m.Name(), a.t.User)
		cl, err := a.connect(ctx, c, m)
		if err == nil {
			a.mech.Store(int32(n)) //nolint:gosec // one of three
			return cl, nil
		}
		switch {
		case errors.Is(err, kerr.UnsupportedSaslMechanism):
			notOffered = err
		case Classify(err) == ClassAuth:
			if refused == nil {
				refused = err
			}
		case Classify(err) == ClassTimeout && refused != nil:
			return nil, refused // no time left for the other mechanisms
		default:
			return nil, err
		}
	}
	if refused != nil {
		return nil, refused
	}
	return nil, notOffered
}

func (a *kafkaAsker) connect(ctx context.Context, c *conv, mech sasl.Mechanism) (*kgo.Client, error) {
	var heard atomic.Bool
	opts := []kgo.Opt{
		kgo.SeedBrokers(a.t.Brokers...),
		kgo.ClientID("dutyops-probe"),
		kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := a.t.dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &answering{Conn: conn, whole: &heard}, nil
		}),
		kgo.RequestRetries(2),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.FetchMaxBytes(1 << 20),
		kgo.BrokerMaxReadBytes(kafkaMaxAnswer),
		kgo.DisableClientMetrics(),
	}
	if mech != nil {
		opts = append(opts, kgo.SASL(mech))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, joinErr(errOwn, err)
	}
	if _, err := a.metadata(ctx, c, cl, []string{}); err != nil {
		cl.Close()
		if Classify(err) == ClassClosed && heard.Load() {
			// it told its versions, then hung up: that is how a broker without
			// words for it refuses a login, or the lack of one
			err = joinErr(errHungUp, err)
		}
		return nil, err
	}
	return cl, nil
}

// answering tells whether a broker has given one whole answer: its versions, before the
// login. An answer is four bytes of length, and that many.
type answering struct {
	net.Conn
	whole *atomic.Bool
	head  [4]byte
	n     int
}

func (a *answering) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	copy(a.head[min(a.n, 4):], p[:n])
	if a.n += n; a.n >= 4 && a.n-4 >= int(binary.BigEndian.Uint32(a.head[:])) {
		a.whole.Store(true)
	}
	return n, err
}
