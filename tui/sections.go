package tui

// sectionTitles names the heading before each step, "" where a step goes on under the
// heading before it. Phases that take turns (propagate, verify, propagate) share one,
// so that no heading comes twice in a row of three.
func (a *app) sectionTitles(phases []string) []string {
	type block struct {
		at    int
		phase string
	}
	var blocks []block
	for i, p := range phases {
		if i == 0 || p != phases[i-1] {
			blocks = append(blocks, block{i, p})
		}
	}
	out := make([]string, len(phases))
	for k := 0; k < len(blocks); {
		end := k
		if k+2 < len(blocks) && blocks[k+2].phase == blocks[k].phase {
			for end = k + 2; end+1 < len(blocks) && blocks[end+1].phase == blocks[end-1].phase; end++ {
				continue
			}
		}
		title := titleCase(a.phaseWord(blocks[k].phase))
		if end > k {
			title = a.tr.T("%s and %s", title, a.phaseWord(blocks[k+1].phase))
		}
		out[blocks[k].at] = title
		k = end + 1
	}
	return out
}
