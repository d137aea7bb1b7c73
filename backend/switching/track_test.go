package switching

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/route53"
	"github.com/dutyops/dutyops/failoverplan"
)

// tracked is a Switch whose one zone is at the fake of Route 53 and at one name server.
func tracked(t *testing.T) (*Switch, *dnstest.Route53, *dnstest.Authority, []failoverplan.ZoneChange) {
	t.Helper()
	z := dnstest.NewZone(zoneName)
	api := dnstest.NewRoute53("id", "secret", z)
	t.Cleanup(api.Close)
	ns, err := dnstest.NewAuthority("", nil, z)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ns.Close)
	text := func(s string) func() (string, error) { return func() (string, error) { return s, nil } }
	p, err := route53.New(route53.Options{BaseURL: api.URL, AccessKeyID: text("id"), SecretAccessKey: text("secret")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{
		Providers: map[string]dnsproviders.Provider{"aws": p},
		Zones:     []Zone{{Name: zoneName, Provider: "aws", Authoritative: []string{ns.Addr}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.opt.TrackWait = 30 * time.Second // a loaded machine; an answer that comes ends the wait
	z.Set("www."+zoneName, "A", 60, oldV4)
	zc := failoverplan.ZoneChange{Zone: zoneName, Provider: "aws", Changes: []failoverplan.RecordChange{change("www."+zoneName, "A", []string{oldV4}, []string{newV4})}}
	return s, api, ns, []failoverplan.ZoneChange{zc}
}

// questions counts what GetChange was asked since the log was read last.
func questions(api *dnstest.Route53) (n int) {
	for _, l := range api.Log() {
		if strings.HasPrefix(l, "GET ") && strings.Contains(l, "/change/C1") {
			n++
		}
	}
	return n
}

// A change that is PENDING is told so beside answers that are new, and the verification does
// not wait for it; once it is INSYNC that is told, with when.
func TestTrackTellsPendingAndInSync(t *testing.T) {
	s, api, _, zc := tracked(t)
	if got := s.Track(t.Context(), zc)(); len(got) != 0 {
		t.Fatalf("told of a change that was not made: %q", got)
	}
	api.Pending = 1
	if _, err := s.Apply(t.Context(), zc[0]); err != nil {
		t.Fatal(err)
	}
	stop := s.Track(t.Context(), zc)
	if b, err := s.VerifyAuthoritative(t.Context(), zc); err != nil || b.Agreed != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	if got := stop(); len(got) != 1 || !strings.HasPrefix(got[0], "aws says that change C1 has not reached all its name servers yet, ") {
		t.Errorf("pending: %q", got)
	}
	if got := s.Track(t.Context(), zc)(); len(got) != 1 || !strings.HasPrefix(got[0], "aws says that change C1 has reached all its name servers, seen at ") {
		t.Errorf("in sync: %q", got)
	}
	if n := questions(api); n != 2 {
		t.Errorf("asked %d times, want twice", n)
	}
}

// While servers are pursued the question is repeated, and no more once it is answered.
func TestTrackAsksUntilInSync(t *testing.T) {
	s, api, _, zc := tracked(t)
	s.trackPause = time.Millisecond
	if _, err := s.Apply(t.Context(), zc[0]); err != nil {
		t.Fatal(err)
	}
	api.Log()
	api.Pending = 2
	stop := s.Track(t.Context(), zc)
	tick, end := time.NewTicker(time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	asked := 0
	for ; asked < 3; asked += questions(api) {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("asked %d times, want 3", asked)
		}
	}
	if got := stop(); len(got) != 1 || !strings.Contains(got[0], "has reached all its name servers") {
		t.Errorf("got %q", got)
	}
	if asked += questions(api); asked != 3 {
		t.Errorf("asked %d times, want 3", asked)
	}
}

// What the provider says is never taken for what the name servers say.
func TestTrackIsNoVerification(t *testing.T) {
	s, _, ns, zc := tracked(t)
	ns.Freeze()
	if _, err := s.Apply(t.Context(), zc[0]); err != nil {
		t.Fatal(err)
	}
	stop := s.Track(t.Context(), zc)
	if b, err := s.GlanceAuthoritative(t.Context(), zc); !errors.Is(err, ErrNotAgreed) || b.Agreed != 0 {
		t.Errorf("%+v, %v", b, err)
	}
	if got := stop(); len(got) != 1 || !strings.Contains(got[0], "has reached all its name servers") {
		t.Errorf("got %q", got)
	}
}

// A provider that does not tell is no reason to wait, or to fail.
func TestTrackWithoutAnAnswer(t *testing.T) {
	s, api, _, zc := tracked(t)
	if _, err := s.Apply(t.Context(), zc[0]); err != nil {
		t.Fatal(err)
	}
	api.Break(&dnstest.Fault{Kind: dnstest.Forbidden, Times: -1})
	if got := s.Track(t.Context(), zc)(); len(got) != 1 || !strings.HasPrefix(got[0], "aws does not say how far change C1 is: ") {
		t.Errorf("forbidden: %q", got)
	}
	api.Break(&dnstest.Fault{Kind: dnstest.Hang, Times: -1})
	s.opt.TrackWait = time.Millisecond
	if got := s.Track(t.Context(), zc)(); len(got) != 1 || got[0] != "aws did not say in time how far change C1 is" {
		t.Errorf("silent: %q", got)
	}
	if b, err := s.VerifyAuthoritative(t.Context(), zc); err != nil || b.Agreed != 1 {
		t.Errorf("%+v, %v", b, err)
	}
}
