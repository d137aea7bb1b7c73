package backend

import (
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/monitor"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// told is a snapshot in which targets tell their clocks: ahead and error in seconds.
func told(clocks map[string][2]float64) *monitor.Snapshot {
	states := map[string]monitor.TargetState{}
	for id, k := range clocks {
		states[id] = monitor.TargetState{State: failoverplan.Up, Last: &probes.Result{
			Status: probes.StatusUp, Facts: probes.Facts{Clock: &probes.Clock{AheadS: k[0], ErrorS: k[1]}},
		}}
	}
	return monitor.NewSnapshot(time.Time{}, states)
}

// sites is a status of two sites with a gateway and two components each.
func sites() *Status {
	st := &Status{}
	for _, name := range []string{"primary", "standby"} {
		st.Sites = append(st.Sites, SiteStatus{Name: name, Gateway: ComponentStatus{Target: name + "/gateway"}, Platforms: []PlatformStatus{
			{Name: "data", Components: []ComponentStatus{{Target: name + "/data/mysql"}, {Target: name + "/data/redis"}}},
		}})
	}
	return st
}

func TestClocksOfSites(t *testing.T) {
	for _, tc := range []struct {
		name   string
		clocks map[string][2]float64
		between,
		within float64 // of the first difference, in milliseconds
		warns []string // "target: words"
	}{
		{"nobody tells", nil, 0, 0, nil},
		{"one site tells, and is right", map[string][2]float64{"primary/data/mysql": {0.01, 0.001}}, 0, 0, nil},
		{"the best reading of each counts", map[string][2]float64{
			"primary/gateway": {0.4, 0.6}, "primary/data/mysql": {0.010, 0.001}, "standby/data/mysql": {0.030, 0.002}, "standby/data/redis": {0.031, 0.004},
		}, 20, 3, nil},
		{"apart, but maybe not so far", map[string][2]float64{"primary/gateway": {0, 0.6}, "standby/gateway": {1.5, 0.6}}, 1500, 1200, nil},
		{"certainly apart", map[string][2]float64{"primary/data/mysql": {0, 0.01}, "standby/data/mysql": {1.5, 0.01}}, 1500, 20, []string{
			"primary, standby: the clock of standby (standby/data/mysql) is 1.5 s (within 20 ms) ahead of that of primary",
		}},
		{"behind", map[string][2]float64{"primary/data/mysql": {0, 0.01}, "standby/data/mysql": {-90, 0.01}}, -90000, 20, []string{
			"primary, standby: 90 s (within 20 ms) behind that of primary",
		}},
		{"one host of a site", map[string][2]float64{"primary/data/mysql": {0, 0.001}, "primary/data/redis": {7, 0.01}, "standby/data/mysql": {0, 0.001}}, 0, 2, []string{
			"primary/data/redis: 7 s (within 11 ms) ahead of that of primary/data/mysql",
		}},
		{"this console", map[string][2]float64{"primary/data/mysql": {60, 0.001}, "standby/data/mysql": {60.01, 0.001}}, 10, 2, []string{
			": this console's clock is wrong",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := starter(t, t.TempDir())
			st := sites()
			e.clocks(told(tc.clocks), st)
			if tc.within == 0 && len(st.Clocks) != 0 || tc.within > 0 && (len(st.Clocks) != 1 || st.Clocks[0].DifferenceMS != tc.between || st.Clocks[0].ErrorMS != tc.within) {
				t.Errorf("differences %+v, want %v within %v", st.Clocks, tc.between, tc.within)
			}
			if len(st.Warnings) != len(tc.warns) {
				t.Fatalf("warnings %+v, want %q", st.Warnings, tc.warns)
			}
			for i, w := range st.Warnings {
				target, words, _ := strings.Cut(tc.warns[i], ": ")
				if w.Kind != WarnClock || w.Target != target || !strings.Contains(w.Text, words) {
					t.Errorf("warning %+v, want %q", w, tc.warns[i])
				}
			}
		})
	}
}

func TestClockOfAnOldAnswerDoesNotCount(t *testing.T) {
	e := starter(t, t.TempDir())
	states := map[string]monitor.TargetState{}
	for id, x := range told(map[string][2]float64{"primary/data/mysql": {0, 0.001}, "standby/data/mysql": {50, 0.001}}).All() {
		if id == "standby/data/mysql" {
			x.State = failoverplan.Stale
		}
		states[id] = x
	}
	snap := monitor.NewSnapshot(time.Time{}, states)
	st := sites()
	if e.clocks(snap, st); st.Sites[1].Clock != nil || len(st.Clocks)+len(st.Warnings) != 0 {
		t.Errorf("%+v %+v %+v", st.Sites[1].Clock, st.Clocks, st.Warnings)
	}
}

func TestClockWarningsAreToldOnceAndTakenBack(t *testing.T) {
	e := starter(t, t.TempDir())
	bad, good := sites(), sites()
	e.clocks(told(map[string][2]float64{"primary/data/mysql": {0, 0.01}, "standby/data/mysql": {1.5, 0.01}}), bad)
	e.clocks(told(map[string][2]float64{"primary/data/mysql": {0, 0.01}, "standby/data/mysql": {0.5, 0.01}}), good)
	var before *Status
	for _, st := range []*Status{good, bad, bad, good, good} {
		e.tellWarnings(before, st)
		before = st
	}
	var got []string
	for _, ev := range e.Events(10) {
		if ev.Kind == "clock" {
			got = append(got, ev.Level+" "+ev.Target)
		}
	}
	if want := "warn primary, standby|good primary, standby"; strings.Join(got, "|") != want {
		t.Errorf("events %q, want %q", got, want)
	}
}
