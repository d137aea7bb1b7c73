package powerdns

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

const hintRearm = "nothing was changed: read the zone again (dutyops dns arm), then switch"

var (
	_ dnsproviders.HandleCodec = (*Provider)(nil)
	_ dnsproviders.WriteProber = (*Provider)(nil)
)

// Arm implements dnsproviders.Armer: one GET of the zone. Its handle is the zone with no
// other sets than those of the names. Errors are *dnsproviders.Error.
func (p *Provider) Arm(ctx context.Context, zone string, names []string) (dnsproviders.Arming, error) {
	o, err := p.begin(ctx, "arm", zone)
	if err != nil {
		return dnsproviders.Arming{}, err
	}
	at := p.effort.Now()
	z, err := o.get(ctx, "")
	if err != nil {
		return dnsproviders.Arming{}, err
	}
	a := dnsproviders.NewArming(o.Zone, names, z.live().Of(names), at)
	a.Handle = z.only(names)
	return a, nil
}

// only is the zone with the sets of some names.
func (z *zone) only(names []string) *zone {
	want := make(map[string]bool, len(names))
	for _, n := range names {
		want[dnsproviders.CanonicalName(n)] = true
	}
	c := &zone{Name: z.Name, Kind: z.Kind, SOAEditAPI: z.SOAEditAPI, sets: map[effort.Key]*rrset{}, dynamic: map[string]string{}}
	for k, s := range z.sets {
		if want[k.Name] {
			c.sets[k] = s
		}
	}
	for n, typ := range z.dynamic {
		if want[n] {
			c.dynamic[n] = typ
		}
	}
	return c
}

// ApplyArmed implements dnsproviders.Armer: one PATCH, believed when the server says that
// it is committed. The API cannot compare: what somebody else has changed in these sets
// since the Arming is overwritten. Receipt.Held is what was committed. A zone whose serial dutyops has to move costs a GET of
// its SOA before, one with secondaries to tell a NOTIFY after. Receipt.Serial is set only
// where it was read. Errors are those of ApplyInspected.
func (p *Provider) ApplyArmed(ctx context.Context, a dnsproviders.Arming, changes []dnsproviders.Change) (rc dnsproviders.Receipt, err error) {
	start := p.effort.Now()
	o, err := p.begin(ctx, "apply", a.Zone)
	if err != nil {
		return rc, err
	}
	defer func() { rc.APICalls, rc.Took, rc.RequestID = o.Calls, p.effort.Now().Sub(start), o.RequestID }()
	z, todo, err := o.ground(a, changes)
	if err != nil {
		return rc, err
	}
	if len(todo) == 0 {
		return rc, nil
	}
	if z.still() {
		if z, err = o.withSOA(ctx, z); err != nil {
			return rc, err
		}
	}
	rc, err = o.write(ctx, z, todo, rc, false)
	if err == nil {
		rc.Held = z.follows(a, todo, p.effort.Now())
	}
	return rc, err
}

// ground compares the changes with an arming and returns those that are not made; nothing
// is sent.
func (o *op) ground(a dnsproviders.Arming, changes []dnsproviders.Change) (*zone, []dnsproviders.Change, error) {
	canon, err := a.Check(changes)
	if err != nil {
		return nil, nil, err
	}
	z, ok := a.Handle.(*zone)
	if !ok {
		return nil, nil, o.Fail(dnsproviders.ErrConflict, "what is held ready is not this provider's", hintRearm, nil)
	}
	if err := o.writable(z, canon); err != nil {
		return nil, nil, err
	}
	live := z.live()
	if err := o.Compare(live, canon); err != nil {
		return nil, nil, err
	}
	return z, effort.Todo(live, canon), nil
}

// follows is the arming that holds once the changes are committed.
func (z *zone) follows(a dnsproviders.Arming, todo []dnsproviders.Change, at time.Time) *dnsproviders.Arming {
	next := z.only(a.Names)
	for _, s := range z.replaced(todo) {
		k := effort.Key{Name: dnsproviders.CanonicalName(s.Name), Type: s.Type}
		delete(next.sets, k)
		if s.ChangeType == "REPLACE" {
			next.sets[k] = &rrset{Name: k.Name, Type: k.Type, TTL: s.TTL, Records: s.Records}
		}
	}
	held := a.With(todo, at)
	held.Sets, held.Handle = next.live().Of(a.Names), next
	return &held
}

// withSOA is z with the SOA of now: a serial of yesterday would take the zone back.
func (o *op) withSOA(ctx context.Context, z *zone) (*zone, error) {
	now, err := o.get(ctx, o.Zone)
	if err != nil {
		return nil, err
	}
	c := *z
	c.sets = make(map[effort.Key]*rrset, len(z.sets)+1)
	for k, s := range z.sets {
		c.sets[k] = s
	}
	k := effort.Key{Name: o.Zone, Type: "SOA"}
	if c.sets[k] = now.sets[k]; c.sets[k] == nil {
		delete(c.sets, k)
	}
	return &c, nil
}

// handleVersion changes with the form of handleFile.
const handleVersion = 1

type handleFile struct {
	Version    int     `json:"version"`
	Provider   string  `json:"provider"`
	Name       string  `json:"name"`
	Kind       string  `json:"kind"`
	SOAEditAPI string  `json:"soa_edit_api"`
	RRsets     []rrset `json:"rrsets"`
}

// EncodeHandle implements dnsproviders.HandleCodec.
func (p *Provider) EncodeHandle(handle any) (json.RawMessage, error) {
	z, ok := handle.(*zone)
	if !ok {
		return nil, fmt.Errorf("powerdns: a handle of another provider (%T)", handle)
	}
	f := handleFile{Version: handleVersion, Provider: kind, Name: z.Name, Kind: z.Kind, SOAEditAPI: z.SOAEditAPI, RRsets: []rrset{}}
	for _, s := range z.sets {
		f.RRsets = append(f.RRsets, *s)
	}
	slices.SortFunc(f.RRsets, func(a, b rrset) int {
		return effort.Key{Name: a.Name, Type: a.Type}.Compare(effort.Key{Name: b.Name, Type: b.Type})
	})
	return json.Marshal(f)
}

// DecodeHandle implements dnsproviders.HandleCodec.
func (p *Provider) DecodeHandle(data json.RawMessage) (any, error) {
	var f handleFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("powerdns: unreadable handle: %w", err)
	}
	if f.Version != handleVersion || f.Provider != kind {
		return nil, fmt.Errorf("powerdns: a handle of version %d of %q, expected version %d of %q: arm again", f.Version, f.Provider, handleVersion, kind)
	}
	if f.Name == "" || f.Kind == "" || f.RRsets == nil {
		return nil, fmt.Errorf("powerdns: unreadable handle: it lacks the zone's name, kind or sets")
	}
	z := &zone{Name: f.Name, Kind: f.Kind, SOAEditAPI: f.SOAEditAPI, RRsets: f.RRsets}
	if err := z.index(); err != nil {
		return nil, fmt.Errorf("powerdns: unreadable handle: %w", err)
	}
	return z, nil
}

// ProbeWrite implements dnsproviders.WriteProber: the zone is read and one set written as
// it is, disabled records included. The server moves the zone's serial all the same. It
// cannot compare: what somebody does to this one set between the two is undone.
func (p *Provider) ProbeWrite(ctx context.Context, zone, name string) (w dnsproviders.WriteProof, err error) {
	start := p.effort.Now()
	o, err := p.begin(ctx, "probe write", zone)
	if err != nil {
		return w, err
	}
	defer func() { w.APICalls, w.Took = o.Calls, p.effort.Now().Sub(start) }()
	// The whole zone: the filtered form leaves disabled records out.
	z, err := o.get(ctx, "")
	if err != nil {
		return w, err
	}
	live := z.live().Of([]string{name})
	if len(live) == 0 {
		return w, o.Fail(dnsproviders.ErrRejected, name+" has no record that could be written", "name one with an A, AAAA, CNAME or HTTPS record", nil)
	}
	as := dnsproviders.Change{Before: live[0], After: live[0]}
	if err := o.writable(z, []dnsproviders.Change{as}); err != nil {
		return w, err
	}
	w.What = fmt.Sprintf("%s %s, TTL %d, as it is", as.Before.Name, as.Before.Type, as.Before.TTL)
	body, err := z.patch([]dnsproviders.Change{as})
	if err != nil {
		return w, o.Fail(dnsproviders.ErrRejected, err.Error(), "nothing was sent", err)
	}
	// One try: a write that fails now and then is what a probe is to show.
	if f := o.Call(ctx, func(ctx context.Context) error { return o.patch(ctx, body) }); f != nil {
		return w, f.Err
	}
	return w, nil
}
