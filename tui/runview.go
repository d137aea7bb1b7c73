package tui

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/kit"
)

// runScreen shows one run: live while it runs, as a record afterwards.
type runScreen struct {
	runID  string
	run    backend.Run
	have   bool
	err    string
	follow bool // the cursor follows the running step
	scroll kit.Scroll
	asking bool
	again  bool // something changed while a question was out
}

type runMsg struct {
	id  string
	run backend.Run
	err error
}

func newRunScreen(id string) *runScreen { return &runScreen{runID: id, follow: true} }

func (s *runScreen) id() string          { return "run" }
func (s *runScreen) typing() bool        { return false }
func (s *runScreen) title(a *app) string { return a.tr.T("Run %s", s.runID) }
func (s *runScreen) init(a *app) tea.Cmd { return s.fetch(a) }

// fetch asks for the run; one question at a time.
func (s *runScreen) fetch(a *app) tea.Cmd {
	if s.asking {
		s.again = true
		return nil
	}
	s.asking = true
	id := s.runID
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(a.ctx, 10*time.Second)
		defer cancel()
		r, err := a.face.Run(ctx, id)
		return runMsg{id, r, err}
	}
}

// live says that the run may still move by itself.
func (s *runScreen) live() bool {
	return s.have && (s.run.State == backend.RunRunning || s.run.State == backend.RunWaiting)
}

func (s *runScreen) msg(a *app, m tea.Msg) tea.Cmd {
	switch m := m.(type) {
	case runMsg:
		if m.id != s.runID {
			return nil
		}
		s.asking = false
		if m.err != nil {
			s.err = m.err.Error()
		} else {
			s.run, s.have, s.err = m.run, true, ""
		}
		if s.again {
			s.again = false
			return s.fetch(a)
		}
	case snapshotMsg:
		if !s.have || s.live() {
			return s.fetch(a)
		}
	case beatMsg:
		if s.live() {
			return s.fetch(a)
		}
	}
	return nil
}

// current is the step that runs, or the last one that did anything.
func (s *runScreen) current() int {
	at := 0
	for i, st := range s.run.Steps {
		if st.State == "running" || st.State == "failed" {
			return i
		}
		if st.State != "pending" {
			at = i
		}
	}
	return at
}

func (s *runScreen) key(_ *app, k tea.KeyPressMsg) (bool, tea.Cmd) {
	if s.follow {
		s.scroll.Cursor = s.current()
	}
	if s.scroll.Nav(k.String(), len(s.run.Steps), 8) {
		s.follow = s.scroll.Cursor == s.current()
		return true, nil
	}
	return false, nil
}

func (s *runScreen) commands(a *app) []command {
	t := a.tr
	g := t.T("Here")
	cancel := command{id: "cancel", group: g, screen: s.id(), title: t.T("Stop the run"), keys: []string{"C"}, foot: t.T("foot|stop ..."), help: t.T("stops at the next step boundary; asks first"), run: s.askCancel}
	resume := command{id: "resume", group: g, screen: s.id(), title: t.T("Resume"), keys: []string{"R"}, foot: t.T("foot|resume ..."), help: t.T("looks at the world first, then goes on; asks first"), run: s.askResume}
	back := command{id: "rollback", group: g, screen: s.id(), title: t.T("Roll back"), keys: []string{"B"}, foot: t.T("foot|roll back ..."), help: t.T("undoes what was done, last step first; asks for a reason"), run: s.askRollback}
	why := t.T("This run is %s.", a.runStateWord(s.run.State))
	if !s.live() {
		cancel.disabled = why
	}
	commit := command{id: "commit", group: g, screen: s.id(), title: t.T("Commit"), keys: []string{"K"}, foot: t.T("foot|commit ..."), shell: "dutyops runs commit ID --yes", help: t.T("keeps what the run did and restores the TTLs; from then on it is not rolled back"), run: s.askCommit}
	stopped := s.run.State == backend.RunParked || s.run.State == backend.RunInterrupted
	if !stopped {
		resume.disabled = why
	}
	probation := s.probation()
	if !stopped && !probation {
		back.disabled = why
	}
	if !probation {
		commit.disabled = why
	}
	if !s.run.Committed.IsZero() {
		done := t.T("Committed by %s at %s.", kit.Clean(s.run.CommittedBy), kit.Clock(s.run.Committed, a.now))
		back.disabled, commit.disabled = done, done
	}
	return []command{
		cancel, resume, back, commit,
		{id: "report", group: g, screen: s.id(), title: t.T("Export the report"), keys: []string{"o"}, foot: t.T("foot|report"), help: t.T("writes Markdown, HTML or JSON to a file and says where"), run: func(a *app) tea.Cmd { return chooseReport(a, s.runID) }},
	}
}

// probation says that the run is done and can still be committed or rolled back.
func (s *runScreen) probation() bool {
	return s.have && s.run.State == backend.RunDone && s.run.Committed.IsZero() && !s.run.DryRun && s.run.Kind != string(failoverplan.SyncRun)
}

func (s *runScreen) askCommit(a *app) tea.Cmd {
	t := a.tr
	lines := []string{t.T("What the run did stays. From then on the way back is a failback.")}
	for _, x := range s.run.Steps {
		if x.Phase == string(failoverplan.PhaseCommit) {
			lines = append(lines, a.told(x.Title))
		}
	}
	a.ask(&askDialog{
		title: t.T("Commit run %s?", s.runID), danger: true, reason: true, lines: lines,
		yes: t.T("commit"),
		runText: func(a *app, why string) tea.Cmd {
			s.follow = true
			return s.act(a, func() (backend.Run, error) { return a.face.Commit(a.ctx, s.runID, a.opt.Operator, why) })
		},
	})
	return nil
}

func (s *runScreen) askCancel(a *app) tea.Cmd {
	t := a.tr
	a.ask(&askDialog{
		title: t.T("Stop run %s?", s.runID), danger: true,
		lines: []string{
			t.T("The step in progress is finished first; no further step starts."),
			t.T("If something was changed already, the run is parked: you then resume it or roll it back."),
		},
		yes: t.T("stop the run"), no: t.T("let it run"),
		run: func(a *app) tea.Cmd {
			id := s.runID
			return func() tea.Msg {
				if err := a.face.Cancel(id); err != nil {
					return fail(err)
				}
				return toastMsg{level: "warn", text: a.tr.T("It stops after the step in progress.")}
			}
		},
	})
	return nil
}

func (s *runScreen) askResume(a *app) tea.Cmd {
	t := a.tr
	a.ask(&askDialog{
		title: t.T("Resume run %s?", s.runID), danger: true,
		lines: []string{t.T("Every step looks at the world first; what is done already is not done again.")},
		yes:   t.T("resume"),
		run: func(a *app) tea.Cmd {
			s.follow = true
			return s.act(a, func() (backend.Run, error) { return a.face.Resume(a.ctx, s.runID, a.opt.Operator) })
		},
	})
	return nil
}

// wayBack says what a roll-back does, and what speaks against it now.
func (s *runScreen) wayBack(a *app) []string {
	lines := []string{a.tr.T("What was done is undone, last step first: users go back to %s.", s.run.From)}
	if st := a.data.shown; st != nil && st.GatewayDown(s.run.From) {
		lines = append(lines, a.tr.T("The gateway of %s is down: users would reach nobody there.", s.run.From))
	}
	return lines
}

func (s *runScreen) askRollback(a *app) tea.Cmd {
	t := a.tr
	a.ask(&askDialog{
		title: t.T("Roll back run %s?", s.runID), danger: true, reason: true,
		lines: s.wayBack(a),
		yes:   t.T("roll back"),
		runText: func(a *app, why string) tea.Cmd {
			s.follow = true
			return s.act(a, func() (backend.Run, error) { return a.face.Rollback(a.ctx, s.runID, a.opt.Operator, why) })
		},
	})
	return nil
}

// act runs an engine call and shows its run.
func (s *runScreen) act(a *app, call func() (backend.Run, error)) tea.Cmd {
	return tea.Batch(func() tea.Msg {
		r, err := call()
		if err != nil {
			return fail(err)
		}
		return runMsg{s.runID, r, nil}
	}, a.loadRuns())
}

// chooseReport asks for the format, writes the file and says its path.
func chooseReport(a *app, id string) tea.Cmd {
	formats := []struct{ name, ext string }{{"markdown", "md"}, {"html", "html"}, {"json", "json"}}
	a.show(&chooseDialog{
		title: a.tr.T("Report of run %s", id),
		items: []choice{{"Markdown", a.tr.T("for a ticket or a hand-over")}, {"HTML", a.tr.T("for people and printing")}, {"JSON", a.tr.T("for programs")}},
		done: func(a *app, i []int) tea.Cmd {
			f := formats[i[0]]
			return func() tea.Msg {
				path, err := writeReport(a.ctx, a.face, a.opt.ReportDir, id, f.name, f.ext)
				if err != nil {
					return fail(err)
				}
				return toastMsg{level: "good", text: a.tr.T("Report written: %s", path)}
			}
		},
	})
	return nil
}

func writeReport(ctx context.Context, face backend.Face, dir, id, format, ext string) (string, error) {
	text, err := face.Report(ctx, id, format)
	if err != nil {
		return "", fmt.Errorf("report of %s: %w", id, err)
	}
	path, err := filepath.Abs(filepath.Join(dir, "dutyops-"+filepath.Base(id)+"."+ext))
	if err != nil {
		return "", fmt.Errorf("report of %s: %w", id, err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("report of %s cannot be written: %w; start dutyops in a folder you may write to", id, err)
	}
	return path, nil
}
