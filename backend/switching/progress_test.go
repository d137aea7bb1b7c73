package switching

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/failoverplan"
)

// TestProgressOfResolvers: whoever waits for the resolvers hears how far they are, and
// until when old answers are given, whenever that has changed and not at every look.
func TestProgressOfResolvers(t *testing.T) {
	old := dnstest.NewZone(zoneName)
	old.Set("h0000."+zoneName, "A", 42, oldV4)
	old.Set("h0000."+zoneName, "AAAA", 42, oldV6)
	res, err := dnstest.NewAuthority("", nil, old)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(res.Close)
	late := overdue{t.Context(), make(chan struct{})}
	var asked atomic.Int32
	res.Hook(func(w dns.ResponseWriter, q *dns.Msg, serve func(dns.ResponseWriter)) {
		if q.Question[0].Qtype == dns.TypeA && asked.Add(1) == 4 {
			close(late.done)
		}
		serve(w)
	})
	r := newRig(t, rigOptions{resolvers: []Resolver{{"branch", res.Addr}}})
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	r.s.opt.Now, r.s.opt.QueryTimeout = func() time.Time { return at }, 20*time.Second
	_, zc := r.site("cloudflare", 1)
	r.zone.Set("h0000."+zoneName, "A", 30, newV4)
	r.zone.Set("h0000."+zoneName, "AAAA", 30, newV6)
	var heard []Progress
	b, err := r.s.WatchResolvers(late, []failoverplan.ZoneChange{zc}, func(p Progress) { heard = append(heard, p) })
	if err == nil || b.Total != 2 {
		t.Fatalf("%v %+v", err, b)
	}
	want := Progress{New: 0, Total: 2, OldUntil: at.Add(42 * time.Second)}
	if len(heard) != 1 || heard[0] != want {
		t.Errorf("heard %+v, want %+v once", heard, want)
	}
	r.s.opt.Resolvers = append(r.s.opt.Resolvers, Resolver{"centre", r.ns1.Addr})
	old.Set("h0000."+zoneName, "A", 30, newV4)
	old.Set("h0000."+zoneName, "AAAA", 30, newV6)
	heard = nil
	if _, err := r.s.WatchResolvers(t.Context(), []failoverplan.ZoneChange{zc}, func(p Progress) { heard = append(heard, p) }); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 2 || heard[0] != (Progress{New: 2, Total: 4}) || heard[1] != (Progress{New: 4, Total: 4}) || heard[1].String() != "4 of 4 answers are new" {
		t.Errorf("%+v", heard)
	}
}
