package runbook

import (
	"encoding/json"
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
)

// Report tells the story of a run for people who were not there. Formats: markdown,
// html (self-contained), json.
func Report(r Run, format string) (string, error) {
	switch format {
	case "", "md", "markdown":
		return Markdown(r), nil
	case "html":
		return page(r), nil
	case "json":
		b, err := json.MarshalIndent(r, "", "  ")
		return string(b) + "\n", err
	}
	return "", fmt.Errorf("%w: unknown report format %q; expected markdown, html or json", failoverplan.ErrBadRequest, format)
}

// Markdown is the report as CommonMark with pipe tables.
func Markdown(r Run) string {
	var b strings.Builder
	p := func(format string, a ...any) { fmt.Fprintf(&b, format, a...) }
	p("# %s %s: %s\n\n", title(r.Kind), r.ID, r.State)
	p("%s\n\n", headline(r))
	p("| | |\n|---|---|\n")
	for _, kv := range header(r) {
		p("| %s | %s |\n", kv[0], cell(kv[1]))
	}
	if r.Plan != nil && len(r.Plan.Because) > 0 {
		p("\n## Why\n\n")
		for _, w := range r.Plan.Because {
			p("- %s\n", w)
		}
	}
	p("\n## Time to recovery\n\n| phase | time |\n|---|---|\n")
	for _, kv := range rtoRows(r.RTO) {
		p("| %s | %s |\n", kv[0], kv[1])
	}
	if len(r.RPO) > 0 {
		p("\n## Data\n\n| component | lag at the cut | lost |\n|---|---|---|\n")
		for _, x := range r.RPO {
			p("| %s | %s | %s |\n", x.Component, lagText(x.LagS), lostText(x.Lost))
		}
	}
	if r.Plan != nil && len(r.Plan.LeaveOut) > 0 {
		p("\n## Left out\n\n| name | reason | what stopped it |\n|---|---|---|\n")
		for _, l := range r.Plan.LeaveOut {
			p("| %s | %s | %s |\n", l.Name, cell(l.Reason), cell(stopOf(r.Plan, l.Name)))
		}
	}
	if r.Plan != nil && len(r.Plan.DNS) > 0 {
		p("\n## DNS\n\n%d of %d record sets changed with %d requests.\n\n| name | type | provider | before | after |\n|---|---|---|---|---|\n", r.DNS.RecordsChanged, r.DNS.RecordsPlanned, r.DNS.APICalls)
		for _, z := range r.Plan.DNS {
			for _, c := range z.Changes {
				p("| %s | %s | %s | %s | %s |\n", c.After.Name, c.After.Type, z.Provider, setText(c.Before), setText(c.After))
			}
		}
	}
	p("\n## Steps\n\n| time | step | state | evidence |\n|---|---|---|---|\n")
	for _, s := range r.Steps {
		ev := strings.Join(s.Evidence, "; ")
		if s.Error != "" {
			ev = strings.TrimPrefix(ev+"; "+s.Error, "; ")
		}
		p("| %s | %s | %s | %s |\n", clock(s.Started), cell(s.Title), s.State, cell(ev))
	}
	if r.Problem != "" {
		p("\n## What stopped it\n\n%s\n", r.Problem)
	}
	if r.Next != "" {
		p("\n## Next\n\n%s\n", r.Next)
	}
	return b.String()
}

// stopOf is what stopped a name, "" when nothing did.
func stopOf(p *failoverplan.Plan, name string) string {
	for _, s := range p.Stops {
		if s.Name == name {
			return s.Gate + ": " + s.Evidence
		}
	}
	return ""
}

func title(kind string) string {
	if kind == "" {
		return "Run"
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

func headline(r Run) string {
	if r.Kind == string(failoverplan.SyncRun) {
		return fmt.Sprintf("Stores of the other sites were made to follow the ones that write (users are served by %s).", r.From)
	}
	s := fmt.Sprintf("Users were moved from %s to %s", r.From, r.To)
	switch r.State {
	case RunDone:
		if r.RTO.TotalMS > 0 {
			from := "from the first bad probe to users served"
			if r.RTO.DetectMS == 0 {
				from = "from the start of the run to users served"
			}
			return s + fmt.Sprintf(" in %s, %s.", dur(r.RTO.TotalMS), from)
		}
		return s + "."
	case RunRolledBack:
		return s + " and back again: the run was rolled back."
	case RunRunning, RunWaiting, RunInterrupted, RunParked, RunRefused, RunCancelled:
	}
	return fmt.Sprintf("Moving users from %s to %s did not reach its end: %s.", r.From, r.To, r.State)
}

func header(r Run) [][2]string {
	out := [][2]string{
		{"operator", r.Operator},
		{"reason", r.Reason},
		{"case", r.Case},
		{"mode", r.Mode},
		{"stations", strings.Join(r.Stations, ", ")},
		{"plan", r.PlanHash},
		{"started", r.Started.Local().Format(time.RFC3339)},
	}
	if !r.Finished.IsZero() {
		out = append(out, [2]string{"finished", r.Finished.Local().Format(time.RFC3339)})
	}
	if !r.Committed.IsZero() {
		out = append(out, [2]string{"committed", r.Committed.Local().Format(time.RFC3339) + " by " + r.CommittedBy})
	}
	return out
}

func rtoRows(t RTO) [][2]string {
	return [][2]string{
		{"detect", dur(t.DetectMS)},
		{"decide", dur(t.DecideMS)},
		{"fence", dur(t.FenceMS)},
		{"switch", dur(t.SwitchMS)},
		{"propagate", dur(t.PropagateMS)},
		{"verify", dur(t.VerifyMS)},
		{"**total**", "**" + dur(t.TotalMS) + "**"},
	}
}

func dur(ms int64) string {
	if ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}

func lagText(s float64) string {
	if s < 0 {
		return "not known"
	}
	return fmt.Sprintf("%.1f s", s)
}

func lostText(n int64) string {
	if n < 0 {
		return "not known"
	}
	return fmt.Sprint(n)
}

func setText(s failoverplan.RecordSet) string {
	if len(s.Values) == 0 {
		return "(none)"
	}
	return fmt.Sprintf("%s, TTL %d s", strings.Join(s.Values, " "), s.TTL)
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("15:04:05.000")
}

// cell keeps a text inside its table cell.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s)
}

// page is the Markdown report as one self-contained HTML page.
func page(r Run) string {
	var b strings.Builder
	b.WriteString("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>" + html.EscapeString(r.Kind+" "+r.ID) + "</title>" +
		"<style>body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c2024}" +
		"table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{border-bottom:1px solid #d9dde2;padding:.25rem .75rem;text-align:left;vertical-align:top}" +
		"h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}</style>\n")
	inTable, inList := false, false
	for _, line := range strings.Split(Markdown(r), "\n") {
		row := strings.HasPrefix(line, "|")
		item := strings.HasPrefix(line, "- ")
		if inTable && !row {
			b.WriteString("</table>\n")
		}
		if inList && !item {
			b.WriteString("</ul>\n")
		}
		switch {
		case strings.HasPrefix(line, "|---"):
		case row:
			if !inTable {
				b.WriteString("<table>\n")
			}
			b.WriteString("<tr>")
			for _, c := range splitRow(line) {
				b.WriteString("<td>" + inline(c) + "</td>")
			}
			b.WriteString("</tr>\n")
		case item:
			if !inList {
				b.WriteString("<ul>\n")
			}
			b.WriteString("<li>" + inline(line[2:]) + "</li>\n")
		case strings.HasPrefix(line, "## "):
			b.WriteString("<h2>" + inline(line[3:]) + "</h2>\n")
		case strings.HasPrefix(line, "# "):
			b.WriteString("<h1>" + inline(line[2:]) + "</h1>\n")
		case line != "":
			b.WriteString("<p>" + inline(line) + "</p>\n")
		}
		inTable, inList = row, item
	}
	b.WriteString("</html>\n")
	return b.String()
}

func splitRow(line string) []string {
	const bar = "\x00"
	line = strings.ReplaceAll(strings.Trim(line, "|"), "\\|", bar)
	var out []string
	for _, c := range strings.Split(line, "|") {
		out = append(out, strings.ReplaceAll(strings.TrimSpace(c), bar, "|"))
	}
	return out
}

func inline(s string) string {
	s = html.EscapeString(s)
	for _, m := range []struct{ mark, tag string }{{"**", "b"}, {"`", "code"}} {
		parts := strings.Split(s, m.mark)
		if len(parts)%2 == 0 {
			continue // an odd mark is text
		}
		var b strings.Builder
		for i, p := range parts {
			if i%2 == 1 {
				b.WriteString("<" + m.tag + ">" + p + "</" + m.tag + ">")
			} else {
				b.WriteString(p)
			}
		}
		s = b.String()
	}
	return s
}
