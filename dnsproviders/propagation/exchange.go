package propagation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

// udpSize is the size that fits everywhere without fragments (dnsflagday.net/2020).
const udpSize = 1232

// target is one server during one Check.
type target struct {
	server Server
	opt    Options
	// failed counts questions without an answer since the last answer.
	failed atomic.Int32
}

func (t *target) silent() bool { return t.failed.Load() >= silentAfter }

// socket is a worker's UDP socket, opened when needed.
type socket struct{ c net.Conn }

func (s *socket) close() {
	if s.c != nil {
		_ = s.c.Close()
		s.c = nil
	}
}

// ask asks one question, twice at most, over TCP when the answer was truncated.
func (t *target) ask(ctx context.Context, sock *socket, q Question) Answer {
	a := Answer{Server: t.server.Name, Name: q.Name, Type: q.Type}
	if !rr.Known(q.Type) || !rr.ValidName(q.Name) {
		a.At, a.Err = t.opt.Now(), fmt.Errorf("%w: %q %q cannot be asked", ErrUnreadable, q.Name, q.Type)
		return a
	}
	if t.silent() {
		a.At, a.Err = t.opt.Now(), fmt.Errorf("%w: %s was silent to %d questions before", ErrNoAnswer, t.server.Name, silentAfter)
		return a
	}
	r, tcp, err := t.exchange(ctx, sock, q.Name, rr.Code(q.Type))
	a.At, a.TCP = t.opt.Now(), tcp
	if err != nil {
		a.Err = err
		return a
	}
	a.read(r, q, t.server.Authoritative)
	if t.signed() && a.Err == nil && len(a.Values) > 0 {
		a.Sig = signature(r.Answer, rr.Code(q.Type), t.opt.Keys, a.At)
	}
	return a
}

// signed tells whether signatures are asked for.
func (t *target) signed() bool { return t.server.Authoritative && t.opt.Signatures }

// serial asks for a zone's SOA serial.
func (t *target) serial(ctx context.Context, sock *socket, zone string) (uint32, bool) {
	r, _, err := t.exchange(ctx, sock, zone, dns.TypeSOA)
	if err != nil || !r.Authoritative {
		return 0, false
	}
	return serialOf(r.Answer, zone)
}

// serialOf is the serial of the zone's SOA in an answer.
func serialOf(rrs []dns.RR, zone string) (uint32, bool) {
	for _, x := range rrs {
		if s, ok := x.(*dns.SOA); ok && rr.Name(s.Hdr.Name) == zone {
			return s.Serial, true
		}
	}
	return 0, false
}

func (t *target) question(name string, typ uint16) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), typ)
	m.RecursionDesired = !t.server.Authoritative
	m.SetEdns0(udpSize, t.signed())
	return m
}

// exchange asks by UDP, twice at most, and by TCP when the answer was truncated.
func (t *target) exchange(ctx context.Context, sock *socket, name string, typ uint16) (_ *dns.Msg, tcp bool, err error) {
	m := t.question(name, typ)
	for range 2 {
		if cerr := ctx.Err(); cerr != nil {
			return nil, tcp, fmt.Errorf("%w: %w", ErrNoAnswer, cerr)
		}
		var r *dns.Msg
		if r, err = t.udp(ctx, sock, m); err == nil && r.Truncated {
			tcp = true
			r, err = t.tcp(ctx, m)
		}
		if err == nil && r.Rcode == dns.RcodeFormatError && m.IsEdns0() != nil {
			m.Extra = nil // a server from before EDNS (RFC 6891 section 7)
			r, err = t.udp(ctx, sock, m)
		}
		if err == nil {
			t.failed.Store(0)
			return r, tcp, nil
		}
		sock.close()
		m.Id = dns.Id()
	}
	if ctx.Err() == nil {
		t.failed.Add(1)
	}
	return nil, tcp, err
}

func (t *target) udp(ctx context.Context, sock *socket, m *dns.Msg) (*dns.Msg, error) {
	if sock.c == nil {
		c, err := t.dial(ctx, "udp")
		if err != nil {
			return nil, err
		}
		sock.c = c
	}
	return t.talk(ctx, sock.c, m, true)
}

func (t *target) tcp(ctx context.Context, m *dns.Msg) (*dns.Msg, error) {
	c, err := t.dial(ctx, "tcp")
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	return t.talk(ctx, c, m, false)
}

func (t *target) dial(ctx context.Context, network string) (net.Conn, error) {
	d := net.Dialer{Timeout: t.opt.Timeout}
	c, err := d.DialContext(ctx, network, t.server.Addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, cause(err))
	}
	return c, nil
}

// talk sends m on c and reads until its answer comes. On UDP, foreign, late and broken
// packets are passed over: anybody may send those.
func (t *target) talk(ctx context.Context, c net.Conn, m *dns.Msg, packets bool) (*dns.Msg, error) {
	if err := c.SetDeadline(time.Now().Add(t.opt.Timeout)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	w := &dns.Conn{Conn: c, UDPSize: udpSize}
	if err := w.WriteMsg(m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, cause(err))
	}
	var broken error
	for {
		raw, err := w.ReadMsgHeader(nil)
		if err != nil {
			var ne net.Error
			switch {
			case broken != nil:
				return nil, broken
			case ctx.Err() != nil:
				return nil, fmt.Errorf("%w: %w", ErrNoAnswer, ctx.Err())
			case errors.As(err, &ne) && ne.Timeout():
				return nil, fmt.Errorf("%w within %s", ErrNoAnswer, t.opt.Timeout)
			case packets && errors.Is(err, dns.ErrShortRead):
				continue
			}
			return nil, fmt.Errorf("%w: %w", ErrNoAnswer, cause(err))
		}
		r, err := parse(raw, m)
		if err == nil {
			return r, nil
		}
		broken = err
		if !packets {
			return nil, err
		}
	}
}

// cause is what went wrong, without the addresses around it: a row says whom it is about,
// and our own port is another one each time.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	return err
}

// parse reads a message and checks that it is the answer to m.
func parse(raw []byte, m *dns.Msg) (*dns.Msg, error) {
	r := new(dns.Msg)
	if err := r.Unpack(raw); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if r.Id != m.Id || !r.Response || r.Opcode != dns.OpcodeQuery {
		return nil, fmt.Errorf("%w: not an answer to our question", ErrUnreadable)
	}
	// Servers may leave the question out of an error, never out of an answer.
	if len(r.Question) != 1 || r.Question[0].Qtype != m.Question[0].Qtype || !strings.EqualFold(r.Question[0].Name, m.Question[0].Name) {
		if r.Rcode == dns.RcodeSuccess || r.Rcode == dns.RcodeNameError || len(r.Question) > 0 {
			return nil, fmt.Errorf("%w: an answer to another question", ErrUnreadable)
		}
	}
	return r, nil
}
