package propagation

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// FuzzDelegation: whatever stands in a referral, a serial's or a TXT answer, only what
// belongs to the zone is taken from it, in order, and every address is one.
func FuzzDelegation(f *testing.F) {
	for _, s := range [][]string{
		{"gss.example.test. 60 IN NS ns1.gss.example.test.", "ns1.gss.example.test. 60 IN A 192.0.2.1", "ns1.gss.example.test. 60 IN AAAA 2001:db8::1"},
		{"GSS.example.test. 60 IN NS a.", "gss.example.test. 60 IN NS a.", "b. 60 IN A 192.0.2.1"},
		{"gss.example.test. 60 IN SOA a. b. 4294967295 2 3 4 5", `gss.example.test. 60 IN TXT "a" "b"`, "x. 60 IN DS 1 13 2 00"},
	} {
		m := new(dns.Msg)
		m.Response = true
		for i, text := range s {
			x, err := dns.NewRR(text)
			if err != nil {
				f.Fatal(err)
			}
			if i == 0 {
				m.Ns = append(m.Ns, x)
			} else {
				m.Extra = append(m.Extra, x)
			}
			m.Answer = append(m.Answer, x)
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := new(dns.Msg)
		if r.Unpack(raw) != nil {
			return
		}
		d := refer(r, zoneName)
		if !slices.IsSorted(d.ns) || len(slices.Compact(slices.Clone(d.ns))) != len(d.ns) {
			t.Errorf("out of order, or twice: %q", d.ns)
		}
		for n, as := range d.glue {
			if !slices.Contains(d.ns, n) {
				t.Errorf("an address of %q, which is no name server", n)
			}
			for _, a := range ported(as) {
				if _, err := netip.ParseAddrPort(a); err != nil {
					t.Errorf("%q: %v", a, err)
				}
			}
		}
		if len(ported(slices.Repeat([]string{"192.0.2.1"}, 100))) != maxAddresses {
			t.Error("addresses are not bounded")
		}
		if _, ok := serialOf(r.Answer, zoneName); ok && !slices.ContainsFunc(r.Answer, func(x dns.RR) bool { return x.Header().Rrtype == dns.TypeSOA }) {
			t.Error("a serial without an SOA")
		}
		_ = textsOf(r.Answer, zoneName)
	})
}

// wire is a server that says what was given, whatever it is asked.
type wire struct {
	net.Conn
	in *bytes.Reader
}

func (w *wire) Read(p []byte) (int, error)  { return w.in.Read(p) }
func (w *wire) Write(p []byte) (int, error) { return len(p), nil }
func (*wire) SetDeadline(time.Time) error   { return nil }
func (*wire) RemoteAddr() net.Addr          { return &net.TCPAddr{} }
func (*wire) LocalAddr() net.Addr           { return &net.TCPAddr{} }

// FuzzStream: whatever a server sends on a TCP connection is an answer to our question, or
// one of our errors; it never holds us up.
func FuzzStream(f *testing.F) {
	t0 := &target{opt: Options{}.withDefaults(), server: Server{Authoritative: true}}
	m := t0.question(zoneName, dns.TypeSOA)
	m.Id = 7
	r := new(dns.Msg)
	r.SetReply(m)
	b, err := r.Pack()
	if err != nil {
		f.Fatal(err)
	}
	framed := append([]byte{byte(len(b) >> 8), byte(len(b))}, b...)
	for _, s := range [][]byte{framed, b, {0, 0}, {0, 3, 1}, {255, 255}, append(slices.Clone(framed), framed...), []byte(strings.Repeat("HTTP/1.1 400\r\n", 9))} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := t0.talk(t.Context(), &wire{in: bytes.NewReader(raw)}, m, false)
		switch {
		case err == nil:
			if got.Id != m.Id || !got.Response {
				t.Errorf("not our answer: %v", got)
			}
		case !errors.Is(err, ErrNoAnswer) && !errors.Is(err, ErrUnreadable):
			t.Errorf("%v", err)
		}
	})
}
