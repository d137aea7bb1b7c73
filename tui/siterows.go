package tui

import (
	"strings"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

// row is one line of a site: the gateway, a platform's heading, or a part of it.
type row struct {
	target   string
	name     string
	indent   int
	heading  bool
	platform string
	state    failoverplan.State
	part     backend.ComponentStatus // Since, latency, detail, sync
	// hidden and hiddenBad count what folding left out below this heading.
	hidden, hiddenBad int
	blank             bool
}

// siteRows lists a site as a tree: platform, its subsystems with their components,
// then the platform's own components.
func siteRows(a *app, s backend.SiteStatus) []row {
	out := []row{{target: s.Gateway.Target, name: a.tr.T("gateway"), state: s.Gateway.State, part: s.Gateway, platform: "gateway"}}
	for _, p := range s.Platforms {
		out = append(out, row{
			target: failoverplan.Target(s.Name, p.Name), name: a.platformWord(p.Name), heading: true, state: p.State, platform: p.Name,
			part: backend.ComponentStatus{Since: p.Since, State: p.State, Detail: strings.Join(p.Because, "; ")},
		})
		used := map[string]bool{}
		for _, sub := range p.Subsystems {
			out = append(out, partRow(sub, sub.Name, 1, p.Name))
			for _, c := range p.Components {
				if c.Subsystem != sub.Name {
					continue
				}
				used[c.Target] = true
				out = append(out, partRow(c, strings.TrimPrefix(c.Name, sub.Name+"-"), 2, p.Name))
			}
		}
		for _, c := range p.Components {
			if !used[c.Target] {
				out = append(out, partRow(c, c.Name, 1, p.Name))
			}
		}
	}
	return out
}

func partRow(c backend.ComponentStatus, name string, indent int, platform string) row {
	return row{target: c.Target, name: name, indent: indent, state: c.State, part: c, platform: platform}
}

// fold fits rows into h lines: headings stay, then what is not up, then the rest in
// order; each heading counts what it hides. With room to spare platforms are set apart.
func fold(rows []row, h int) []row {
	if len(rows) <= h {
		return air(rows, h)
	}
	rank := func(r row) int {
		switch {
		case r.heading:
			return 0
		case r.state == failoverplan.Down:
			return 1
		case r.state != failoverplan.Up:
			return 2
		case r.platform == "gateway":
			return 3
		case r.indent == 1:
			return 4
		default:
			return 5
		}
	}
	keep := make([]bool, len(rows))
	left := h
	for level := 0; level <= 5; level++ {
		for i, r := range rows {
			if left > 0 && !keep[i] && rank(r) == level {
				keep[i] = true
				left--
			}
		}
	}
	var out []row
	for i, r := range rows {
		if keep[i] {
			out = append(out, r)
			continue
		}
		for k := range out {
			if out[k].heading && out[k].platform == r.platform {
				out[k].hidden++
				if r.state != failoverplan.Up {
					out[k].hiddenBad++
				}
			}
		}
	}
	return out
}

// air puts an empty line before each heading while there is room for all of them.
func air(rows []row, h int) []row {
	heads := 0
	for _, r := range rows {
		if r.heading {
			heads++
		}
	}
	if len(rows)+heads > h {
		return rows
	}
	var out []row
	for _, r := range rows {
		if r.heading && len(out) > 0 {
			out = append(out, row{blank: true})
		}
		out = append(out, r)
	}
	return out
}
