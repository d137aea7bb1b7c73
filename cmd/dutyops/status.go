package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

func (a *app) statusCmd() *cobra.Command {
	var watch bool
	c := &cobra.Command{
		Use: "status", Short: "One health picture; exit 0 when all is well, 3 when not", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { _ = e.Close() }()
			if watch {
				return a.watchStatus(cmd, e)
			}
			st, err := e.Refresh(cmd.Context())
			if err != nil {
				return err
			}
			if a.json() {
				err = a.printJSON(st)
			} else {
				a.printStatus(st)
			}
			if err == nil && !st.Well() {
				return &quietError{code: codeNotWell}
			}
			return err
		},
	}
	c.Flags().BoolVarP(&watch, "watch", "w", false, "go on until interrupted; with -o json one document per line")
	return c
}

// watchStatus prints a picture whenever what it says has changed, at most once a second.
func (a *app) watchStatus(cmd *cobra.Command, e *backend.Engine) error {
	ctx := cmd.Context()
	done := make(chan error, 1)
	go func() { done <- e.Watch(ctx) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := ""
	for {
		st := e.Status()
		if !st.Warming {
			if a.json() {
				if err := a.printLine(st); err != nil {
					return err
				}
			} else if s := summary(st); s != last {
				last = s
				a.printf("%s  %s\n", st.At.Local().Format("15:04:05"), s)
			}
		}
		select {
		case err := <-done:
			return err
		case <-tick.C:
		}
	}
}

// summary is the picture in one line.
func summary(st *backend.Status) string {
	s := fmt.Sprintf("serving %s, case %s", st.ServingSite, st.Case)
	for _, site := range st.Sites {
		s += fmt.Sprintf("; %s %s", site.Name, site.State)
		for _, p := range site.Platforms {
			if p.State != failoverplan.Up {
				s += fmt.Sprintf(", %s %s", p.Name, p.State)
			}
		}
	}
	if st.Advice.Action != failoverplan.AdviseNone {
		s += "; advice: " + adviceText(st.Advice)
	}
	return s
}

func adviceText(ad backend.Advice) string {
	if ad.To != "" {
		return ad.Action + " to " + ad.To
	}
	return ad.Action
}

func (a *app) printStatus(st *backend.Status) {
	a.printf("%s  %s  serving %s  case %s\n", strings.ToUpper(string(st.Environment)), st.At.Local().Format(time.DateTime), st.ServingSite, st.Case)
	for _, o := range st.Overrides {
		if o.Kind == backend.OverrideLeftOut {
			a.printf("LEFT OUT %s by %s: %s\n", o.Target, o.Owner, o.Reason)
			continue
		}
		a.printf("%s by %s until %s: %s\n", strings.ToUpper(o.Kind), o.Owner, o.Expires.Local().Format("15:04:05"), o.Reason)
	}
	if st.Run != nil {
		a.printf("run %s (%s) %s: %s, held by %s\n", st.Run.ID, st.Run.Kind, st.Run.State, st.Run.Step, st.Run.Holder)
	}
	for _, x := range st.Warnings {
		a.printf("warning (%s): %s\n", x.Kind, x.Text)
	}
	w := tabwriter.NewWriter(a.out, 2, 4, 2, ' ', 0)
	for _, s := range st.Sites {
		fmt.Fprintf(w, "\n%s\t%s\t%s\t\tweight %d\t%s\n", s.Name, s.State, s.Role, s.Weight, clockText(s.Clock))
		row(w, "  ", s.Gateway)
		for _, p := range s.Platforms {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", p.Name, p.State, since(p.Since))
			for _, c := range p.Subsystems {
				row(w, "    ", c)
			}
			for _, c := range p.Components {
				row(w, "    ", c)
			}
		}
	}
	_ = w.Flush()
	a.printf("\nnames\n")
	a.printDomains(st.Domains)
	if d := st.DNS; d != nil {
		a.printf("answers: authoritative %d of %d, resolvers %d of %d (%d %%)", d.Authoritative.New, d.Authoritative.Total, d.Resolvers.New, d.Resolvers.Total, d.Resolvers.Percent())
		if !d.OldUntil.IsZero() {
			a.printf(", old ones until %s", d.OldUntil.Local().Format("15:04:05"))
		}
		a.printf("\n")
	}
	for _, f := range st.Feeds {
		at := f.Attached
		if !f.Known {
			at = "unknown (its switch does not answer)"
		} else if at == "" {
			at = "no site"
		}
		a.printf("upstream %s -> %s\n", f.Name, at)
	}
	a.printf("\nadvice: %s\n", adviceText(st.Advice))
	for _, b := range st.Advice.Because {
		a.printf("  because %s\n", b)
	}
	for _, g := range st.Advice.BlockedBy {
		a.printf("  blocked by %s: %s\n    clears when %s\n", g.Gate, g.Evidence, g.ClearsWhen)
	}
}

func row(w *tabwriter.Writer, indent string, c backend.ComponentStatus) {
	sync := ""
	if c.Sync != nil {
		sync = syncText(c.Sync)
	}
	detail := c.Detail
	if len(detail) > 100 {
		detail = detail[:97] + "..."
	}
	fmt.Fprintf(w, "%s%s\t%s\t%s\t%.1f ms\t%s\t%s\n", indent, c.Name, c.State, since(c.Since), c.LatencyMS, sync, detail)
}

// clockText is a site's clock against ours; nothing when no component tells its time.
func clockText(k *backend.ClockStatus) string {
	if k == nil {
		return ""
	}
	return fmt.Sprintf("clock %+.2f ms (within %.2f)", k.AheadMS, k.ErrorMS)
}

func syncText(s *backend.SyncStatus) string {
	switch {
	case s.Policy != string(failoverplan.Sync):
		return "not synced"
	case s.State == "source":
		return "source"
	case s.LagS < 0:
		return fmt.Sprintf("<- %s %s", s.From, s.State)
	}
	return fmt.Sprintf("<- %s %s %.1f s", s.From, s.State, s.LagS)
}

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if time.Since(t) > 20*time.Hour {
		return "since " + t.Local().Format("2006-01-02")
	}
	return "since " + t.Local().Format("15:04:05")
}

func (a *app) printDomains(ds []backend.DomainStatus) {
	w := tabwriter.NewWriter(a.out, 2, 4, 2, ' ', 0)
	for _, d := range ds {
		at := d.PointsAt
		if at == "" {
			at = "unknown"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t-> %s\tauthoritative %s\tresolvers %s\n", d.Name, d.Type, d.Station, at, answers(d.Authoritative), answers(d.Resolvers))
	}
	_ = w.Flush()
	a.printDiffering(ds)
}

// printDiffering tells of names that the providers of their zone hold differently.
func (a *app) printDiffering(ds []backend.DomainStatus) {
	by := map[string]bool{}
	for _, d := range ds {
		if len(d.ByProvider) == 0 {
			continue
		}
		var parts []string
		for _, p := range d.ByProvider {
			parts = append(parts, fmt.Sprintf("%s -> %s (%s)", p.Provider, cmp.Or(p.Site, "unknown"), strings.Join(p.Values, " ")))
		}
		a.printf("  PROVIDERS DIFFER on %s %s: %s\n", d.Name, d.Type, strings.Join(parts, ", "))
		by[d.EvenBy] = true
	}
	for _, c := range slices.Sorted(maps.Keys(by)) {
		a.printf("  `%s` makes them equal\n", c)
	}
}

func answers(as []backend.ServerAnswer) string {
	if len(as) == 0 {
		return "-"
	}
	var out []string
	for _, x := range as {
		switch {
		case x.Error != "":
			out = append(out, x.Server+" no answer")
		case x.OldUntil != nil:
			out = append(out, fmt.Sprintf("%s old until %s", strings.Join(x.Values, " "), x.OldUntil.Local().Format("15:04:05")))
		default:
			out = append(out, fmt.Sprintf("%s (%d s)", strings.Join(x.Values, " "), x.TTLS))
		}
	}
	return strings.Join(out, ", ")
}
