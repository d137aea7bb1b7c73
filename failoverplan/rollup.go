package failoverplan

import (
	"sort"
	"time"
)

// severity orders states from best to worst for display and roll-up.
func severity(s State) int {
	switch s {
	case Up:
		return 0
	case Degraded:
		return 1
	case Stale:
		return 2
	case Unknown:
		return 3
	case Down:
		return 4
	}
	return 3
}

// RollUp judges a platform from its parts: a critical part down takes it down; a
// critical part that we cannot see makes it unknown; anything else that is not up
// degrades it; no parts at all is unknown (promise 7). because lists the parts
// that decide, worst first; since is the earliest moment among them.
func RollUp(parts []PartState) (state State, since time.Time, because []string) {
	if len(parts) == 0 {
		return Unknown, time.Time{}, []string{"nothing is watched here"}
	}
	state = Up
	for _, p := range parts {
		var s State
		switch {
		case p.State == Up:
			s = Up
		case p.Critical && p.State == Down:
			s = Down
		case p.Critical && (p.State == Unknown || p.State == Stale):
			s = Unknown
		default:
			s = Degraded
		}
		if severity(s) > severity(state) {
			state = s
		}
	}
	var deciding []PartState
	for _, p := range parts {
		if state == Up || contributes(p, state) {
			deciding = append(deciding, p)
		}
	}
	for _, p := range deciding {
		switch {
		case p.Since.IsZero():
		case since.IsZero():
			since = p.Since
		case state == Up && p.Since.After(since): // up since the last part came up
			since = p.Since
		case state != Up && p.Since.Before(since): // bad since the first part went
			since = p.Since
		}
	}
	if state == Up {
		return state, since, nil
	}
	sort.SliceStable(deciding, func(i, j int) bool { return severity(deciding[i].State) > severity(deciding[j].State) })
	for _, p := range deciding {
		because = append(because, reason(p))
	}
	return state, since, because
}

// contributes tells whether the part is one of those that made the platform's state.
func contributes(p PartState, platform State) bool {
	switch platform {
	case Down:
		return p.Critical && p.State == Down
	case Unknown:
		return p.Critical && (p.State == Unknown || p.State == Stale)
	case Degraded:
		return p.State != Up
	case Up, Stale:
		return true
	}
	return true
}

func reason(p PartState) string {
	s := p.Name + " is " + string(p.State)
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	return s
}

// SiteRollUp judges a site by what it is for: with its gateway or business platform
// down nobody is served there, so it is down; when those cannot be seen it is unknown;
// any other trouble, the data platform's included, degrades it.
func SiteRollUp(gateway State, platforms []PlatformState) State {
	serving := []State{gateway}
	state := gateway
	for _, p := range platforms {
		if p.Kind == Business {
			serving = append(serving, p.State)
		}
		if p.State != Up && state == Up {
			state = Degraded
		}
	}
	for _, s := range serving {
		switch {
		case s == Down:
			return Down
		case seen(s) == unseen:
			state = Unknown
		case s == Degraded && state == Up:
			state = Degraded
		}
	}
	return state
}
