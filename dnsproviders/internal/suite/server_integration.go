//go:build integration

package suite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Server is a real DNS server with the test zone, whose key may change everything.
type Server struct {
	Addr string
	// Key names the TSIG key, Secret is its secret in base64.
	Key, Secret string
}

// Fill makes a name hold these sets and no others of the types that the tests know.
func (s Server) Fill(t testing.TB, name string, sets []Set) {
	t.Helper()
	m := new(dns.Msg).SetUpdate(Zone + ".")
	for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeHTTPS, dns.TypeTXT} { // not the keys of a signed zone's apex
		m.RemoveRRset([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: name + ".", Rrtype: typ}}})
	}
	s.update(t, m) // by itself: a signer takes away the signatures that an alias may not stand beside
	m = new(dns.Msg).SetUpdate(Zone + ".")
	for _, x := range sets {
		for _, v := range x.Values {
			if x.Type == "CNAME" {
				v += "."
			}
			rr, err := dns.NewRR(fmt.Sprintf("%s. %d IN %s %s", name, x.TTL, x.Type, v))
			if err != nil {
				t.Fatal(err)
			}
			m.Insert([]dns.RR{rr})
		}
	}
	s.update(t, m)
}

// Load adds the records of a zone file, for servers that have none.
func (s Server) Load(t testing.TB, text string) {
	t.Helper()
	lines := dns.NewZoneParser(strings.NewReader(text), Zone+".", "")
	for more := true; more; {
		m := new(dns.Msg).SetUpdate(Zone + ".")
		var rr dns.RR
		for rr, more = lines.Next(); more; rr, more = lines.Next() {
			if m.Insert([]dns.RR{rr}); len(m.Ns) == 500 {
				break
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		s.update(t, m)
	}
}

func (s Server) update(t testing.TB, m *dns.Msg) {
	t.Helper()
	key := dns.Fqdn(s.Key)
	c := dns.Client{Net: "tcp", TsigSecret: map[string]string{key: s.Secret}, Timeout: 20 * time.Second}
	m.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
	if r, _, err := c.Exchange(m, s.Addr); err != nil || r.Rcode != dns.RcodeSuccess {
		t.Fatalf("filling the zone: %v, %v", r, err)
	}
}

// Look asks for a set of any type.
func (s Server) Look(t testing.TB, name, typ string) []string {
	t.Helper()
	c := dns.Client{Net: "tcp", Timeout: 20 * time.Second}
	r, _, err := c.Exchange(new(dns.Msg).SetQuestion(name+".", dns.StringToType[typ]), s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, rr := range r.Answer {
		out = append(out, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return out
}
