package tui

import (
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

// foldWithin is how far apart changes of one platform may be to be told in one line.
const foldWithin = 3 * time.Second

// foldEvents tells in one line what happened to one platform at the same time: a
// platform that fails takes all its parts along, and ten lines would push out the one
// that says what the case is. The page of events shows every one.
func (a *app) foldEvents(ev []backend.Event) []backend.Event {
	type group struct {
		at       int // index in out
		platform string
		state    string
		parts    []string
		last     time.Time
	}
	var out []backend.Event
	var groups []*group
	for _, e := range ev {
		platform, part, state := healthChange(e)
		if part == "" {
			out = append(out, e)
			continue
		}
		var g *group
		for i := len(groups) - 1; i >= 0 && g == nil && i >= len(groups)-8; i-- {
			if x := groups[i]; x.platform == platform && x.state == state && e.At.Sub(x.last) <= foldWithin {
				g = x
			}
		}
		if g == nil {
			groups = append(groups, &group{at: len(out), platform: platform, state: state, parts: []string{part}, last: e.At})
			out = append(out, e)
			continue
		}
		g.parts, g.last = append(g.parts, part), e.At
		out[g.at].Text = a.tr.T("%s: %d parts %s: %s", platform, len(g.parts), a.stateWord(failoverplan.State(state)), strings.Join(g.parts, ", "))
	}
	return out
}

// healthChange takes "site/platform/part is STATE: detail" apart; part is "" for
// every other event.
func healthChange(e backend.Event) (platform, part, state string) {
	i := strings.LastIndexByte(e.Target, '/')
	if e.Kind != "health" || strings.Count(e.Target, "/") != 2 {
		return "", "", ""
	}
	rest, found := strings.CutPrefix(e.Text, e.Target+" is ")
	if !found {
		return "", "", ""
	}
	state, _, _ = strings.Cut(rest, ":")
	return e.Target[:i], e.Target[i+1:], state
}
