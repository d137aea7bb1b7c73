package tui

// plan of the dashboard's rows and columns. Pure numbers, so that it can be tested alone.
type layout struct {
	boxed   bool
	stacked bool // site panels one above the other
	sites   int  // height of the site panels together
	dns     int
	bottom  int  // advice and events
	split   bool // advice and events side by side
}

// wants are the heights the blocks would like, chrome not counted.
type wants struct {
	sites, rows int // number of sites, rows of the longest
	air         int // empty lines that set a site's platforms apart
	dns, advice int
	calm        bool // nothing is wrong: events may take the advice's room
}

// arrange shares h lines of w columns out among the blocks. Every block keeps a
// minimum; the advice comes before more rows of the sites when something is wrong.
func arrange(w, h int, want wants) layout {
	l := layout{boxed: w >= 100 && h >= 30, stacked: w < 38*want.sites && want.sites > 1}
	if want.sites >= 3 && w >= 90 {
		l.stacked = false
	}
	chrome := 1
	if l.boxed {
		chrome = 2
	}
	l.split = w >= 100
	n := 1
	if l.stacked {
		n = max(want.sites, 1)
	}
	minSites, wantSites := n*(chrome+3), n*(chrome+want.rows)
	airy := n * (chrome + want.rows + want.air)
	minDNS, wantDNS := chrome+1, chrome+want.dns
	minBottom := chrome + 1
	wantBottom := chrome + max(want.advice, 2)
	if !l.split {
		wantBottom = 2*chrome + want.advice + 3
		minBottom = chrome + 2
	}
	if n > 1 {
		minSites = n * (chrome + 2)
	}
	l.sites, l.dns, l.bottom = minSites, minDNS, minBottom
	left := h - l.sites - l.dns - l.bottom
	if left < 0 {
		// very low: the DNS block goes first, then the bottom shrinks
		l.dns = max(l.dns+left, 0)
		l.bottom = max(h-l.sites-l.dns, 0)
		l.sites = h - l.dns - l.bottom
		return l
	}
	grow := func(have *int, want int) {
		d := min(max(want-*have, 0), left)
		*have += d
		left -= d
	}
	grow(&l.dns, wantDNS)
	switch cut := wantSites-l.sites > left; {
	case want.calm && (!cut || !l.split):
		grow(&l.sites, airy)
	default: // sites that are cut anyway leave the advice its first lines
		grow(&l.bottom, min(wantBottom, max(h/4, 5)))
		grow(&l.sites, wantSites)
	}
	grow(&l.bottom, wantBottom)
	grow(&l.sites, airy)
	l.bottom += left
	return l
}
