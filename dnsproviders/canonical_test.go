package dnsproviders

import (
	"errors"
	"strings"
	"testing"
)

func TestStand(t *testing.T) {
	set := func(ttl uint32, vs ...string) RRset {
		return RRset{Name: "www.a.test", Type: "A", TTL: ttl, Values: vs}
	}
	const o, n, x = "192.0.2.1", "192.0.2.2", "192.0.2.3"
	for _, tc := range []struct {
		name          string
		before, after RRset
		live          RRset
		want          Standing
	}{
		{"old", set(60, o), set(60, n), set(60, o), Old},
		{"new", set(60, o), set(60, n), set(60, n), New},
		{"ttl is no matter", set(60, o), set(60, n), set(1, n), New},
		{"foreign", set(60, o), set(60, n), set(60, x), Other},
		{"both", set(60, o), set(60, n), set(60, o, n), Other},
		{"gone", set(60, o), set(60, n), set(0), Other},
		{"removed", set(60, o), set(60), set(0), New},
		{"not yet made", set(60), set(60, n), set(0), Old},
		{"ttl change, old", set(60, o), set(30, o), set(60, o), Old},
		{"ttl change, new", set(60, o), set(30, o), set(30, o), New},
		{"ttl change, foreign", set(60, o), set(30, o), set(30, x), Other},
		{"no change", set(60, o), set(60, o), set(99, o), New},
	} {
		if got := (Change{tc.before, tc.after}).Stand(tc.live); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestCanonicalChanges(t *testing.T) {
	c := Change{
		RRset{Name: "WWW.A.test.", Type: "a", TTL: 60, Values: []string{"192.0.2.2", "192.0.2.1", "192.0.2.2"}},
		RRset{Name: "www.a.test", Type: "A", TTL: 60, Values: []string{"192.0.2.3"}},
	}
	got, err := CanonicalChanges("A.test.", []Change{c})
	if err != nil || strings.Join(got[0].Before.Values, " ") != "192.0.2.1 192.0.2.2" || got[0].Before.Name != "www.a.test" || got[0].Before.Type != "A" {
		t.Errorf("%+v, %v", got, err)
	}
	if c.Before.Values[0] != "192.0.2.2" {
		t.Error("the caller's values were changed")
	}
	for name, cs := range map[string][]Change{
		"other name": {{c.Before, RRset{Name: "x.a.test", Type: "A", Values: []string{"192.0.2.1"}}}},
		"other type": {{c.Before, RRset{Name: "www.a.test", Type: "AAAA", Values: []string{"2001:db8::1"}}}},
		"twice":      {c, c},
		"no value":   {{RRset{Name: "www.a.test", Type: "A"}, RRset{Name: "www.a.test", Type: "A"}}},
		"no name":    {{RRset{Type: "A", Values: []string{"192.0.2.1"}}, RRset{Type: "A"}}},
	} {
		if _, err := CanonicalChanges("a.test", cs); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if InZone("xa.test", "a.test") || !InZone("a.test", "a.test") || !InZone("x.a.test", "a.test") {
		t.Error("InZone")
	}
}

func TestErrorKeepsKindAndCause(t *testing.T) {
	cause := errors.New("cause")
	err := error(&PartialError{Done: make([]Change, 1), Left: make([]Change, 2), Err: &Error{Op: "apply", Zone: "a.test", Kind: ErrAuth, Detail: "401", Err: cause}})
	if !errors.Is(err, ErrAuth) || !errors.Is(err, cause) || errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "1 of 3") {
		t.Error(err)
	}
}
