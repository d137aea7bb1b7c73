package probes

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// feed gives one answer per letter, a second apart: u up, g degraded, d down, ? unknown.
// It returns the verdict letters after each.
func feed(d *Detector, from time.Time, letters string) (string, Verdict) {
	var out strings.Builder
	var v Verdict
	for i, l := range letters {
		st := map[rune]Status{'u': StatusUp, 'g': StatusDegraded, 'd': StatusDown, '?': StatusUnknown}[l]
		v = d.Feed(Result{At: from.Add(time.Duration(i) * time.Second), Status: st})
		out.WriteByte(map[Status]byte{StatusUp: 'u', StatusDegraded: 'g', StatusDown: 'd', StatusUnknown: '?'}[v.State])
	}
	return out.String(), v
}

func TestStreaks(t *testing.T) {
	for _, tc := range []struct {
		name, in, want string
		since          int // second of the answer that began the last state
		rule           string
		settled        bool
	}{
		{"first answer counts at once", "u", "u", 0, "it answers", true},
		{"two failures are not three", "udd", "uuu", 0, "it answers; 2 failures in a row, down after 3", false},
		{"three are", "uddd", "uuud", 1, "3 failures in a row (threshold 3)", true},
		{"from the start too", "ddd", "??d", 0, "3 failures in a row (threshold 3)", true},
		{"the count goes on", "udddd", "uuudd", 1, "4 failures in a row (threshold 3)", true},
		{"a success between resets", "uddudd", "uuuuuu", 0, "it answers; 2 failures in a row, down after 3", false},
		{"unknown neither counts nor resets", "ud?d?d", "uuuuud", 1, "3 failures in a row (threshold 3)", true},
		{"one success is not two", "uddduu", "uuuddu", 4, "2 successes in a row (threshold 2)", true},
		{"hysteresis starts over", "udddudu", "uuudddd", 1, "3 failures in a row (threshold 3); 1 success in a row, up after 2", false},
		{"degraded shows at once", "ug", "ug", 1, "it answers, not well", true},
		{"and leaves at once", "ugu", "ugu", 2, "it answers", true},
		{"degraded never masks down", "udddg", "uuudd", 1, "3 failures in a row (threshold 3); 1 success in a row, up after 2", false},
		{"but counts as an answer", "udddgg", "uuuddg", 4, "2 successes in a row (threshold 2)", true},
		{"degraded resets the failures", "uddgdd", "uuuggg", 3, "it answers, not well; 2 failures in a row, down after 3", false},
		{"unknown from the start", "?", "?", 0, "could not be asked", true},
		{"one unknown does not change an up", "u?", "uu", 0, "it answers; could not be asked 1 time, unknown after 3", false},
		{"three do", "u???", "uuu?", 1, "could not be asked 3 times in a row (threshold 3)", true},
		{"three unknowns end a down", "uddd???", "uuuddd?", 4, "could not be asked 3 times in a row (threshold 3)", true},
		{"unknown is not down", "u??????????", "uuu????????", 1, "could not be asked 3 times in a row (threshold 3)", true},
		{"up again after unknown", "u???u", "uuu?u", 4, "it answers", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := NewDetector(Thresholds{DownAfter: 3, UpAfter: 2, WindowFailures: 50, WindowPer: 5 * time.Minute})
			got, v := feed(d, t0, tc.in)
			if tc.name == "unknown is not down" {
				tc.rule = v.Rule // the count grows; the state matters here
			}
			if got != tc.want {
				t.Errorf("verdicts %s, want %s", got, tc.want)
			}
			if want := t0.Add(time.Duration(tc.since) * time.Second); !v.Since.Equal(want) {
				t.Errorf("since %s, want %s", v.Since.Sub(t0), want.Sub(t0))
			}
			if v.Rule != tc.rule || v.Settled != tc.settled {
				t.Errorf("rule %q settled %v, want %q %v", v.Rule, v.Settled, tc.rule, tc.settled)
			}
		})
	}
}

// TestWindow: more than 3 failures within 20 s, each alone so that no streak forms.
func TestWindow(t *testing.T) {
	th := Thresholds{DownAfter: 5, UpAfter: 2, WindowFailures: 3, WindowPer: 20 * time.Second}
	for _, tc := range []struct {
		name string
		at   []int // seconds of the failures; a success follows each by half a second
		want Status
	}{
		{"three are not more than three", []int{0, 1, 2}, StatusUp},
		{"the fourth is", []int{0, 1, 2, 3}, StatusDown},
		{"the far edge counts", []int{0, 5, 10, 20}, StatusDown},
		{"just past it does not", []int{0, 5, 10, 21}, StatusUp},
		{"old ones leave one by one", []int{0, 5, 21, 22}, StatusUp},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := NewDetector(th)
			d.Feed(Result{At: t0.Add(-time.Second), Status: StatusUp})
			var v Verdict
			for i, s := range tc.at {
				at := t0.Add(time.Duration(s) * time.Second)
				v = d.Feed(Result{At: at, Status: StatusDown})
				if i < len(tc.at)-1 {
					if v.State != StatusUp {
						t.Fatalf("down after failure %d already", i+1)
					}
					d.Feed(Result{At: at.Add(500 * time.Millisecond), Status: StatusUp})
				}
			}
			if v.State != tc.want {
				t.Fatalf("%s, want %s", v.State, tc.want)
			}
			if tc.want == StatusDown && (v.Rule != "more than 3 failures within 20 s; 1 failure in a row, down after 5" && v.Rule != "more than 3 failures within 20 s" || !v.Since.Equal(t0)) {
				t.Errorf("rule %q since %s", v.Rule, v.Since.Sub(t0))
			}
		})
	}
}

func TestWindowHysteresis(t *testing.T) {
	// quiet time: 2 x 20 s / 4 = 10 s without a failure
	th := Thresholds{DownAfter: 5, UpAfter: 2, WindowFailures: 3, WindowPer: 20 * time.Second}
	d := NewDetector(th)
	if got, _ := feed(d, t0, "udududud"); got[len(got)-1] != 'd' {
		t.Fatalf("verdicts %s, want down at the end", got)
	}
	got, v := feed(d, t0.Add(8*time.Second), "uuuuuuuuu")
	if strings.Contains(got, "u") {
		t.Errorf("up again after %s, before the quiet time was over", got)
	}
	if want := "up after 10 s without a failure"; !strings.Contains(v.Rule, want) {
		t.Errorf("rule %q, want %q in it", v.Rule, want)
	}
	if got, v = feed(d, t0.Add(17*time.Second), "u"); got != "u" || !v.Since.Equal(t0.Add(8*time.Second)) {
		t.Errorf("%s since %s, want up since the first good answer at 8s", got, v.Since.Sub(t0))
	}
	// what the window held is forgiven: three more are not down again
	if got, _ = feed(d, t0.Add(18*time.Second), "dududu"); strings.Contains(got, "d") {
		t.Errorf("verdicts %s: the ended outage counted again", got)
	}
}

func TestStreakOutageLongerThanTheWindowEndsWithTheStreak(t *testing.T) {
	d := NewDetector(Thresholds{DownAfter: 3, UpAfter: 2, WindowFailures: 5, WindowPer: 5 * time.Minute})
	feed(d, t0, "u"+strings.Repeat("d", 60))
	if got, _ := feed(d, t0.Add(61*time.Second), "uu"); got != "du" {
		t.Errorf("verdicts %s, want du: an outage that ended must not last for the whole window", got)
	}
}

func TestWindowOff(t *testing.T) {
	d := NewDetector(Thresholds{DownAfter: 3, UpAfter: 1})
	if got, _ := feed(d, t0, strings.Repeat("ddu", 100)); strings.Contains(got, "d") {
		t.Error("a window rule that is off took the target down")
	}
}

func TestRestore(t *testing.T) {
	since := t0.Add(-time.Hour)
	d := NewDetector(Thresholds{DownAfter: 3, UpAfter: 2})
	d.Restore(StatusDown, since)
	if v := d.Verdict(); v.State != StatusDown || v.Settled {
		t.Fatalf("%+v, want an unsettled down", v)
	}
	if got, v := feed(d, t0, "u"); got != "d" || v.Settled {
		t.Errorf("%s settled %v: one success must not end what was remembered", got, v.Settled)
	}
	if _, v := feed(d, t0.Add(time.Second), "d"); !v.Since.Equal(since) || !v.Settled {
		t.Errorf("%+v, want down since an hour, settled", v)
	}
	d = NewDetector(Thresholds{DownAfter: 3, UpAfter: 2})
	d.Restore(StatusUp, since)
	if _, v := feed(d, t0, "u"); !v.Since.Equal(since) || !v.Settled || v.State != StatusUp {
		t.Errorf("%+v, want up since an hour, settled by one answer", v)
	}
	if got, v := feed(d, t0.Add(time.Second), "ddd"); got != "uud" || !v.Since.Equal(t0.Add(time.Second)) {
		t.Errorf("%s since %s", got, v.Since)
	}
}

func TestFlapping(t *testing.T) {
	d := NewDetector(Thresholds{DownAfter: 1, UpAfter: 1})
	_, v := feed(d, t0, "udud")
	if v.Flapping != "" {
		t.Errorf("flapping after 3 changes: %q", v.Flapping)
	}
	if _, v = feed(d, t0.Add(4*time.Second), "u"); v.Flapping != "flapping: 4 changes within 10 min" {
		t.Errorf("flapping %q after 4 changes", v.Flapping)
	}
	if _, v = feed(d, t0.Add(11*time.Minute), "u"); v.Flapping != "" {
		t.Errorf("still flapping 10 minutes later: %q", v.Flapping)
	}
}

func TestAnswersOutOfOrder(t *testing.T) {
	d := NewDetector(Thresholds{DownAfter: 2, UpAfter: 1})
	feed(d, t0, "u")
	d.Feed(Result{At: t0.Add(-time.Hour), Status: StatusDown})
	v := d.Feed(Result{At: t0.Add(-time.Hour), Status: StatusDown})
	if v.State != StatusDown || !v.Since.Equal(t0) {
		t.Errorf("%s since %s: time must not run backwards", v.State, v.Since.Sub(t0))
	}
}

// FuzzDetector: whatever comes, the verdict follows from the rules' extremes.
func FuzzDetector(f *testing.F) {
	f.Add("udddgg??u", 3, 2, 5)
	f.Fuzz(func(t *testing.T, in string, downAfter, upAfter, win int) {
		if downAfter > 50 || upAfter > 50 || win > 50 || len(in) > 500 {
			return
		}
		d := NewDetector(Thresholds{DownAfter: downAfter, UpAfter: upAfter, WindowFailures: win, WindowPer: 30 * time.Second})
		failed := false
		for i, l := range in {
			st := []Status{StatusUp, StatusDegraded, StatusDown, StatusUnknown, Status(fmt.Sprint(l))}[int(l)%5]
			failed = failed || st == StatusDown
			v := d.Feed(Result{At: t0.Add(time.Duration(i) * time.Second), Status: st})
			if v.State == StatusDown && !failed {
				t.Fatal("down without a failure")
			}
			if v.Rule == "" || v.Since.After(t0.Add(time.Duration(i)*time.Second)) {
				t.Fatalf("verdict %+v", v)
			}
		}
	})
}

func TestOneSlowAnswerIsNoState(t *testing.T) {
	d := NewDetector(Thresholds{DownAfter: 3, UpAfter: 2})
	at := time.Unix(1000, 0)
	feed := func(slow bool) Verdict {
		at = at.Add(time.Second)
		s := StatusUp
		if slow {
			s = StatusDegraded
		}
		return d.Feed(Result{At: at, Status: s, Slow: slow})
	}
	feed(false)
	if v := feed(true); v.State != StatusUp || v.Settled {
		t.Errorf("after one slow answer: %+v, want up and not settled", v)
	}
	if v := feed(false); v.State != StatusUp || !v.Settled {
		t.Errorf("after a quick one: %+v, want up and settled", v)
	}
	feed(true)
	feed(true)
	if v := feed(true); v.State != StatusDegraded || !v.Settled {
		t.Errorf("after three slow ones: %+v, want degraded and settled", v)
	}
}
