package demo

import (
	"fmt"
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

// Explain implements backend.Face.
func (w *World) Explain(target string) (backend.Explanation, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := w.status()
	for _, s := range st.Sites {
		all := []backend.ComponentStatus{s.Gateway}
		for _, p := range s.Platforms {
			all = append(all, p.Subsystems...)
			all = append(all, p.Components...)
		}
		for _, c := range all {
			if c.Target == target {
				return w.explain(c), nil
			}
		}
		for _, p := range s.Platforms {
			if s.Name+"/"+p.Name == target {
				return backend.Explanation{Target: target, Kind: "platform", State: p.State, Since: p.Since, Rule: "the worst critical part decides", Transcript: p.Because}, nil
			}
		}
	}
	return backend.Explanation{}, fmt.Errorf("%w: no target %q; see `dutyops status` for the names", backend.ErrUsage, target)
}

func (w *World) explain(c backend.ComponentStatus) backend.Explanation {
	now := w.opt.Now()
	e := backend.Explanation{Target: c.Target, Kind: c.Kind, State: c.State, Since: c.Since, Sync: c.Sync, Rule: "3 answers in a row (threshold 2)"}
	for i := range 60 {
		s := backend.Sample{At: now.Add(time.Duration(i-60) * 2 * time.Second), State: failoverplan.Up, LatencyMS: float64((i*7)%13) + 2, Detail: "answers"}
		if c.State == failoverplan.Down && s.At.After(c.Since) || c.State == failoverplan.Down && i > 55 {
			s.State, s.LatencyMS, s.Detail = failoverplan.Down, 0, c.Detail
		}
		e.History = append(e.History, s)
	}
	e.Facts = [][2]string{{"version", "10.11.6-MariaDB"}, {"role", "source"}, {"position", "1-101-48211"}, {"read only", "no"}}
	if c.State == failoverplan.Down {
		e.Rule = "3 failures in a row (threshold 3); first at " + c.Since.Format("15:04:05")
		e.Transcript = []string{
			"-> dial tcp 127.0.0.1:33061, deadline 1 s",
			"<- " + c.Detail + " after 0.4 ms",
			"   expected: a MySQL handshake, then SELECT @@gtid_current_pos",
			"   try: is the server process there? `systemctl status mariadb` on the host",
		}
	}
	return e
}
