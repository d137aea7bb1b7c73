package tui

import (
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/demo"
	"github.com/dutyops/dutyops/tui/i18n"
)

// TestFindingsAreTranslated: every sentence and next step that the engine's findings can
// say has a Chinese text with the same places for data, and nothing else is translated.
func TestFindingsAreTranslated(t *testing.T) {
	place := regexp.MustCompile(`\{[a-z]+\}`)
	places := func(s string) []string {
		out := place.FindAllString(s, -1)
		slices.Sort(out)
		return out
	}
	zh, known := i18n.New("zh"), map[string]bool{}
	for _, s := range backend.DNSFindingSentences() {
		key := "say|" + s
		known[key] = true
		if !zh.Has(key) {
			t.Errorf("no Chinese for %q", s)
		} else if got := places(zh.T(key)); !slices.Equal(got, places(s)) {
			t.Errorf("%q has places %v, its translation %v", s, places(s), got)
		}
	}
	for _, k := range zh.Keys() {
		if len(k) > 4 && k[:4] == "say|" && !known[k] {
			t.Errorf("no finding says %q", k)
		}
	}
}

func TestBoardIsOneKeyAway(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.press("d")
	r.want("v board")
	r.press("v")
	r.want("Verification board", "users served", "6/6", "IPv4 3/3", "none that is known")
	r.wantNot("What is wrong")
	r.press("d")
	r.want("DNS board", "v board")
	r.press("esc", "esc", "esc")
	r.down()
	r.started(4)
	r.want("v board")
	r.press("v")
	r.want("Verification board")
}

// TestBoardFollowsAChange: while answers are old it asks every other second, otherwise
// every five, one question at a time, and only while it is seen.
func TestBoardFollowsAChange(t *testing.T) {
	r := newRig(t, 200, 60, Options{}, demo.Options{})
	r.press("v")
	s, ok := r.a.top().(*boardScreen)
	if !ok || s.every(r.a) != 5 {
		t.Fatalf("%T", r.a.top())
	}
	r.w.Lag("sha.gss.example.test", 2)
	r.press("r")
	r.want("old until 14:05:27", "stretches TTLs", "at least until 14:05:27", "14/18", "4/6", "What is wrong", "ttl-stretched", "lower its minimum TTL")
	if s.every(r.a) != 2 {
		t.Error("it does not follow the change")
	}
	asked := func(d time.Duration) time.Time {
		r.clock.add(d)
		r.send(beatMsg{})
		return s.at
	}
	if begin := s.at; !asked(2 * time.Second).After(begin) {
		t.Error("two seconds later it has not asked again")
	}
	last := s.at
	s.asking = true
	if asked(2 * time.Second); !s.at.Equal(last) {
		t.Error("it asks while a question is out")
	}
	s.asking = false
	r.press("d")
	if asked(2 * time.Second); s.asking {
		t.Error("it asks while it is covered")
	}
	r.send(dnsMsg{err: errors.New("the\x1b[31m network is gone")})
	r.press("esc")
	r.want("network is gone", "stretches TTLs")
	s.board = nil
	r.want("network is gone")
}

// TestBoardWordsEveryState draws what the demo never says.
func TestBoardWordsEveryState(t *testing.T) {
	r := newRig(t, 200, 60, Options{}, demo.Options{})
	r.press("v")
	s := r.a.top().(*boardScreen) //nolint:forcetypeassert // pressed just now
	s.board.Servers = []backend.DNSServer{
		{Role: "authoritative", Zone: "z.test", Server: "a", State: "lagging", Behind: 3, Serial: 7, Host: "ns1.z.test"},
		{Role: "authoritative", Zone: "z.test", Server: "b", State: "lame", TCP: "fail", Found: true},
		{Role: "authoritative", Zone: "z.test", Server: "c", State: "silent", Silent: 2, Error: "no answer within 1s"},
		{Role: "resolver", Server: "d", State: "differs", Trait: "serve-stale"},
		{Role: "resolver", Server: "e", State: "old", Trait: "keeps-old", Old: 2},
	}
	for i := range s.board.Servers {
		s.board.Servers[i].New, s.board.Servers[i].Total = i%2, 2
	}
	s.board.Services = &backend.DNSServices{NotAsked: 9, Lines: []backend.DNSServiceLine{
		{Name: "n", Address: "192.0.2.1", State: "other-site", Site: "primary", ServedBy: "standby", Through: []string{}},
		{Name: "n", Address: "192.0.2.2", State: "tls", Error: "has expired", Through: []string{"d"}},
		{Name: "n", Address: "2001:db8::1", State: "not-asked", Error: "no way there", Through: []string{"d"}},
		{Name: "n", Address: "192.0.2.3", State: "status", Status: 503, Through: []string{"d", "e"}},
	}}
	s.board.Delegations = []backend.DNSDelegation{{Zone: "z.test", Parent: []string{"x"}, Child: []string{"y"}, Servers: []backend.DNSDelegated{
		{Name: "ns1.z.test", Parent: true, Child: true}, {Name: "ns2.z.test", Parent: true}, {Name: "ns3.z.test", Child: true},
	}}, {Zone: "y.test", Child: []string{"y"}, Servers: []backend.DNSDelegated{{Name: "ns1.y.test", Child: true}}}}
	r.want("Servers of z.test", "3 behind", "ns1.z.test", "without authority", "no TCP", "not in the configuration", "no answer within 1s",
		"other answers", "serves expired answers", "old answers", "keeps old answers too long",
		"answered by standby", "no resolver yet", "TLS", "has expired", "not asked", "503", "through d, e", "9 calls are left",
		"Name servers of z.test", "Name servers of y.test", "the parent is not known", "parent and zone", "only the parent", "only the zone")
	r.fits()
}

// TestWhatAStepWaitsForIsShown: what the engine says that a running step waits for stands
// where its evidence will be.
func TestWhatAStepWaitsForIsShown(t *testing.T) {
	r := newRig(t, 120, 40, Options{}, demo.Options{})
	r.w.AddRun(backend.Run{ID: "r-0042", Kind: "failover", From: "primary", To: "standby", State: backend.RunRunning, Steps: []backend.RunStep{
		{ID: "s01", Title: "Watched resolvers forget the old answer", Phase: "propagate", Risk: "R0", State: "running", Now: "12 of 18 answers are new, old ones until 14:05:27"},
	}})
	r.run(r.a.open(newRunScreen("r-0042")))
	r.want("12 of 18 answers are new", "14:05:27")
}
