package probes

import (
	"errors"
	"math"
	"strings"
	"testing"
)

const (
	u1 = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	u2 = "4e11fa47-71ca-11e1-9e33-c80aa9429563"
)

func TestGTIDComparing(t *testing.T) {
	for _, tc := range []struct {
		a, b     string
		contains bool
		missing  int64
	}{
		{"", "", true, 0},
		{"1-1-100", "", true, 0},
		{"", "1-1-100", false, 100},
		{"1-1-100", "1-1-100", true, 0},
		{"1-1-100", "1-1-101", false, 1},
		{"1-1-101", "1-1-100", true, 0},
		{"1-1-100,2-2-5", "1-1-100", true, 0},
		{"1-1-100", "1-1-100,2-2-5", false, 5},    // an errant write of the other domain
		{"1-2-100", "1-1-100", false, 1},          // same number by another server: parted
		{"1-2-101", "1-1-100", true, 0},           // a later one by another server: taken over
		{"1-1-100,1-2-103", "1-2-103", true, 0},   // binlog state: the newest of the domain
		{"0-1-18446744073709551615", "", true, 0}, // no overflow
		{"", "0-1-18446744073709551615", false, math.MaxInt64},
		{u1 + ":1-5", u1 + ":1-5", true, 0},
		{u1 + ":1-5", u1 + ":1-7", false, 2},
		{u1 + ":1-5:7", u1 + ":1-7", false, 1},
		{u1 + ":1-10", u1 + ":2-3:5", true, 0},
		{u1 + ":1-5:6-9", u1 + ":1-9", true, 0}, // touching intervals join
		{u1 + ":1-3", u1 + ":1-3," + u2 + ":1-3", false, 3},
		{strings.ToUpper(u1) + ":1-3,\n" + u2 + ":1", u1 + ":1-3", true, 0},
		{u1 + ":1-3", u1 + ":1-3:tag:1-2", false, 2}, // tags are sets of their own (8.3)
		{u1 + ":1-3:tag:1-2", u1 + ":tag:2", true, 0},
	} {
		got, err := Contains(tc.a, tc.b)
		if err != nil || got != tc.contains {
			t.Errorf("Contains(%q, %q) = %v, %v, want %v", tc.a, tc.b, got, err, tc.contains)
		}
		n, err := Missing(tc.a, tc.b)
		if err != nil || n != tc.missing {
			t.Errorf("Missing(%q, %q) = %d, %v, want %d", tc.a, tc.b, n, err, tc.missing)
		}
	}
}

func TestGTIDErrors(t *testing.T) {
	for _, s := range []string{
		"1-1", "1-1-1-1", "a-1-1", "1-1-x", "1-1--1", "5000000000-1-1", "hello", "x:1-5", u1 + ":", u1 + ":0", u1 + ":5-1", u1 + ":1-",
		u1 + ":1-5,1-1-1", strings.Repeat("1", maxGTIDText+1), u1 + strings.Repeat(":1", maxGTIDIntervals+1),
		u1 + ":1-9223372036854775808",
	} {
		if _, err := ParseGTID(s); !errors.Is(err, ErrGTID) {
			t.Errorf("ParseGTID(%.60q) = %v, want ErrGTID", s, err)
		}
		if _, err := Missing(s, ""); err == nil {
			t.Errorf("Missing took %.60q", s)
		}
	}
	if _, err := Contains("1-1-1", u1+":1"); !errors.Is(err, ErrGTID) {
		t.Errorf("MariaDB against MySQL: %v, want ErrGTID", err)
	}
}

func TestGTIDUnionAndString(t *testing.T) {
	for _, tc := range []struct{ a, b, want string }{
		{"10-1-5,2-2-7", "2-2-9", "2-2-9,10-1-5"},
		{u1 + ":5-9", u1 + ":1-7", u1 + ":1-9"},
		{u2 + ":1:3", u1 + ":1", u1 + ":1," + u2 + ":1:3"},
		{"", "", ""},
	} {
		got, err := Union(tc.a, tc.b)
		if err != nil || got != tc.want {
			t.Errorf("Union(%q, %q) = %q, %v, want %q", tc.a, tc.b, got, err, tc.want)
		}
	}
}

func FuzzGTID(f *testing.F) {
	for _, s := range []string{"", "1-1-100,2-2-5", u1 + ":1-5:7", u1 + ":1-3:tag:1-2," + u2 + ":9", "1-1", ":", "0-0-0"} {
		f.Add(s, "1-1-50")
		f.Add("1-1-50", s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y, err := parsePair(a, b)
		if err != nil {
			return
		}
		if !x.Contains(x) || x.Missing(x) != 0 {
			t.Fatalf("%q does not contain itself", a)
		}
		if n := x.Missing(y); n < 0 || (n == 0) != x.Contains(y) {
			t.Fatalf("Missing(%q,%q) = %d", a, b, n)
		}
		u := x.Union(y)
		// a parted domain is in neither: the union holds the first of the two
		if u.mysql != nil && (!u.Contains(x) || !u.Contains(y)) {
			t.Fatalf("the union of %q and %q lacks one of them", a, b)
		}
		again, err := ParseGTID(x.String())
		if err != nil || !again.Contains(x) || !x.Contains(again) {
			t.Fatalf("%q written as %q reads back differently: %v", a, x, err)
		}
	})
}

// Intervals that touch are one, or a set of many small ones would outgrow its bounds.
func TestGTIDTouchingIntervalsAreOne(t *testing.T) {
	const u = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	if got, err := Union(u+":1-5", u+":6-9:11"); err != nil || got != u+":1-9:11" {
		t.Errorf("%s, %v", got, err)
	}
}
