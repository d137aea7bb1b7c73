package tui

import (
	"fmt"
	"math"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// The stages of a confirmation of tier R3 or R4.
const (
	stageName = iota
	stageReason
	stageArming
	stageStarting
)

// confirmDialog confirms a site-level plan: the target's name typed (not pasted, not
// by a held key), a reason, then a countdown that any key ends. Only its end starts
// the run, with the hash of exactly the plan that was shown.
type confirmDialog struct {
	plan  *failoverplan.Plan
	req   backend.PlanRequest
	stage int
	name  kit.Input
	why   kit.Input
	left  int // whole seconds until the start
	gen   int // counts countdowns; a tick of an aborted one is ignored
	note  string
}

// confirmHeight keeps the box the same height through all stages.
const confirmHeight = 13

type armMsg struct {
	d   *confirmDialog
	gen int
}

type startedMsg struct {
	d   *confirmDialog
	run backend.Run
	err error
}

func (d *confirmDialog) strict() bool { return true }

func (d *confirmDialog) msg(a *app, m tea.Msg) tea.Cmd {
	switch m := m.(type) {
	case tea.PasteMsg:
		switch d.stage {
		case stageName:
			d.note = a.tr.T("Pasting is refused here. Type the name.")
		case stageReason:
			d.why.Insert(kit.Clean(m.Content))
		case stageArming:
			d.abort(a)
		}
	case armMsg:
		if m.d != d || m.gen != d.gen || d.stage != stageArming {
			return nil
		}
		d.left--
		if d.left > 0 {
			return d.tick(a)
		}
		d.stage = stageStarting
		return d.start(a)
	case startedMsg:
		if m.d != d {
			return nil
		}
		a.close(d)
		if m.err != nil {
			a.say("bad", m.err.Error())
			if p, ok := a.top().(*planScreen); ok {
				p.problem = m.err.Error()
			}
			return nil
		}
		a.home()
		return a.open(newRunScreen(m.run.ID))
	}
	return nil
}

func (d *confirmDialog) key(a *app, k tea.KeyPressMsg) tea.Cmd {
	switch d.stage {
	case stageStarting:
		return nil
	case stageArming:
		d.abort(a)
		return nil
	}
	if k.Key().IsRepeat {
		d.note = a.tr.T("A held key does not count. Press each letter.")
		return nil
	}
	d.note = ""
	if k.String() == "esc" {
		a.close(d)
		a.say("info", a.tr.T("Cancelled. Nothing was changed."))
		return nil
	}
	if d.stage == stageName {
		return d.nameKey(a, k)
	}
	if k.String() != "enter" {
		d.why.Key(k)
		return nil
	}
	if d.why.Text() == "" {
		d.note = a.tr.T("A reason is needed; it goes into the journal.")
		return nil
	}
	return d.arm(a)
}

func (d *confirmDialog) nameKey(a *app, k tea.KeyPressMsg) tea.Cmd {
	if k.String() != "enter" {
		d.name.Key(k)
		return nil
	}
	if d.name.Text() == d.plan.To {
		d.stage = stageReason
	} else if d.name.Text() != "" {
		d.note = a.tr.T("That is not the name of the target site.")
	}
	return nil
}

func (d *confirmDialog) arm(a *app) tea.Cmd {
	d.stage = stageArming
	d.gen++
	d.left = int(math.Ceil(a.opt.Arming.Seconds()))
	return d.tick(a)
}

func (d *confirmDialog) tick(a *app) tea.Cmd {
	m := armMsg{d, d.gen}
	return a.timer(time.Second, func(time.Time) tea.Msg { return m })
}

// abort goes back to the reason; nothing was started.
func (d *confirmDialog) abort(a *app) {
	d.stage = stageReason
	d.gen++
	d.note = a.tr.T("Stopped. Nothing was changed. Enter arms it again.")
}

func (d *confirmDialog) start(a *app) tea.Cmd {
	req := backend.StartRequest{PlanRequest: d.req, PlanHash: d.plan.Hash, Reason: d.why.Text(), Operator: a.opt.Operator}
	req.To = d.plan.To
	return func() tea.Msg {
		r, err := a.face.Start(a.ctx, req)
		return startedMsg{d, r, err}
	}
}

func (d *confirmDialog) view(a *app, w, _ int) []string {
	th, t := a.th, a.tr
	bw := min(w-4, 78)
	iw := bw - 4
	risk := planRisk(d.plan)
	lines := []string{
		"",
		th.Strong.Render(t.T("%s from %s to %s", titleCase(a.kindWord(string(d.plan.Kind))), d.plan.From, d.plan.To)) +
			th.Dim.Render("   "+string(risk)+" "+a.riskWord(risk)+"   "+t.T("plan %s", short(d.plan.Hash))),
		th.Dim.Render(t.T("%d record sets, %d steps, stations %s", d.plan.Records(), len(d.plan.Steps), strings.Join(d.plan.Stations, ", "))),
	}
	if risk == failoverplan.R4 {
		lines = append(lines, th.Warn.Render(th.Glyphs.Degraded+" "+t.T("This plan also changes which stores take writes.")))
	}
	if n := len(d.plan.LeaveOut); n > 0 {
		lines = append(lines, th.Warn.Render(th.Glyphs.Skipped+" "+t.T("%d names are left out and stay where they are.", n)))
	}
	lines = append(lines, "")
	switch d.stage {
	case stageName:
		lines = append(lines, t.T("Type the name of the site that will serve:")+"  "+th.Strong.Render(spaced(d.plan.To)), d.name.Draw(iw, th))
	default:
		lines = append(lines, th.Good.Render(th.Glyphs.Done)+" "+th.Dim.Render(t.T("site"))+" "+th.Strong.Render(d.plan.To), "")
	}
	switch d.stage {
	case stageReason:
		lines = append(lines, t.T("Why? One line for the journal:"), d.why.Draw(iw, th))
	case stageArming, stageStarting:
		lines = append(lines, th.Good.Render(th.Glyphs.Done)+" "+th.Dim.Render(t.T("reason"))+" "+kit.Cut(d.why.Text(), iw-12), "")
	}
	if d.stage == stageArming {
		total := int(math.Ceil(a.opt.Arming.Seconds()))
		bar := kit.Bar(float64(d.left), float64(total), iw, th.Glyphs.Full, th.Glyphs.Empty)
		lines = append(lines, th.Danger.Render(t.T("Starting in %d s", d.left))+"   "+th.Strong.Render(t.T("any key stops it")), "", th.Danger.Render(bar))
	}
	if d.stage == stageStarting {
		lines = append(lines, th.Strong.Render(t.T("Starting ...")))
	}
	for len(lines) < confirmHeight {
		lines = append(lines, "")
	}
	if d.note != "" {
		lines = append(lines, th.Warn.Render(d.note))
	} else {
		lines = append(lines, "")
	}
	keys := ""
	if d.stage == stageName || d.stage == stageReason {
		keys = th.Key.Render("enter") + " " + th.Dim.Render(t.T("next")) + "   " + th.Key.Render("esc") + " " + th.Dim.Render(t.T("cancel, nothing is changed"))
	}
	steps := fmt.Sprintf("%d/3", min(d.stage, 2)+1)
	lines = append(lines, kit.Spread(keys, th.Faint.Render(steps), iw))
	p := kit.Panel{Theme: th, Title: th.Danger.Render(t.T("Confirm")), Right: a.badge(), Boxed: true, Focused: true, Inset: true}
	return p.Draw(lines, bw, len(lines)+2)
}

// spaced shows a name so that copying it does not give the name.
func spaced(s string) string {
	return strings.Join(strings.Split(s, ""), " ")
}
