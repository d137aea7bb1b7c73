package switching

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

// ErrGuard: a guard refuses the change; nothing was sent. Test with errors.Is.
var ErrGuard = errors.New("refused by a guard; nothing was changed")

// GuardError is a guard's refusal (promise 6). It is ErrGuard and
// dnsproviders.ErrRejected to errors.Is.
type GuardError struct {
	// Gate is the guard's name: zone, provider, names, once, never-empty, address, ttl, together.
	Gate       string
	Zone       string
	Evidence   string
	ClearsWhen string
}

func (e *GuardError) Error() string {
	return fmt.Sprintf("switch %s: %v: %s: %s; clears when %s", e.Zone, ErrGuard, e.Gate, e.Evidence, e.ClearsWhen)
}

// Unwrap makes errors.Is see both kinds.
func (e *GuardError) Unwrap() []error { return []error{ErrGuard, dnsproviders.ErrRejected} }

// TTL bounds of what may be written, in seconds. 1 is Cloudflare's "automatic", which
// taking a change back may have to restore.
const (
	minTTL = 1
	maxTTL = 86400
)

// Check holds the guards against a change that can be judged without looking at the
// zone. The error is a *GuardError.
func (s *Switch) Check(zc failoverplan.ZoneChange) error {
	_, err := s.checked(zc)
	return err
}

// checked returns the canonical changes of a zone change that passes the guards.
func (s *Switch) checked(zc failoverplan.ZoneChange) ([]dnsproviders.Change, error) {
	refuse := func(gate, clears, format string, args ...any) error {
		return &GuardError{Gate: gate, Zone: zc.Zone, Evidence: fmt.Sprintf(format, args...), ClearsWhen: clears}
	}
	if _, ok := s.zones[dnsproviders.CanonicalName(zc.Zone)]; !ok {
		return nil, refuse("zone", "the zone is in the configuration", "zone %q is not configured", zc.Zone)
	}
	if s.opt.Providers[zc.Provider] == nil {
		return nil, refuse("provider", "the provider is in the configuration", "there is no provider %q", zc.Provider)
	}
	if len(zc.Changes) == 0 {
		return nil, refuse("names", "the plan changes something", "the change of the zone is empty")
	}
	raw := make([]dnsproviders.Change, len(zc.Changes))
	for i, c := range zc.Changes {
		raw[i] = toChange(c)
	}
	cs, err := dnsproviders.CanonicalChanges(zc.Zone, raw)
	if err != nil {
		return nil, refuse("names", "the change is made anew from the live records", "%v", err)
	}
	const anew = "a plan is made that keeps an address for every name"
	for _, c := range cs {
		n, typ := c.After.Name, c.After.Type
		switch {
		case len(c.After.Values) == 0 && typ != "AAAA" && typ != "HTTPS":
			return nil, refuse("never-empty", anew, "%s %s would be removed", n, typ)
		case len(c.After.Values) == 0 && typ == "AAAA" && !slices.ContainsFunc(cs, func(o dnsproviders.Change) bool {
			return o.After.Name == n && o.After.Type == "A" && len(o.After.Values) > 0
		}):
			return nil, refuse("never-empty", anew, "%s AAAA would be removed and no A of the name is in the same change", n)
		case len(c.Before.Values) == 0 && (typ == "A" || typ == "CNAME"):
			return nil, refuse("never-empty", "the record exists: a switch re-points names, it does not make them",
				"%s %s does not exist before, so taking the change back would have to empty it", n, typ)
		case len(c.After.Values) > 0 && (c.After.TTL < minTTL || c.After.TTL > maxTTL):
			return nil, refuse("ttl", fmt.Sprintf("the TTL is between %d and %d s", minTTL, maxTTL), "%s %s would get a TTL of %d s", n, typ, c.After.TTL)
		}
		if typ == "A" || typ == "AAAA" {
			for _, v := range c.After.Values {
				if a := netip.MustParseAddr(v); a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() {
					return nil, refuse("address", "the gateway's address in the configuration is one that users can reach", "%s %s would become %s", n, typ, v)
				}
			}
		}
	}
	// What the change itself knows of a name must hold together.
	if err := together(zc.Zone, cs, nil); err != nil {
		return nil, err
	}
	return cs, nil
}

// together refuses a change that moves one address type of a name and leaves another, or
// an address hint of an HTTPS record, behind. live holds all live sets of the names.
func together(zone string, cs []dnsproviders.Change, live []dnsproviders.RRset) error {
	const clears = "A, AAAA and HTTPS hints of the name are in one change"
	refuse := func(format string, args ...any) error {
		return &GuardError{Gate: "together", Zone: zone, Evidence: fmt.Sprintf(format, args...), ClearsWhen: clears}
	}
	after := map[string][]string{} // addresses that a name has afterwards, as far as they change
	moved := map[string]bool{}
	in := map[key]bool{}
	for _, c := range cs {
		in[key{c.After.Name, c.After.Type}] = true
		if c.After.Type != "HTTPS" {
			after[c.After.Name] = append(after[c.After.Name], c.After.Values...)
			moved[c.After.Name] = moved[c.After.Name] || !slices.Equal(c.Before.Values, c.After.Values)
		}
	}
	hints := func(name string, values []string) error {
		for _, v := range values {
			hs, err := dnsproviders.HTTPSHints(v)
			if err != nil {
				return refuse("%s HTTPS %q cannot be read: %v", name, v, err)
			}
			for _, h := range hs {
				if moved[name] && !slices.Contains(after[name], h) {
					return refuse("%s HTTPS hints at %s, which is none of the new addresses", name, h)
				}
			}
		}
		return nil
	}
	for _, c := range cs {
		if c.After.Type == "HTTPS" {
			if err := hints(c.After.Name, c.After.Values); err != nil {
				return err
			}
		}
	}
	for _, l := range live {
		if in[key{l.Name, l.Type}] || !moved[l.Name] {
			continue
		}
		if l.Type == "HTTPS" {
			if err := hints(l.Name, l.Values); err != nil {
				return err
			}
			continue
		}
		return refuse("%s %s is %s and would stay behind", l.Name, l.Type, text(l.Values))
	}
	return nil
}
