package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/kit"
)

// readyScreen says what is held ready for a switch, zone by zone, and what stands in its way.
type readyScreen struct {
	ready   *backend.Readiness
	problem string
	asking  bool
	scroll  kit.Scroll
	lines   int
	page    int
}

type readyMsg struct {
	ready backend.Readiness
	err   error
	told  string // what was done, for the last line; "" after a look
}

func newReadyScreen() *readyScreen { return &readyScreen{} }

func (s *readyScreen) id() string          { return "ready" }
func (s *readyScreen) typing() bool        { return false }
func (s *readyScreen) title(a *app) string { return a.tr.T("Held ready") }
func (s *readyScreen) init(a *app) tea.Cmd { return s.ask(a, "", a.face.Readiness) }

// ask asks the engine, one question at a time.
func (s *readyScreen) ask(a *app, told string, question func(context.Context) (backend.Readiness, error)) tea.Cmd {
	if s.asking {
		return nil
	}
	s.asking = true
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(a.ctx, time.Minute)
		defer cancel()
		r, err := question(ctx)
		return readyMsg{r, err, told}
	}
}

func (s *readyScreen) arm(probe bool) func(a *app) tea.Cmd {
	return func(a *app) tea.Cmd {
		told := a.tr.T("Every zone was read.")
		if probe {
			told = a.tr.T("Every zone was read, and one record set of each was written as it is.")
		}
		return s.ask(a, told, func(ctx context.Context) (backend.Readiness, error) { return a.face.ArmDNS(ctx, probe) })
	}
}

func (s *readyScreen) msg(a *app, m tea.Msg) tea.Cmd {
	switch m := m.(type) {
	case readyMsg:
		s.asking = false
		if m.err != nil {
			s.problem = m.err.Error()
			return nil
		}
		s.ready, s.problem = &m.ready, ""
		if m.told != "" {
			a.say("good", m.told)
		}
	case beatMsg:
		if a.top() == screen(s) && a.now.Unix()%20 == 0 { // what is not held ready is read for it
			return s.init(a)
		}
	}
	return nil
}

func (s *readyScreen) key(_ *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	return scrollKey(&s.scroll, k.String(), s.lines, s.page), nil
}

func (s *readyScreen) commands(a *app) []command {
	t := a.tr
	return []command{
		{id: "arm", shell: "dutyops dns arm", group: t.T("Here"), screen: s.id(), title: t.T("Read every zone now"), keys: []string{"r", "enter"}, foot: t.T("foot|read now"), help: t.T("so that a switch is one request for each zone"), run: s.arm(false)},
		{id: "probe-write", shell: "dutyops dns arm --probe-write", group: t.T("Here"), screen: s.id(), title: t.T("Try the way of a write"), keys: []string{"p"}, foot: t.T("foot|try a write ..."), help: t.T("writes one record set of each zone as it is: credential, rights and path"), run: s.confirmProbe},
	}
}

// confirmProbe asks first: it is a write, if one that changes nothing.
func (s *readyScreen) confirmProbe(a *app) tea.Cmd {
	t := a.tr
	a.show(&askDialog{
		title: t.T("Write one record set of each zone as it is?"),
		lines: []string{t.T("Nothing changes for users. It proves that credential, rights and path would carry a switch."), t.T("It counts as a request at each provider.")},
		yes:   t.T("write"), no: t.T("cancel"), run: s.arm(true),
	})
	return nil
}

func (s *readyScreen) view(a *app, w, h int) []string {
	th, t := a.th, a.tr
	var lines []string
	if s.problem != "" {
		for _, l := range kit.Wrap(th.Glyphs.Failed+" "+kit.Clean(s.problem), w-2) {
			lines = append(lines, " "+th.Bad.Render(l))
		}
		lines = append(lines, "")
	}
	if s.ready == nil {
		if s.problem == "" {
			lines = append(lines, "", " "+th.Dim.Render(t.T("Looking at what is held ready ...")))
		}
		return lines
	}
	for _, z := range s.ready.Zones {
		lines = append(lines, s.zone(a, z, w)...)
		lines = append(lines, "")
	}
	if s.ready.To != "" {
		lines = append(lines, a.section(t.T("Way back"), w))
		if b := s.ready.RollBack; b.Ready {
			for _, l := range kit.Wrap(th.Glyphs.Done+" "+t.T("a failover to %s could be taken back: %d record sets get their exact former values", s.ready.To, b.Records), w-2) {
				lines = append(lines, " "+th.Good.Render(l))
			}
		} else {
			for _, l := range kit.Wrap(th.Glyphs.Degraded+" "+t.T("a failover to %s could not be taken back: %s", s.ready.To, a.told(strings.Join(b.Because, "; "))), w-2) {
				lines = append(lines, " "+th.Warn.Render(l))
			}
		}
	}
	for _, n := range s.ready.Notes {
		for _, l := range kit.Wrap(a.told(n), w-2) {
			lines = append(lines, " "+th.Dim.Render(l))
		}
	}
	s.lines, s.page = len(lines), h
	return a.scrolled(&s.scroll, lines, w, h)
}

// zone is one zone at one provider: the reading, what differs from it, the write probe, the card.
func (s *readyScreen) zone(a *app, z backend.ZoneReady, w int) []string {
	th, t := a.th, a.tr
	head := t.T("%s at %s", z.Zone, z.Provider)
	if z.Twin {
		head += "  " + t.T("(a further provider)")
	}
	out := []string{a.section(head, w)}
	say := func(bad bool, good bool, text string) {
		mark, style := th.Glyphs.Degraded, th.Warn
		switch {
		case bad:
			mark, style = th.Glyphs.Failed, th.Bad
		case good:
			mark, style = th.Glyphs.Done, th.Good
		}
		for i, l := range kit.Wrap(kit.Clean(text), w-4) {
			if i > 0 {
				mark = " "
			}
			out = append(out, " "+style.Render(mark)+" "+l)
		}
	}
	switch {
	case z.Problem != "":
		say(true, false, t.T("not read: %s", a.told(z.Problem)))
	case !z.Armable:
		say(false, false, a.told(z.Why))
	case !z.Fresh:
		say(false, false, t.T("read first, then written: %s", a.told(z.Why)))
	default:
		say(false, true, t.T("a switch of now is made from the reading of %s ago: %d names, %d record sets", ago(z.AgeS), z.Names, z.Sets))
	}
	for _, d := range z.Drift {
		say(false, false, t.T("its servers show otherwise: %s", d))
	}
	if n := z.Drifted - len(z.Drift); n > 0 {
		say(false, false, t.T("%d more differ", n))
	}
	for _, d := range z.Differs {
		say(false, false, t.T("not as at the first provider: %s", d))
	}
	p := z.Probe
	age := ago(s.ready.At.Sub(p.At).Seconds())
	switch {
	case !p.Can:
		say(false, false, t.T("this provider has no write that changes nothing"))
	case p.At.IsZero():
		say(false, false, t.T("no write was tried yet"))
	case p.OK:
		say(false, true, t.T("a write went through %s ago: %s", age, a.told(p.Detail)))
	default:
		say(true, false, t.T("a write failed %s ago: %s", age, a.told(p.Detail)))
	}
	return out
}

// ago words the age of a reading, which is seconds where all is well.
func ago(seconds float64) string {
	if seconds < 60 {
		return kit.Millis(int64(seconds * 1000))
	}
	return kit.Age(time.Duration(seconds * float64(time.Second)))
}
