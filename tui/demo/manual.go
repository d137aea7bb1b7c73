package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/dutyops/dutyops/backend"
)

// Manual implements backend.Face: one script and one list of updates, there and back.
func (w *World) Manual(_ context.Context, req backend.PlanRequest) (backend.Manual, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, err := w.plan(req)
	if err != nil {
		return backend.Manual{}, err
	}
	m := backend.Manual{At: w.opt.Now(), Kind: p.Kind, From: p.From, To: p.To, PlanHash: p.Hash, BlockedBy: p.Blocked()}
	if w.APIDown {
		m.Notes = []string{"zone gss.example.test at cloudflare is printed from the reading of 2026-01-12 09:29:40, for the provider does not answer: read zone gss.example.test: the provider is not available: 503"}
	}
	for i, z := range p.DNS {
		for _, back := range []bool{false, true} {
			for _, form := range []string{"sh", "nsupdate"} {
				part := backend.ManualPart{Zone: z.Zone, Provider: z.Provider, Kind: "cloudflare", Back: back, Records: len(z.Changes), Form: backend.ManualShell}
				if form != "sh" {
					part.Form = backend.ManualNsupdate
				}
				var b strings.Builder
				fmt.Fprintf(&b, "# Zone %s at Cloudflare: %d of %d record sets in 1 requests.\n", z.Zone, len(z.Changes), len(z.Changes))
				for _, c := range z.Changes {
					to := c.After
					if back {
						to = c.Before
					}
					fmt.Fprintf(&b, "update add %s. %d IN %s %s\n", to.Name, to.TTL, to.Type, strings.Join(to.Values, " "))
				}
				part.Text = b.String()
				part.File = part.FileName(i + 1)
				m.Parts = append(m.Parts, part)
			}
		}
	}
	return m, nil
}
