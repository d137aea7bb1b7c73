package backend

import (
	"context"
	"fmt"
	"slices"

	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/failoverplan"
)

// ProviderAnswer is what the servers of one provider of a zone say of a name.
type ProviderAnswer struct {
	Provider string   `json:"provider"`
	Values   []string `json:"values"`
	Site     string   `json:"site,omitempty"`
}

// holder is the provider that a configured authoritative server answers from, where its
// zone has several; "" else.
func (e *Engine) holder(o switching.Observation) string {
	z, ok := e.cfg.ZoneNamed(o.Zone)
	if !ok || len(z.Also) == 0 || !o.Authoritative || o.Found {
		return ""
	}
	for _, t := range z.Also {
		if slices.Contains(t.Authoritative, o.Server) {
			return t.Provider
		}
	}
	return z.Provider
}

// differing groups the answers of authoritative servers by provider; nil where all that
// answer say the same, or one provider holds the zone.
func differing(as []ServerAnswer) []ProviderAnswer {
	var out []ProviderAnswer
	differ := false
	for _, a := range as {
		if a.Provider == "" || a.Error != "" || slices.ContainsFunc(out, func(p ProviderAnswer) bool { return p.Provider == a.Provider }) {
			continue // the servers of one provider are held against one another by the board
		}
		out = append(out, ProviderAnswer{Provider: a.Provider, Values: a.Values, Site: a.Site})
		differ = differ || !slices.Equal(out[0].Values, a.Values)
	}
	if !differ {
		return nil
	}
	return out
}

// evenBy is the command that makes the providers of a zone equal: the resume of the run
// that left one behind, else a switch to the site that serves.
func (e *Engine) evenBy(ctx context.Context, zone string) string {
	if rs, err := e.Runs(ctx); err == nil && len(rs) > 0 {
		r := rs[0] // newest first
		open := r.State == RunParked || r.State == RunInterrupted
		if open && r.Plan != nil && slices.ContainsFunc(r.Plan.DNS, func(z failoverplan.ZoneChange) bool { return z.Zone == zone }) {
			return fmt.Sprintf("dutyops runs resume %s --yes", r.ID)
		}
	}
	return fmt.Sprintf("dutyops failover --to %s --yes --reason TEXT", e.roles.Load().serving)
}

// compareProviders marks the names that the providers of their zone hold differently.
func (e *Engine) compareProviders(ctx context.Context, ds []DomainStatus) {
	by := map[string]string{} // by zone
	for i := range ds {
		d := &ds[i]
		if d.ByProvider = differing(d.Authoritative); d.ByProvider == nil {
			continue
		}
		zone := ""
		for _, t := range e.topo.Domains {
			if t.Name == d.Name {
				zone = t.Zone
			}
		}
		if by[zone] == "" {
			by[zone] = e.evenBy(ctx, zone)
		}
		d.EvenBy = by[zone]
	}
}
