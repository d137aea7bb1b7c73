package byrecord

import (
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
)

// What is deleted is deleted when everything else of the name is there.
func TestDeletionsComeLast(t *testing.T) {
	m := index([]Record{
		{ID: "1", Name: "www.test", Type: "AAAA", Value: "2001:db8::1", TTL: 60, Line: "default"},
		{ID: "2", Name: "www.test", Type: "A", Value: "192.0.2.1", TTL: 60, Line: "default"},
	})
	set := func(typ string, vs ...string) dnsproviders.RRset {
		return dnsproviders.RRset{Name: "www.test", Type: typ, TTL: 60, Values: vs}
	}
	us := units(m, []dnsproviders.Change{
		{Before: set("AAAA", "2001:db8::1"), After: set("AAAA")},
		{Before: set("A", "192.0.2.1"), After: set("A", "198.51.100.1", "198.51.100.2")},
	}, "default")
	if len(us) != 1 || len(us[0].steps) != 3 {
		t.Fatalf("%+v", us)
	}
	for i, want := range []Verb{Update, Create, Delete} {
		if got := us[0].steps[i].Verb; got != want {
			t.Errorf("step %d is %s, want %s", i, got, want)
		}
	}
}
