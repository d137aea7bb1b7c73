package replication

import "testing"

func mustGTIDs(t *testing.T, s string) gtids {
	t.Helper()
	g, err := parseGTIDs(s)
	if err != nil {
		t.Fatalf("parse %q: %v", s, err)
	}
	return g
}

func TestErrantNamesWhatTheSourceLacks(t *testing.T) {
	const u1, u2 = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562"
	for _, c := range []struct{ name, mine, theirs, want string }{
		{"equal", "1-1-100", "1-1-100", ""},
		{"behind is not errant", "1-1-90", "1-1-100", ""},
		{"crash left two more", "1-1-105", "1-1-103,2-2-7", "1-1-104..105"},
		{"one more", "1-1-104", "1-1-103", "1-1-104"},
		{"a write on the replica", "1-1-100,2-2-1", "1-1-120", "2-2-1"},
		{"one domain for both sites, parted", "0-1-105", "0-1-103,0-2-110", "0-1-104..105"},
		{"one domain for both sites, not parted", "0-1-103", "0-1-103,0-2-110", ""},
		{"an old writer before the common point", "0-3-50,0-1-103", "0-1-103,0-2-110", ""},
		{"beyond the newest in common, though theirs is further", "0-1-105,0-2-107", "0-1-110", "0-2-106..107"},
		{"nothing in common", "1-1-5", "", "1-1-1..5"},
		{"empty", "", "1-1-5", ""},
		{"oracle equal", u1 + ":1-5", u1 + ":1-5", ""},
		{"oracle more", u1 + ":1-7", u1 + ":1-5", u1 + ":6-7"},
		{"oracle hole", u1 + ":1-7," + u2 + ":1", u1 + ":1-3:5-7," + u2 + ":1-4", u1 + ":4"},
		{"oracle upper case and newline", "3E11FA47-71CA-11E1-9E33-C80AA9429562:1-3,\n" + u2 + ":2", u1 + ":1-3", u2 + ":2"},
		{"oracle tag", u1 + ":1-3:load:1-2", u1 + ":1-3:load:1", u1 + ":load:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := errant(mustGTIDs(t, c.mine), mustGTIDs(t, c.theirs)).String(); got != c.want {
				t.Errorf("errant(%q, %q) = %q, want %q", c.mine, c.theirs, got, c.want)
			}
		})
	}
}

func TestBehindComparesPositions(t *testing.T) {
	for _, c := range []struct {
		have, want, gap string
		count           int64
	}{
		{"1-1-100", "1-1-100", "", 0},
		{"1-1-97", "1-1-100", "1-1-98..100", 3},
		{"1-1-101", "1-1-100", "", 0},
		{"0-1-103", "0-2-110", "0-2-104..110", 7},
		{"0-2-110", "0-1-103", "", 0},
		{"0-2-110", "0-1-110", "0-1-110", 1},
		{"1-1-100", "1-1-100,2-2-3", "2-2-1..3", 3},
	} {
		got := behind(mustGTIDs(t, c.have), mustGTIDs(t, c.want))
		if got.String() != c.gap || got.count != c.count {
			t.Errorf("behind(%q, %q) = %q (%d), want %q (%d)", c.have, c.want, got, got.count, c.gap, c.count)
		}
	}
}

func TestPositionIsTheNewestOfEachDomain(t *testing.T) {
	if got := mustGTIDs(t, "0-1-103,0-2-110,2-2-7,0-1-99").position(); got != "0-2-110,2-2-7" {
		t.Errorf("position = %q", got)
	}
	if got := mustGTIDs(t, "u:1-3,u:5,u:4").position(); got != "u:1-5" {
		t.Errorf("position = %q", got)
	}
}

func TestBadGTIDsAreRefused(t *testing.T) {
	for _, s := range []string{"1-2", "1-2-x", "u:5-3", "u:0", "u:1-x", "1-1-1,u:1"} {
		if _, err := parseGTIDs(s); err == nil {
			t.Errorf("parseGTIDs(%q) accepted it", s)
		}
	}
}
