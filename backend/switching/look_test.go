package switching

import (
	"context"
	"errors"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/failoverplan"
)

func TestLive(t *testing.T) {
	for _, tc := range []struct {
		name    string
		fault   string
		noNS    bool
		problem string
		sets    int
	}{
		{"through the api", "", false, "", 5},
		{"api refuses: the authority tells", dnstest.Unauthorized, false, "authoritative server", 5},
		{"nobody tells", dnstest.Unauthorized, true, "no answer", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, rigOptions{})
			r.s.opt.QueryTimeout = 100 * time.Millisecond
			ds, _ := r.site("cloudflare", 2)
			r.zone.Set("h0000."+zoneName, "HTTPS", 60, `1 . alpn="h2"`)
			r.zone.Set("alias."+zoneName, "CNAME", 60, "h0000."+zoneName)
			ds = append(ds[:2:2], failoverplan.Domain{Name: "alias." + zoneName, Zone: zoneName}, failoverplan.Domain{Name: "x.other.test", Zone: "other.test"})
			if tc.fault != "" {
				r.api.Break(&dnstest.Fault{Kind: tc.fault, Times: -1})
			}
			if tc.noNS {
				r.ns1.Close()
				r.ns2.Close()
			}
			live, problems := r.s.Live(t.Context(), ds)
			if got := problems[zoneName]; tc.problem == "" && got != "" || !strings.Contains(got, tc.problem) {
				t.Errorf("problem %q, want %q", got, tc.problem)
			}
			if want := map[string]int{zoneName: tc.sets}; len(live[zoneName]) != want[zoneName]+boolInt(tc.sets > 0) {
				t.Errorf("%d sets: %v", len(live[zoneName]), live[zoneName])
			}
			for _, s := range live[zoneName] {
				if s.Name == "alias."+zoneName && s.Type != "CNAME" {
					t.Errorf("the target's values are shown as the alias's own: %+v", s)
				}
			}
			if problems["other.test"] == "" || len(problems) > 2 {
				t.Errorf("problems %v", problems)
			}
		})
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestLiveTakesTheNewestSerial(t *testing.T) {
	r := newRig(t, rigOptions{})
	ds, _ := r.site("cloudflare", 1)
	r.ns1.Freeze()
	r.zone.Set("h0000."+zoneName, "A", 30, newV4)
	r.api.Break(&dnstest.Fault{Kind: dnstest.Forbidden, Times: -1})
	live, _ := r.s.Live(t.Context(), ds)
	if len(live[zoneName]) != 2 || live[zoneName][0].Values[0] != newV4 {
		t.Errorf("%+v: ns2 is newer", live)
	}
	if !newer(1, 0xffffffff) || newer(0xffffffff, 1) || newer(3, 3) {
		t.Error("serial arithmetic")
	}
}

func TestDoneWithoutTheAPI(t *testing.T) {
	r := newRig(t, rigOptions{})
	_, zc := r.site("cloudflare", 2)
	r.zone.Set("h0001."+zoneName, "A", 30, newV4)
	r.api.Break(&dnstest.Fault{Kind: dnstest.Forbidden, Times: -1})
	done, conflict, err := r.s.Done(t.Context(), zc)
	if err != nil || len(done) != 1 || done[0].After.Name != "h0001."+zoneName || len(conflict) != 0 {
		t.Errorf("done %v, conflict %v, %v", done, conflict, err)
	}
	r.ns1.Close()
	r.ns2.Close()
	r.s.opt.QueryTimeout = 50 * time.Millisecond
	if _, _, err := r.s.Done(t.Context(), zc); err == nil {
		t.Error("nobody tells, and it is taken for an answer")
	}
}

func TestVerifyWaitsForTheLaggingServer(t *testing.T) {
	r := newRig(t, rigOptions{})
	_, zc := r.site("cloudflare", 10)
	r.ns2.Freeze()
	var looks atomic.Int32
	r.ns2.Hook(func(w dns.ResponseWriter, m *dns.Msg, serve func(dns.ResponseWriter)) {
		if looks.Add(1) == 40 { // after the first passes
			r.ns2.Thaw()
		}
		serve(w)
	})
	if _, err := r.s.Apply(t.Context(), zc); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	before := r.ns1.Queries()
	b, err := r.s.VerifyAuthoritative(ctx, []failoverplan.ZoneChange{zc})
	if err != nil || b.Agreed != 40 || b.Total != 40 || !b.OldUntil.IsZero() || len(b.Differences(9)) != 0 {
		t.Fatalf("%d of %d, %v, %v", b.Agreed, b.Total, err, b.Differences(9))
	}
	for _, row := range b.Rows {
		if row.State != RowNew || row.Serial != r.zone.Serial() || !row.Authoritative {
			t.Errorf("%+v", row)
		}
	}
	if n := r.ns1.Queries() - before; n < 21 || n > 24 {
		t.Errorf("ns1 agreed at once and was asked %d questions, want 20, the serial, and up to 3 about itself", n)
	}
}

func TestVerifySaysWhoDoesNotAgree(t *testing.T) {
	r := newRig(t, rigOptions{})
	_, zc := r.site("cloudflare", 5)
	r.ns2.Freeze()
	if _, err := r.s.Apply(t.Context(), zc); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var looks atomic.Int32
	r.ns2.Hook(func(w dns.ResponseWriter, m *dns.Msg, serve func(dns.ResponseWriter)) {
		if looks.Add(1) == 25 {
			cancel()
		}
		serve(w)
	})
	b, err := r.s.VerifyAuthoritative(ctx, []failoverplan.ZoneChange{zc})
	if !errors.Is(err, ErrNotAgreed) || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if b.Agreed != 10 || b.Total != 20 || b.OldUntil.IsZero() {
		t.Errorf("%d of %d, old until %v", b.Agreed, b.Total, b.OldUntil)
	}
	d := b.Differences(2)
	if len(d) != 3 || !strings.Contains(d[0], r.ns2.Addr) || !strings.Contains(d[0], oldV4) || d[2] != "and 8 more" {
		t.Errorf("%q", d)
	}
	if _, err := r.s.VerifyAuthoritative(t.Context(), []failoverplan.ZoneChange{{Zone: "other.test", Changes: zc.Changes}}); err == nil {
		t.Error("a zone without servers verified")
	}
}

func TestVerifyResolversCarryTheExpiry(t *testing.T) {
	z := dnstest.NewZone(zoneName)
	z.Set("h0000."+zoneName, "A", 42, oldV4) // what the resolver still holds
	z.Set("h0000."+zoneName, "AAAA", 7, newV6)
	res, err := dnstest.NewAuthority("", nil, z)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(res.Close)
	r := newRig(t, rigOptions{resolvers: []Resolver{{"branch", res.Addr}}})
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	r.s.opt.Now = func() time.Time { return at }
	ds, zc := r.site("cloudflare", 1)
	ctx, cancel := context.WithCancel(t.Context())
	var looks atomic.Int32
	res.Hook(func(w dns.ResponseWriter, m *dns.Msg, serve func(dns.ResponseWriter)) {
		if looks.Add(1) == 4 {
			cancel()
		}
		serve(w)
	})
	b, err := r.s.VerifyResolvers(ctx, []failoverplan.ZoneChange{zc})
	if !errors.Is(err, ErrNotAgreed) || b.Agreed != 1 || b.Total != 2 {
		t.Fatalf("%+v, %v", b, err)
	}
	if want := at.Add(42 * time.Second); !b.OldUntil.Equal(want) || b.Rows[0].State != RowOld || !b.Rows[0].OldUntil.Equal(want) {
		t.Errorf("old until %v, want %v; %+v", b.OldUntil, want, b.Rows[0])
	}
	res.Hook(nil)
	z.Set("h0000."+zoneName, "A", 30, newV4)
	if b, err := r.s.VerifyResolvers(t.Context(), []failoverplan.ZoneChange{zc}); err != nil || b.Agreed != 2 {
		t.Errorf("%+v, %v", b, err)
	}
	// Observe: the authority says old here, the resolver new: it differs from the authority.
	obs := r.s.Observe(t.Context(), ds)
	if len(obs) != 6 {
		t.Fatalf("%d observations, want 2 types at 3 servers", len(obs))
	}
	var seen []string
	for _, o := range obs[:3] {
		seen = append(seen, o.Server+" "+o.Type+" "+strings.Join(o.Values, ","))
	}
	if want := []string{r.ns1.Addr + " A " + oldV4, r.ns2.Addr + " A " + oldV4, "branch A " + newV4}; !reflect.DeepEqual(seen, want) {
		t.Errorf("%q, want %q", seen, want)
	}
	if !obs[2].OldUntil.Equal(at.Add(30*time.Second)) || !obs[0].OldUntil.IsZero() || obs[0].Serial != r.zone.Serial() || obs[0].TTL != 60 || obs[0].Station != "PVG" {
		t.Errorf("%+v", obs[:3])
	}
}

func TestObserveWithDeadServers(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() }) // listens, never answers
	r := newRig(t, rigOptions{resolvers: []Resolver{{"dead", pc.LocalAddr().String()}}})
	r.s.opt.QueryTimeout = 500 * time.Millisecond
	ds, _ := r.site("cloudflare", 20)
	r.ns2.Close()
	obs := r.s.Observe(t.Context(), ds)
	if len(obs) != 20*2*3 {
		t.Fatalf("%d observations", len(obs))
	}
	for _, o := range obs {
		if dead := o.Server == "dead" || o.Server == r.ns2.Addr; dead != (o.Err != nil) {
			t.Errorf("%+v", o)
		}
	}
}

func TestManual(t *testing.T) {
	r := newRig(t, rigOptions{})
	n := "www." + zoneName
	got := r.s.Manual(failoverplan.ZoneChange{Zone: zoneName, Provider: "cloudflare", Changes: []failoverplan.RecordChange{
		change(n, "A", []string{oldV4}, []string{newV4, "198.51.100.21"}),
		change(n, "AAAA", nil, []string{newV6}),
		change("alias."+zoneName, "CNAME", []string{"primary.example.test"}, []string{"standby.example.test"}),
	}})[1].Text
	host, port, _ := net.SplitHostPort(r.ns1.Addr)
	for _, line := range []string{
		"server " + host + " " + port, "zone " + zoneName + ".",
		"prereq yxrrset " + n + ". IN A " + oldV4, "prereq nxrrset " + n + ". IN AAAA",
		"prereq yxrrset alias." + zoneName + ". IN CNAME primary.example.test.",
		"update delete " + n + ". IN A\n", "update add " + n + ". 30 IN A " + newV4, "update add " + n + ". 30 IN A 198.51.100.21",
		"update add " + n + ". 30 IN AAAA " + newV6, "update add alias." + zoneName + ". 30 IN CNAME standby.example.test.", "send\n",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in\n%s", line, got)
		}
	}
	if strings.Contains(got, "update delete "+n+". IN AAAA") {
		t.Error("deletes what does not exist")
	}
	evil := r.s.Manual(failoverplan.ZoneChange{Zone: zoneName, Changes: []failoverplan.RecordChange{change(n, "A", []string{oldV4}, []string{"1.2.3.4\nupdate delete " + n})}})[1].Text
	for _, line := range strings.Split(strings.TrimSpace(evil), "\n") {
		if !strings.HasPrefix(line, ";") {
			t.Errorf("printed %q", line)
		}
	}
}
