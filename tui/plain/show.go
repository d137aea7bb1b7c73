package plain

import (
	"context"
	"fmt"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// parts lists every row of a site.
func parts(s backend.SiteStatus) []backend.ComponentStatus {
	out := []backend.ComponentStatus{s.Gateway}
	for _, p := range s.Platforms {
		out = append(out, p.Subsystems...)
		out = append(out, p.Components...)
	}
	return out
}

// verdict says the case and the advice.
func (s *session) verdict(st *backend.Status) {
	s.say("Serving: %s. Case: %s.", st.ServingSite, s.word("case", string(st.Case)))
	advice := st.Advice.Action
	if st.Advice.To != "" {
		advice += " -> " + st.Advice.To
	}
	if advice == "" {
		advice = "none"
	}
	s.say("Advice: %s", s.word("advice", advice))
	for _, b := range st.Advice.Because {
		s.print("  - " + s.told(b))
	}
	for _, g := range st.Advice.BlockedBy {
		s.gate(g)
	}
}

func (s *session) gate(g failoverplan.Gate) {
	mark := s.tr.T("gate passed")
	if !g.Passed {
		mark = s.tr.T("gate refuses")
	}
	line := fmt.Sprintf("  %s: %s: %s", mark, g.Gate, s.told(g.Evidence))
	if !g.Passed && g.ClearsWhen != "" {
		line += "; " + s.tr.T("clears when %s", s.told(g.ClearsWhen))
	}
	s.print(line)
}

// status says everything that is not up, and counts the rest.
func (s *session) status() {
	st := s.face.Status()
	if st == nil || st.Warming {
		s.say("Warming up: asking every target for the first time.")
		return
	}
	s.verdict(st)
	for _, site := range st.Sites {
		up, all := 0, 0
		for _, c := range parts(site) {
			all++
			if c.State == failoverplan.Up {
				up++
			}
		}
		s.say("Site %s: %s, %s, %d of %d up", site.Name, s.word("role", site.Role), s.word("state", string(site.State)), up, all)
		for _, c := range parts(site) {
			if c.State != failoverplan.Up {
				s.print(fmt.Sprintf("  %s %s %s: %s", c.Target, s.word("state", string(c.State)), c.Since.In(s.opt.Location).Format("15:04:05"), s.told(c.Detail)))
			}
		}
	}
	for _, d := range st.Domains {
		s.print(fmt.Sprintf("  %s %s -> %s", d.Name, d.Type, orUnknown(d.PointsAt)))
	}
	for _, f := range st.Feeds {
		to := f.Attached
		if !f.Known {
			to = "?"
		}
		s.print(fmt.Sprintf("  %s %s -> %s", s.tr.T("Upstream"), f.Name, orUnknown(to)))
	}
	for _, x := range st.Warnings {
		s.print("  ! " + s.told(x.Text))
	}
	if st.Run != nil {
		s.say("%s %s in progress", s.word("kind", st.Run.Kind), st.Run.ID)
	}
	for _, o := range st.Overrides {
		if o.Kind == backend.OverrideLeftOut {
			s.say("%s is left out, by %s: %s", o.Target, o.Owner, kit.Clean(o.Reason))
			continue
		}
		s.say("%s by %s until %s: %s", o.Kind, o.Owner, o.Expires.In(s.opt.Location).Format("15:04:05"), kit.Clean(o.Reason))
	}
}

func orUnknown(v string) string {
	if v == "" {
		return "?"
	}
	return v
}

// why explains a target: what is not up first.
func (s *session) why(ctx context.Context) error {
	st := s.face.Status()
	if st == nil {
		return nil
	}
	var names, titles []string
	for _, bad := range []bool{true, false} {
		for _, site := range st.Sites {
			for _, c := range parts(site) {
				if (c.State != failoverplan.Up) == bad {
					names = append(names, c.Target)
					titles = append(titles, c.Target+" "+s.word("state", string(c.State)))
				}
			}
		}
	}
	i, err := s.choose(ctx, s.tr.T("Why is it so?"), titles)
	if err != nil || i < 0 {
		return err
	}
	e, err := s.face.Explain(names[i])
	if err != nil {
		return err
	}
	s.print(fmt.Sprintf("%s: %s. %s", e.Target, s.word("state", string(e.State)), s.told(e.Rule)))
	for _, l := range e.Transcript {
		s.print("  " + kit.Clean(l))
	}
	for _, f := range e.Facts {
		s.print("  " + f[0] + ": " + kit.Clean(f[1]))
	}
	return nil
}

func (s *session) events() {
	for _, e := range s.face.Events(30) {
		s.print(fmt.Sprintf("%s %s: %s", e.At.In(s.opt.Location).Format("15:04:05"), s.word("level", e.Level), s.told(e.Text)))
	}
}

func (s *session) checks(ctx context.Context) error {
	cs, err := s.face.Doctor(ctx)
	if err != nil {
		return err
	}
	for _, c := range cs {
		s.print(fmt.Sprintf("%s: %s: %s", c.State, c.Name, s.told(c.Detail)))
		if c.Fix != "" {
			s.print("  " + s.tr.T("to mend: %s", s.told(c.Fix)))
		}
	}
	return nil
}

func (s *session) refresh(ctx context.Context) error {
	s.say("Probing everything now ...")
	if _, err := s.face.Refresh(ctx); err != nil {
		return err
	}
	s.status()
	return nil
}
