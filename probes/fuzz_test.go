package probes

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// fuzzed feeds what a server of the kind might say, byte by byte, to a probe: whatever it
// is, the answer must come, be fit to show, and be no accident of the reader. The seeds
// are true answers, whole and spoilt.
func fuzzed(f *testing.F, kind string) {
	said := recording(f, kind)
	f.Add([]byte(said))
	f.Add([]byte(said[:len(said)*2/3]))
	f.Add([]byte(said + said))
	for i := 1; i < 8; i++ {
		b := []byte(said)
		b[i*(len(b)-1)/8] ^= 0xff
		f.Add(b)
	}
	var now atomic.Value
	now.Store("")
	addr := listen(f, func(c net.Conn) {
		perform(c, kind, now.Load().(string))
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		now.Store(string(b))
		tg := hostileTarget(kind, addr, "")
		tg.Role = asRole(RoleReplica)
		p := must(t, tg)
		r := ask(t, p, 10*time.Second)
		_ = p.Close()
		if r.Detail == "" || strings.Contains(r.Detail, "the probe itself failed") || strings.Contains(r.Detail, "no answer within") {
			t.Fatalf("%q made %s %q\n%s", b, r.Status, r.Detail, strings.Join(r.Transcript, "\n"))
		}
		if r.Status != StatusUp {
			checkFit(t, r, "")
		}
	})
}

func FuzzHTTP(f *testing.F)     { fuzzed(f, "http") }
func FuzzRedis(f *testing.F)    { fuzzed(f, "redis") }
func FuzzMySQL(f *testing.F)    { fuzzed(f, "mysql") }
func FuzzKafka(f *testing.F)    { fuzzed(f, "kafka") }
func FuzzRabbitMQ(f *testing.F) { fuzzed(f, "rabbitmq") }

// FuzzDNS: the id of the question is put in, so that the answer is looked at.
func FuzzDNS(f *testing.F) {
	m := new(dns.Msg)
	m.SetQuestion("ops.example.", dns.TypeA)
	m.Response, m.Authoritative = true, true
	for _, s := range []string{"ops.example. 30 IN A 192.0.2.1", "ops.example. 30 IN TXT \"\\027[2J\" \"\\155\"", "ops.example. 30 IN SOA a. b. 7 1 1 1 1"} {
		rr, err := dns.NewRR(s)
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	whole, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-7])
	f.Add(append(append([]byte{}, whole[:2]...), "\x87\x80\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"...)) // a name that points at itself
	var now atomic.Value
	now.Store([]byte{})
	ln, pc := twins(f)
	f.Cleanup(func() { _ = ln.Close(); _ = pc.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			out := append([]byte{}, now.Load().([]byte)...)
			if n >= 2 && len(out) >= 2 {
				copy(out, buf[:2])
			}
			_, _ = pc.WriteTo(out, from)
		}
	}()
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 12 || len(b) > 1400 {
			return // no answer at all, which others test
		}
		now.Store(b)
		r := ask(t, must(t, Target{Kind: "dns", Address: pc.LocalAddr().String(), Query: "ops.example"}), time.Second)
		if r.Detail == "" || strings.Contains(r.Detail, "the probe itself failed") {
			t.Fatalf("%q made %s %q", b, r.Status, r.Detail)
		}
		if r.Status != StatusUp {
			checkFit(t, r, "")
		}
	})
}
