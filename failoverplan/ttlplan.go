package failoverplan

import (
	"cmp"
	"fmt"
	"strings"
)

// Choreography of TTLs for a planned switch: lower them, let the old ones run out, switch,
// and put them back once the run is committed. Meanwhile every way back is quick.

// SetKey names one record set at a provider.
type SetKey struct{ Name, Type, Provider string }

// autoTTL in seconds is what a TTL of 1 stands for where the floor is higher: "automatic"
// (Cloudflare: 300 s).
const autoTTL = 300

// lives is how long, in seconds, an answer with the TTL is remembered.
func lives(ttl, floor uint32) uint32 {
	if ttl == 1 && floor > 1 {
		return autoTTL
	}
	return ttl
}

// choreograph rewrites the plan's changes for a planned switch and returns the seconds
// that the old TTLs take to run out; 0 = every TTL is short already.
func choreograph(r Request, p *Plan) (wait uint32) {
	want := make(map[string]uint32, len(r.Topology.Domains))
	for _, d := range r.Topology.Domains {
		want[d.Name] = cmp.Or(d.SwitchTTL, DefaultSwitchTTL)
	}
	for n := range p.DNS {
		z := &p.DNS[n]
		floor := floor(r, z.Zone)
		lower := ZoneChange{Zone: z.Zone, Provider: z.Provider, Also: z.Also}
		for i := range z.Changes {
			c := &z.Changes[i]
			low := max(want[c.After.Name], floor)
			old := lives(c.Before.TTL, r.MinTTL[z.Provider])
			if len(c.Before.Values) > 0 && old > low {
				short := c.Before
				short.TTL = low
				lower.Changes = append(lower.Changes, RecordChange{Station: c.Station, Before: c.Before, After: short})
				wait = max(wait, old)
			} else if len(c.Before.Values) > 0 {
				low = c.Before.TTL
			}
			home := c.Before.TTL
			if len(c.Before.Values) == 0 {
				home = c.After.TTL
			}
			c.Before.TTL = short(c.Before, low)
			c.After.TTL = short(c.After, low)
			owe(r, p, z, *c, home)
		}
		if len(lower.Changes) > 0 {
			p.Lower = append(p.Lower, lower)
		}
	}
	return wait
}

// raised says of each zone whose sets get a longer TTL than the configuration asks for that
// its providers take none as short.
func raised(r Request, p *Plan) (why []string) {
	want := make(map[string]uint32, len(r.Topology.Domains))
	for _, d := range r.Topology.Domains {
		want[d.Name] = d.TTL
	}
	told := map[string]bool{}
	for _, z := range p.DNS {
		floor := floor(r, z.Zone)
		for _, c := range z.Changes {
			if ttl := c.After.TTL; !told[z.Zone] && len(c.After.Values) > 0 && ttl > want[c.After.Name] && ttl <= floor {
				told[z.Zone] = true
				why = append(why, fmt.Sprintf("%s: TTL %d s in place of the %d s of the configuration, because %s is not known to take a lower one (write ttl: %ds at its domains)",
					z.Zone, ttl, want[c.After.Name], strings.Join(append([]string{z.Provider}, z.Also...), " or "), ttl))
			}
		}
	}
	return why
}

// owed adds to a plan that lowers nothing what an earlier run, not committed, still owes.
func owed(r Request, p *Plan) {
	if len(r.OwedTTL) == 0 {
		return
	}
	for n := range p.DNS {
		z := &p.DNS[n]
		for _, c := range z.Changes {
			owe(r, p, z, c, c.After.TTL)
		}
	}
}

// owe notes the TTL that a set gets back after the commit: what an earlier run that was
// never committed owes it, else home.
func owe(r Request, p *Plan, z *ZoneChange, c RecordChange, home uint32) {
	if ttl, ok := r.OwedTTL[SetKey{Name: c.After.Name, Type: c.After.Type, Provider: z.Provider}]; ok {
		home = ttl
	}
	if len(c.After.Values) == 0 || home == c.After.TTL {
		return
	}
	if k := len(p.Restore); k == 0 || p.Restore[k-1].Zone != z.Zone || p.Restore[k-1].Provider != z.Provider {
		p.Restore = append(p.Restore, ZoneChange{Zone: z.Zone, Provider: z.Provider, Also: z.Also})
	}
	after := c.After
	after.TTL = home
	last := &p.Restore[len(p.Restore)-1]
	last.Changes = append(last.Changes, RecordChange{Station: c.Station, Before: c.After, After: after})
}

func short(s RecordSet, low uint32) uint32 {
	if len(s.Values) == 0 {
		return s.TTL
	}
	return low
}
