package backend

import "time"

// DNSSummary is the verification board in short, for the picture of health.
type DNSSummary struct {
	// Authoritative and Resolvers: how many answers say what the name points at.
	Authoritative DNSShare `json:"authoritative"`
	Resolvers     DNSShare `json:"resolvers"`
	// OldUntil is the last end of an old answer at a watched resolver; absent when none is old.
	OldUntil time.Time `json:"old_until,omitzero"`
	// Checked is when the board was last looked at in this process (`dns check`, the
	// console); Bad and Warn count what it found. Absent when it never was.
	Checked time.Time `json:"checked,omitzero"`
	Bad     int       `json:"bad,omitempty"`
	Warn    int       `json:"warn,omitempty"`
}

// summarize counts the answers of a picture; the findings are those of the last look.
func summarize(ds []DomainStatus, board DNSSummary) *DNSSummary {
	s := board
	for _, d := range ds {
		for _, a := range d.Authoritative {
			if a.Found {
				continue
			}
			s.Authoritative.Total++
			if a.Error == "" && a.Site == d.PointsAt {
				s.Authoritative.New++
			}
		}
		for _, a := range d.Resolvers {
			s.Resolvers.Total++
			if a.Error == "" && a.Site == d.PointsAt {
				s.Resolvers.New++
			}
			if a.OldUntil != nil && a.OldUntil.After(s.OldUntil) {
				s.OldUntil = *a.OldUntil
			}
		}
	}
	return &s
}

// boardSummary is what a look found, without the answers.
func boardSummary(b DNSBoard) DNSSummary {
	s := DNSSummary{Checked: b.At}
	for _, f := range b.Findings {
		switch f.Level {
		case "bad":
			s.Bad++
		case "warn":
			s.Warn++
		}
	}
	return s
}
