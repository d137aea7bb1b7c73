package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
)

// pauseFor is how long a pause lasts when nobody ends it.
const pauseFor = time.Hour

// askSync asks before a sync run (R2).
func (a *app) askSync() tea.Cmd {
	t := a.tr
	return a.askRun(a.face.SyncRun, &askDialog{
		title: t.T("Run the sync?"), yes: t.T("run the sync"),
		lines: []string{t.T("Every synced component of the standby sites is made to follow its source. What policy leaves out is not touched.")},
	})
}

// askRenew asks before the links get the passwords of now (R2).
func (a *app) askRenew() tea.Cmd {
	t := a.tr
	return a.askRun(a.face.RenewLinks, &askDialog{
		title: t.T("Renew the links' passwords?"), yes: t.T("renew"),
		lines: []string{
			t.T("Every standing link of MySQL and Redis gets the replication password that is configured now. MySQL's is stopped and started for it."),
			t.T("Change the password at the source first: a link that its source refuses stays down."),
		},
	})
}

// askRun asks with a reason, and shows the run that start begins.
func (a *app) askRun(start func(ctx context.Context, operator, reason string) (backend.Run, error), d *askDialog) tea.Cmd {
	d.reason = true
	d.runText = func(a *app, why string) tea.Cmd {
		return func() tea.Msg {
			r, err := start(a.ctx, a.opt.Operator, why)
			if err != nil {
				return fail(err)
			}
			return openRunMsg{r.ID}
		}
	}
	a.ask(d)
	return nil
}

// openRunMsg asks to show a run.
type openRunMsg struct{ id string }

// askPause asks before every action is refused for an hour.
func (a *app) askPause() tea.Cmd {
	t := a.tr
	a.ask(&askDialog{
		title: t.T("Pause all actions?"), reason: true,
		lines: []string{t.T("No console can change anything until the pause ends, in one hour at the latest. Watching goes on.")},
		yes:   t.T("pause"),
		runText: func(a *app, why string) tea.Cmd {
			now := a.opt.Now()
			o := backend.Override{Kind: "pause", Owner: a.opt.Operator, Reason: why, Since: now, Expires: now.Add(pauseFor)}
			return func() tea.Msg {
				if err := a.face.Pause(a.ctx, o); err != nil {
					return fail(err)
				}
				return toastMsg{level: "warn", text: a.tr.T("Paused.")}
			}
		},
	})
	return nil
}

func (a *app) askUnpause() tea.Cmd {
	t := a.tr
	a.ask(&askDialog{
		title: t.T("End the pause?"), reason: true,
		lines: []string{t.T("Actions are allowed again.")},
		yes:   t.T("end the pause"),
		runText: func(a *app, why string) tea.Cmd {
			return func() tea.Msg {
				if err := a.face.Unpause(a.ctx, a.opt.Operator, why); err != nil {
					return fail(err)
				}
				return toastMsg{level: "good", text: a.tr.T("The pause has ended.")}
			}
		},
	})
	return nil
}

func (a *app) healAll() tea.Cmd {
	sb := a.face.Sandbox()
	if sb == nil {
		return nil
	}
	return func() tea.Msg {
		if err := sb.Heal(a.ctx, ""); err != nil {
			return fail(err)
		}
		return toastMsg{level: "good", text: a.tr.T("Everything is healed.")}
	}
}
