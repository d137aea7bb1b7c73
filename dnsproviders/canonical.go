package dnsproviders

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

// CanonicalName returns a domain name in lower case without the trailing dot, the
// form of RRset.Name.
func CanonicalName(s string) string { return rr.Name(s) }

// Types lists the record types that providers read and write: A, AAAA, CNAME, HTTPS.
func Types() []string { return rr.Types() }

// Canonical returns the set in the form in which sets are compared: canonical name,
// upper-case type, canonical values sorted without duplicates. The error names the
// set and the value that has no such form. The receiver is not changed.
func (s RRset) Canonical() (RRset, error) {
	s.Name, s.Type = rr.Name(s.Name), strings.ToUpper(s.Type)
	if !rr.Known(s.Type) {
		return s, fmt.Errorf("%s: record type %q cannot be switched; expected one of %s", s.Name, s.Type, strings.Join(rr.Types(), ", "))
	}
	if !rr.ValidName(s.Name) {
		return s, fmt.Errorf("%q is not a domain name", s.Name)
	}
	vs, err := rr.Values(s.Type, s.Values)
	if err != nil {
		return s, fmt.Errorf("%s %s: %w", s.Name, s.Type, err)
	}
	s.Values = vs
	return s, nil
}

// SameValues says whether two canonical sets of one name and type hold exactly the
// same values. TTLs are not compared: no server lets a TTL be a prerequisite (RFC 2136
// section 2.4.2), and providers report "automatic" in ways of their own.
func (s RRset) SameValues(o RRset) bool {
	return s.Name == o.Name && s.Type == o.Type && slices.Equal(s.Values, o.Values)
}

// Canonical returns the change with both sides canonical. Both must be of one name
// and type; a change that is neither creation, removal nor change of a set is refused.
func (c Change) Canonical() (Change, error) {
	var err error
	if c.Before, err = c.Before.Canonical(); err != nil {
		return c, fmt.Errorf("before: %w", err)
	}
	if c.After, err = c.After.Canonical(); err != nil {
		return c, fmt.Errorf("after: %w", err)
	}
	if c.Before.Name != c.After.Name || c.Before.Type != c.After.Type {
		return c, fmt.Errorf("before is %s %s and after is %s %s: a change is of one name and type",
			c.Before.Name, c.Before.Type, c.After.Name, c.After.Type)
	}
	if len(c.Before.Values) == 0 && len(c.After.Values) == 0 {
		return c, fmt.Errorf("%s %s: neither before nor after has a value", c.Before.Name, c.Before.Type)
	}
	return c, nil
}

// CanonicalChanges returns canonical changes in their order. It refuses a set that is
// outside the zone or named twice.
func CanonicalChanges(zone string, changes []Change) ([]Change, error) {
	zone = rr.Name(zone)
	seen := make(map[string]bool, len(changes))
	out := make([]Change, 0, len(changes))
	for _, c := range changes {
		c, err := c.Canonical()
		if err != nil {
			return nil, err
		}
		if !InZone(c.Before.Name, zone) {
			return nil, fmt.Errorf("%s is not in zone %s", c.Before.Name, zone)
		}
		k := c.Before.Type + " " + c.Before.Name
		if seen[k] {
			return nil, fmt.Errorf("%s %s is changed twice", c.Before.Name, c.Before.Type)
		}
		seen[k] = true
		out = append(out, c)
	}
	return out, nil
}

// InZone says whether name is the zone's apex or below it.
func InZone(name, zone string) bool {
	return name == zone || strings.HasSuffix(name, "."+zone)
}

// Standing is where one change stands in the world.
type Standing string

// The standings. Other means that the live set is neither before nor after.
const (
	Old   Standing = "old"
	New   Standing = "new"
	Other Standing = "other"
)

// Stand compares a canonical change with the live set (zero Values when it does not
// exist). Values decide; when before and after have the same values the TTL does.
func (c Change) Stand(live RRset) Standing {
	switch {
	case slices.Equal(c.Before.Values, c.After.Values):
		switch {
		case !slices.Equal(live.Values, c.After.Values):
			return Other
		case live.TTL == c.After.TTL || c.Before.TTL == c.After.TTL:
			return New
		}
		return Old
	case slices.Equal(live.Values, c.After.Values):
		return New
	case slices.Equal(live.Values, c.Before.Values):
		return Old
	}
	return Other
}

// HTTPSHints returns the addresses in the ipv4hint and ipv6hint of one HTTPS value
// (RFC 9460 section 7.3). Clients may use them before A and AAAA arrive, so a switch
// that leaves them behind sends users to the old site.
func HTTPSHints(value string) ([]string, error) { return rr.Hints(value) }
