package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

// command is one registered thing a person can do here. Keys, footer, help and palette
// are made from the list of them, so none of these can say what is not so.
type command struct {
	id, group   string
	title, help string
	keys        []string
	// screen limits the keys to one screen; "" = everywhere.
	screen string
	risk   failoverplan.Risk
	// shell is the headless equivalent.
	shell string
	// disabled says why not now; the command stays visible.
	disabled string
	// foot puts the command into the footer, in the order of the list.
	foot string
	// first puts it before the pages in the footer.
	first bool
	run   func(a *app) tea.Cmd
}

func (c command) hasKey(k string) bool {
	for _, x := range c.keys {
		if x == k {
			return true
		}
	}
	return false
}

// commands lists everything that can be done on the top screen now.
func (a *app) commands() []command {
	out := a.engineCommands()
	out = append(out, a.viewCommands()...)
	out = append(out, a.siteCommands()...)
	if s, ok := a.top().(interface{ commands(*app) []command }); ok {
		out = append(s.commands(a), out...)
	}
	return out
}

// engineCommands are the engine's actions; the ones this face has a page for open it.
// None of them changes anything by its key alone: they open a plan or a question.
func (a *app) engineCommands() []command {
	known := map[string]struct {
		key string
		run func(a *app) tea.Cmd
	}{
		"failover": {"f", func(a *app) tea.Cmd {
			return a.open(newPlanScreen(backend.PlanRequest{Kind: failoverplan.Failover, To: a.adviceTarget("failover")}))
		}},
		"failback": {"b", func(a *app) tea.Cmd {
			return a.open(newPlanScreen(backend.PlanRequest{Kind: failoverplan.Failback}))
		}},
		"sync-run":    {"S", func(a *app) tea.Cmd { return a.askSync() }},
		"renew-links": {"", func(a *app) tea.Cmd { return a.askRenew() }},
		"pause":       {"P", func(a *app) tea.Cmd { return a.askPause() }},
		"unpause":     {"U", func(a *app) tea.Cmd { return a.askUnpause() }},
		"heal":        {"", func(a *app) tea.Cmd { return a.healAll() }},
	}
	out := make([]command, 0, len(a.data.actions))
	for _, act := range a.data.actions {
		if pageActions()[act.ID] {
			continue // the page of the same id is listed instead
		}
		c := command{
			id: act.ID, group: a.tr.T("Actions"), title: a.actionTitle(act), help: act.Help,
			risk: act.Risk, shell: act.Command, disabled: act.Disabled,
		}
		if a.tr.Lang() != "en" && a.tr.Has("action-help|"+act.ID) {
			c.help = a.tr.T("action-help|" + act.ID)
		}
		if k, ok := known[act.ID]; ok {
			c.run = k.run
			if k.key != "" {
				c.keys = []string{k.key}
			}
		} else {
			shell := act.Command
			c.run = func(a *app) tea.Cmd {
				a.say("info", a.tr.T("In a shell: %s", shell))
				return nil
			}
		}
		switch act.ID {
		case "failover":
			c.foot = a.tr.T("foot|fail over")
		case "failback":
			if act.Disabled == "" {
				c.foot = a.tr.T("foot|fail back")
			}
		}
		out = append(out, c)
	}
	return out
}

// pageActions are actions of the engine that are a page of this face.
func pageActions() map[string]bool {
	return map[string]bool{"runs": true, "doctor": true, "dns-check": true, "fault": true}
}

func (a *app) actionTitle(act backend.Action) string {
	if a.tr.Lang() != "en" && a.tr.Has("action|"+act.ID) {
		return a.tr.T("action|" + act.ID)
	}
	return act.Title
}

func (a *app) adviceTarget(action string) string {
	if st := a.data.shown; st != nil && st.Advice.Action == action {
		return st.Advice.To
	}
	return ""
}

// viewCommands are the pages of this face.
func (a *app) viewCommands() []command {
	t := a.tr
	g := t.T("Pages")
	watch := ""
	if a.data.shown == nil || a.data.shown.Run == nil {
		watch = t.T("Nothing runs.")
	}
	out := []command{
		{id: "watch", group: g, title: t.T("Watch the run"), keys: []string{"w"}, disabled: watch, help: t.T("live steps, evidence and the recovery clock"), run: func(a *app) tea.Cmd {
			return a.open(newRunScreen(a.data.shown.Run.ID))
		}},
		{id: "dashboard", group: g, title: t.T("Dashboard"), keys: []string{"0"}, help: t.T("all sites at a glance"), run: func(a *app) tea.Cmd { a.home(); return nil }},
		{id: "runs", shell: "dutyops runs list", group: g, title: t.T("Journal"), keys: []string{"a"}, foot: t.T("foot|journal"), help: t.T("every run with its steps and evidence; reports, resume, roll back"), run: func(a *app) tea.Cmd { return a.open(newJournalScreen()) }},
		{id: "dns-check", shell: "dutyops dns check", group: g, title: t.T("DNS board"), keys: []string{"d"}, foot: t.T("foot|DNS"), help: t.T("what every server and resolver answers for every domain"), run: func(a *app) tea.Cmd { return a.open(newDNSScreen()) }},
		{id: "board", shell: "dutyops dns check --watch", group: g, title: t.T("Verification board"), keys: []string{"v"}, foot: a.boardFoot(), first: true, help: t.T("how far the change has come, server by server, and what users find"), run: func(a *app) tea.Cmd { return a.open(newBoardScreen()) }},
		{id: "ready", shell: "dutyops dns arm", group: g, title: t.T("Held ready"), keys: []string{"z"}, foot: a.readyFoot(), first: true, help: t.T("what a switch would be made from, how old it is, and whether writes go through"), run: func(a *app) tea.Cmd { return a.open(newReadyScreen()) }},
		{id: "events", group: g, title: t.T("Events"), keys: []string{"e"}, foot: t.T("foot|events"), help: t.T("everything that happened, newest last"), run: func(a *app) tea.Cmd { return a.open(newEventsScreen()) }},
		{id: "doctor", shell: "dutyops doctor", group: g, title: t.T("Could I fail over now?"), keys: []string{"c"}, help: t.T("checks of everything a switch needs"), run: func(a *app) tea.Cmd { return a.open(newChecksScreen()) }},
	}
	if a.face.Sandbox() != nil {
		out = append(out, command{id: "fault", shell: "dutyops sandbox fault TARGET KIND --dir DIR", group: g, title: t.T("Break something"), keys: []string{"x"}, foot: t.T("foot|break"), help: t.T("inject and heal faults in the sandbox"), run: func(a *app) tea.Cmd { return a.openFaults() }})
	}
	return append(out,
		command{id: "refresh-now", group: g, title: t.T("Probe everything now"), keys: []string{"r"}, help: t.T("do not wait for the schedule"), run: func(a *app) tea.Cmd { return a.refresh() }},
		command{id: "palette", group: g, title: t.T("Command palette"), keys: []string{":", "ctrl+p"}, foot: t.T("foot|commands"), first: true, help: t.T("find any action, site or component by a few letters"), run: func(a *app) tea.Cmd { a.show(newPalette(a)); return nil }},
		command{id: "help", group: g, title: t.T("Help"), keys: []string{"?"}, foot: t.T("foot|help"), first: true, help: t.T("every key and action; / searches"), run: func(a *app) tea.Cmd { return a.open(newHelpScreen()) }},
		command{id: "quit", group: g, title: t.T("Quit"), keys: []string{"q"}, foot: t.T("foot|quit"), help: t.T("asks first while something runs"), run: func(a *app) tea.Cmd { return a.quit() }},
	)
}

// boardFoot puts the verification board into the footer where a change is followed.
func (a *app) boardFoot() string {
	switch a.top().id() {
	case "dns", "run":
		return a.tr.T("foot|board")
	}
	return ""
}

// readyFoot puts the readiness of the zones into the footer of the DNS page.
func (a *app) readyFoot() string {
	if a.top().id() == "dns" {
		return a.tr.T("foot|ready?")
	}
	return ""
}

// siteCommands open one site by its number.
func (a *app) siteCommands() []command {
	if a.data.shown == nil {
		return nil
	}
	var out []command
	for i, s := range a.data.shown.Sites {
		name := s.Name
		c := command{
			id: "site-" + name, group: a.tr.T("Sites"), title: a.tr.T("Site %s", siteTitle(s)),
			help: a.tr.T("all rows of the site on the whole screen"),
			run:  func(a *app) tea.Cmd { return a.open(newSiteScreen(name)) },
		}
		if i < 9 {
			c.keys = []string{fmt.Sprint(i + 1)}
		}
		out = append(out, c)
	}
	return out
}

// componentCommands are for the palette only.
func (a *app) componentCommands() []command {
	if a.data.shown == nil {
		return nil
	}
	var out []command
	for _, s := range a.data.shown.Sites {
		for _, c := range siteParts(s) {
			target := c.Target
			out = append(out, command{
				id: "why-" + target, group: a.tr.T("Components"), title: target,
				help: a.stateWord(c.State) + "  " + c.Detail,
				run:  func(a *app) tea.Cmd { return a.open(newDetailScreen(target)) },
			})
		}
	}
	return out
}

// keyName words a key for people.
func keyName(k string) string {
	switch k {
	case "enter":
		return "enter"
	case "ctrl+p":
		return "ctrl-p"
	}
	return strings.ReplaceAll(k, "ctrl+", "ctrl-")
}

func keyNames(keys []string) string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = keyName(k)
	}
	return strings.Join(out, " ")
}

func siteTitle(s backend.SiteStatus) string {
	if s.Title != "" && s.Title != s.Name {
		return s.Name + " " + s.Title
	}
	return s.Name
}

func (a *app) refresh() tea.Cmd {
	a.say("info", a.tr.T("Probing everything now ..."))
	return func() tea.Msg {
		st, err := a.face.Refresh(a.ctx)
		if err != nil {
			return fail(err)
		}
		_ = st // the picture arrives by Changed, like every other
		return toastMsg{level: "good", text: a.tr.T("Every target has answered.")}
	}
}
