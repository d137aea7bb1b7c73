package failoverplan

import (
	"slices"
	"testing"
)

func TestOwnerOf(t *testing.T) {
	d := Domain{Name: pvg, Zone: "example.test", Types: both}
	marks := OwnerMarks(d)
	for _, c := range []struct {
		mark, value string
		want        Owner
	}{
		{pvg, "heritage=external-dns,external-dns/owner=prod,external-dns/resource=ingress/default/x", Owner{"external-dns", "prod", pvg}},
		{"a-" + pvg, "heritage=external-dns,external-dns/owner=default", Owner{"external-dns", "default", "a-" + pvg}},
		{"aaaa-" + pvg, "heritage=external-dns", Owner{"external-dns", "", "aaaa-" + pvg}},
		{"cname-" + pvg, "heritage=external-dns,external-dns/owner=x", Owner{"external-dns", "x", "cname-" + pvg}},
		{"_owner.a." + pvg, "*octodns*", Owner{"octoDNS", "*octodns*", "_owner.a." + pvg}},
		{"_owner.aaaa." + pvg, "other", Owner{"octoDNS", "other", "_owner.aaaa." + pvg}},
		{"meta.example.test", "octodns-version=1.22.0", Owner{"octoDNS", "octodns-version=1.22.0", "meta.example.test"}},
		{"meta.example.test", "time=2026-03-01T03:00:00", Owner{"octoDNS", "time=2026-03-01T03:00:00", "meta.example.test"}},
	} {
		if !slices.Contains(marks, c.mark) {
			t.Errorf("nobody looks at %s", c.mark)
		}
		if got, ok := OwnerOf(d, map[string][]string{c.mark: {c.value}}); !ok || got != c.want {
			t.Errorf("%s %q: %+v, want %+v", c.mark, c.value, got, c.want)
		}
	}
	for _, v := range []string{"v=spf1 -all", "heritage=somebody", "google-site-verification=x"} {
		if got, ok := OwnerOf(d, map[string][]string{pvg: {v}, "meta.example.test": {v}}); ok {
			t.Errorf("%q was read as %+v", v, got)
		}
	}
	apex := Domain{Name: "example.test", Zone: "example.test", Types: []string{"A"}}
	if slices.Contains(OwnerMarks(apex), "a-example.test") {
		t.Error("a name outside the zone is asked for")
	}
}
