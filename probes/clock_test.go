package probes

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestClockReading(t *testing.T) {
	asked := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	read := asked.Add(200 * time.Millisecond)
	for _, tc := range []struct {
		name         string
		at           time.Time
		unit         time.Duration
		ahead, error float64
	}{
		{"in the middle of the round trip", asked.Add(100 * time.Millisecond), time.Microsecond, 0, 0.1},
		{"ahead", asked.Add(2100 * time.Millisecond), time.Microsecond, 2, 0.1},
		{"behind", asked.Add(-900 * time.Millisecond), time.Microsecond, -1, 0.1},
		{"whole seconds are cut down", asked, time.Second, 0.4, 0.6},
	} {
		c := newConv(t.Context(), Target{Kind: "tcp"})
		c.told(tc.at, tc.unit, asked, read)
		k := c.result(up("")).Facts.Clock
		if k == nil || math.Abs(k.AheadS-tc.ahead) > 1e-5 || math.Abs(k.ErrorS-tc.error) > 1e-5 {
			t.Errorf("%s: %+v, want %v within %v", tc.name, k, tc.ahead, tc.error)
		}
	}
	c := newConv(t.Context(), Target{Kind: "tcp"})
	c.told(asked, time.Microsecond, asked, read)
	c.told(asked.Add(time.Hour), time.Second, asked, read) // a worse reading does not replace a better one
	if k := c.result(up("")).Facts.Clock; math.Abs(k.AheadS+0.1) > 1e-5 {
		t.Errorf("the worse of two readings was kept: %+v", k)
	}
	c = newConv(t.Context(), Target{Kind: "tcp"})
	c.told(asked, time.Second, read, asked) // our own clock was set back in between
	c.told(time.Time{}, time.Second, asked, read)
	if k := c.result(up("")).Facts.Clock; k != nil {
		t.Errorf("made of nothing: %+v", k)
	}
}

// near checks a reading of a server whose clock is shifted by ahead: the truth must be
// within the error that is told.
func near(t *testing.T, r Result, ahead time.Duration) {
	t.Helper()
	k := r.Facts.Clock
	if k == nil {
		t.Fatalf("no clock in %+v", r.Facts)
	}
	if math.Abs(k.AheadS-ahead.Seconds()) > k.ErrorS+1e-3 {
		t.Errorf("ahead %v within %v, the truth is %v", k.AheadS, k.ErrorS, ahead)
	}
}

func TestClockOfHTTP(t *testing.T) {
	const ahead = 90 * time.Second
	aged := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		if aged {
			w.Header().Set("Age", "12")
		}
	}))
	t.Cleanup(s.Close)
	near(t, once(t, Target{Kind: "http", URL: s.URL}), ahead)
	aged = true
	if r := once(t, Target{Kind: "http", URL: s.URL}); r.Facts.Clock != nil {
		t.Errorf("the date of a cached answer was believed: %+v", r.Facts.Clock)
	}
}

func TestClockOfMySQL(t *testing.T) {
	const ahead = -3 * time.Hour // whatever the session's time zone, UTC is asked for
	pw := randomSecret()
	answers := map[string]myAnswer{qHead: mariaHead("0"), qMaria: mariaAt("1-1-1", "", ""), qReplica: {}}
	f := newFakeMySQL(t, pw, answers)
	target := Target{Kind: "mysql", Address: f.addr, User: "dutyops_probe", Password: fixed(pw)}
	if r := once(t, target); r.Status != StatusUp || r.Facts.Clock != nil {
		t.Errorf("a server that does not know the question: %s %q %+v", r.Status, r.Detail, r.Facts.Clock)
	}
	// A fixed answer, given at most a minute after it was made.
	made := time.Now().Add(ahead).UTC()
	f.set(func() {
		f.answers["SELECT UTC_TIMESTAMP(6)"] = myAnswer{cols: []string{"utc", "server_id"}, vals: []any{made.Format("2006-01-02 15:04:05.000000"), "7"}}
	})
	r := once(t, target)
	if k := r.Facts.Clock; k == nil || k.AheadS > ahead.Seconds()+1 || k.AheadS < ahead.Seconds()-60 {
		t.Errorf("ahead %+v, want a little less than %v", k, ahead)
	}
	if r.Facts.Extra["server_id"] != "7" {
		t.Errorf("facts %v", r.Facts.Extra)
	}
}

func TestClockOfRedis(t *testing.T) {
	info := map[string]string{"replication": "role:master\n", "server": "redis_version:7.0.15\n"}
	at := time.Now().Add(time.Hour)
	tell := fmt.Sprintf("*2\r\n$10\r\n%010d\r\n$6\r\n%06d\r\n", at.Unix(), at.Nanosecond()/1000)
	r := once(t, Target{Kind: "redis", Address: fakeRedis(t, info, map[string]string{"TIME": tell})})
	if k := r.Facts.Clock; k == nil || k.AheadS > 3601 || k.AheadS < 3540 {
		t.Errorf("%s %q, ahead %+v, want a little less than an hour", r.Status, r.Detail, k)
	}
	r = once(t, Target{Kind: "redis", Address: fakeRedis(t, info, map[string]string{"TIME": "-NOPERM no\r\n"})})
	if r.Status != StatusUp || r.Facts.Clock != nil || r.Facts.Extra["clock"] != "not visible (grant +time)" {
		t.Errorf("without the right: %s %q, %+v, %v", r.Status, r.Detail, r.Facts.Clock, r.Facts.Extra)
	}
}
