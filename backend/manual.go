package backend

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/failoverplan"
)

// ManualPart is one zone's change printed in one form.
type ManualPart = switching.Part

// The forms of a ManualPart.
const (
	ManualShell    = switching.FormShell
	ManualNsupdate = switching.FormNsupdate
	ManualList     = switching.FormList
)

// Manual is a plan's DNS changes printed for a person, for the day on which dutyops cannot
// make them: as the providers' APIs take them and as nsupdate input, there and back. It
// holds no secret.
type Manual struct {
	At       time.Time             `json:"at"`
	Kind     failoverplan.PlanKind `json:"kind"`
	From     string                `json:"from"`
	To       string                `json:"to"`
	PlanHash string                `json:"plan_hash"`
	Parts    []ManualPart          `json:"parts"`
	// Notes say where the records of a zone are from whose provider does not answer.
	Notes []string `json:"notes"`
	// BlockedBy are the gates that would refuse a run of the plan: read them first.
	BlockedBy []failoverplan.Gate `json:"blocked_by"`
}

// Manual plans like Plan and prints the DNS changes. A zone whose provider does not answer
// is planned from what was held ready, or from its authoritative servers, and Notes says so.
// It changes nothing.
func (e *Engine) Manual(ctx context.Context, req PlanRequest) (Manual, error) {
	if e.Status().Warming {
		if _, err := e.Refresh(ctx); err != nil {
			return Manual{}, err
		}
	}
	owners := e.ownersAside(ctx)
	rs, notes := e.dns.LastKnown(ctx, e.topo.Domains)
	live, problems, also := sorted(rs)
	p, err := e.planFrom(ctx, req, <-owners, live, problems, also, nil)
	if err != nil {
		return Manual{}, err
	}
	m := Manual{
		At: e.now(), Kind: p.Kind, From: p.From, To: p.To, PlanHash: p.Hash, Parts: []ManualPart{},
		Notes: append([]string{}, notes...), BlockedBy: append([]failoverplan.Gate{}, p.Blocked()...),
	}
	for i, z := range p.DNS {
		for _, part := range e.dns.Manual(z) {
			part.File = part.FileName(i + 1)
			m.Parts = append(m.Parts, part)
		}
	}
	return m, nil
}

// Text is everything of one direction, part by part, for reading and copying.
func (m Manual) Text(back bool) string {
	var b strings.Builder
	for _, n := range m.Notes {
		fmt.Fprintf(&b, "# note: %s\n", n)
	}
	for _, p := range m.Parts {
		if p.Back == back {
			fmt.Fprintf(&b, "# ---- zone %s at %s (%s), %s: %s\n%s\n", p.Zone, p.Provider, p.Kind, p.Way(), p.File, p.Text)
		}
	}
	return b.String()
}

// Save writes every part into a file of its own in a new folder below dir and returns the
// folder. The files are for their owner only.
func (m Manual) Save(dir string) (string, error) {
	if len(m.Parts) == 0 {
		return "", fmt.Errorf("%w: the plan changes no record, so there is nothing to write down", ErrUsage)
	}
	into, err := filepath.Abs(filepath.Join(dir, fmt.Sprintf("dutyops-manual-%s-%s", m.Kind, m.At.UTC().Format("20060102T150405Z"))))
	if err != nil {
		return "", fmt.Errorf("save the manual commands: %w", err)
	}
	if err := os.MkdirAll(into, 0o700); err != nil {
		return "", fmt.Errorf("save the manual commands: %w; name a folder that you may write to", err)
	}
	for _, p := range m.Parts {
		if err := os.WriteFile(filepath.Join(into, p.File), []byte(p.Text), 0o600); err != nil {
			return "", fmt.Errorf("save the manual commands: %w", err)
		}
	}
	return into, nil
}
