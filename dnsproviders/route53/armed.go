package route53

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

// Kind is what the configuration calls this provider.
const Kind = "route53"

// held is the handle of an Arming: the zone's id and the record sets of its names, of
// every type, as the API gave them. Read only.
type held struct {
	zoneID string
	sets   sets
}

// Arm implements dnsproviders.Armer: one request for each 300 sets between the first and
// the last of the names. Errors are *dnsproviders.Error.
func (p *Provider) Arm(ctx context.Context, zone string, names []string) (a dnsproviders.Arming, err error) {
	o, err := p.begin(ctx, "arm", zone)
	if err != nil {
		return a, err
	}
	id, err := o.zoneID(ctx)
	if err != nil {
		return a, err
	}
	at := p.effort.Now()
	all, err := o.list(ctx, names)
	if err != nil {
		return a, err
	}
	a = dnsproviders.NewArming(o.Zone, names, all.live().Of(names), at)
	for k := range all {
		if _, asked := slices.BinarySearch(a.Names, k.Name); !asked {
			delete(all, k)
		}
	}
	a.Handle = &held{zoneID: id, sets: all}
	return a, nil
}

// ApplyArmed implements dnsproviders.Armer: one request (one for each 500 sets of one
// value); the server compares. Receipt.Held is what was written. Errors are those of ApplyInspected.
func (p *Provider) ApplyArmed(ctx context.Context, a dnsproviders.Arming, changes []dnsproviders.Change) (rc dnsproviders.Receipt, err error) {
	start := p.effort.Now()
	o, err := p.begin(ctx, "apply", a.Zone)
	if err != nil {
		return rc, err
	}
	defer func() { o.receipt(&rc, start) }()
	h, canon, err := o.ground(a, changes)
	if err != nil {
		return rc, err
	}
	o.known = h.zoneID
	rc.Changed, err = o.carry(ctx, h.sets, changes, canon)
	if err == nil {
		rc.Held = h.follows(a, canon, p.effort.Now())
	}
	return rc, err
}

// ground compares the changes with an arming; nothing is sent.
func (o *op) ground(a dnsproviders.Arming, changes []dnsproviders.Change) (*held, []dnsproviders.Change, error) {
	canon, err := a.Check(changes)
	if err != nil {
		return nil, nil, err
	}
	h, ok := a.Handle.(*held)
	if !ok {
		return nil, nil, o.Fail(dnsproviders.ErrConflict, "what is held ready is not this provider's", "arm again; nothing was sent", nil)
	}
	return h, canon, o.check(h.sets, canon)
}

// follows is the arming that holds once the changes are made. Should the API show a value
// otherwise than it was written, the next switch is refused by its comparison, and reads.
func (h *held) follows(a dnsproviders.Arming, canon []dnsproviders.Change, at time.Time) *dnsproviders.Arming {
	next := &held{zoneID: h.zoneID, sets: maps.Clone(h.sets)}
	for _, it := range h.sets.build(h.sets.live(), canon) {
		k := effort.KeyOf(it.change)
		delete(next.sets, k)
		if it.fresh != nil {
			next.sets.add(*it.fresh)
		}
	}
	held := a.With(canon, at)
	held.Sets, held.Handle = next.sets.live().Of(a.Names), next
	return &held
}

// Foretell implements dnsproviders.Foreteller.
func (p *Provider) Foretell(a dnsproviders.Arming, changes []dnsproviders.Change) (dnsproviders.Arming, error) {
	o := &op{Op: effort.Begin(p.effort, "foretell", a.Zone), p: p}
	h, canon, err := o.ground(a, changes)
	if err != nil {
		return dnsproviders.Arming{}, err
	}
	return *h.follows(a, canon, a.At), nil
}

// handleVersion changes with the form of a handle that was put away.
const handleVersion = 1

type handleFile struct {
	Version int                       `json:"version"`
	ZoneID  string                    `json:"zone_id"`
	Sets    []types.ResourceRecordSet `json:"sets"`
}

// EncodeHandle implements dnsproviders.HandleCodec.
func (p *Provider) EncodeHandle(handle any) (json.RawMessage, error) {
	h, ok := handle.(*held)
	if !ok {
		return nil, fmt.Errorf("route53: a handle of another provider (%T)", handle)
	}
	f := handleFile{Version: handleVersion, ZoneID: h.zoneID}
	for _, group := range h.sets {
		f.Sets = append(f.Sets, group...)
	}
	slices.SortStableFunc(f.Sets, func(a, b types.ResourceRecordSet) int {
		return strings.Compare(aws.ToString(a.Name)+" "+string(a.Type), aws.ToString(b.Name)+" "+string(b.Type))
	})
	return json.Marshal(f)
}

// DecodeHandle implements dnsproviders.HandleCodec.
func (p *Provider) DecodeHandle(data json.RawMessage) (any, error) {
	var f handleFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("route53: unreadable handle: %w", err)
	}
	if f.Version != handleVersion || f.ZoneID == "" {
		return nil, fmt.Errorf("route53: a handle of version %d, expected version %d with a zone id: arm again", f.Version, handleVersion)
	}
	h := &held{zoneID: f.ZoneID, sets: sets{}}
	for i, s := range f.Sets {
		if aws.ToString(s.Name) == "" || s.Type == "" {
			return nil, fmt.Errorf("route53: unreadable handle: set %d lacks a name or type", i+1)
		}
		h.sets.add(s)
	}
	return h, nil
}

// ProbeWrite implements dnsproviders.WriteProber: DELETE and CREATE of the same set in
// one transaction. It needs the rights of a switch and no others.
func (p *Provider) ProbeWrite(ctx context.Context, zone, name string) (w dnsproviders.WriteProof, err error) {
	start := p.effort.Now()
	o, err := p.begin(ctx, "probe write", zone)
	if err != nil {
		return w, err
	}
	defer func() { w.APICalls, w.Took = o.Calls, p.effort.Now().Sub(start) }()
	name = dnsproviders.CanonicalName(name)
	all, err := o.list(ctx, []string{name})
	if err != nil {
		return w, err
	}
	for _, typ := range dnsproviders.Types() {
		group := all[effort.Key{Name: name, Type: typ}]
		if len(group) != 1 || special(group[0]) != "" {
			continue
		}
		id, err := o.zoneID(ctx)
		if err != nil {
			return w, err
		}
		s := group[0]
		w.What = fmt.Sprintf("%s %s, TTL %d, as it is", name, typ, aws.ToInt64(s.TTL))
		// One try: a write that fails now and then is what a probe is to show.
		if f := o.Call(ctx, func(ctx context.Context) error {
			return o.send(ctx, id, elements([]item{{gone: &s, fresh: &s}}))
		}); f != nil {
			return w, f.Err
		}
		return w, nil
	}
	return w, o.Fail(dnsproviders.ErrRejected, name+" has no plain set that may be written",
		"name one with an A, AAAA, CNAME or HTTPS set that is no alias and has no set identifier", nil)
}

// Script implements dnsproviders.Scripter with commands of AWS's own tool. It needs an
// Arming: what is deleted must be named to the letter.
func (p *Provider) Script(zone string, changes []dnsproviders.Change, armed *dnsproviders.Arming) (string, error) {
	if armed == nil {
		return "", errors.New("the commands need the live sets to the letter and none are held ready: run dutyops dns arm while the API answers")
	}
	o := &op{Op: effort.Begin(p.effort, "script", zone)}
	if armed.Zone != o.Zone {
		return "", fmt.Errorf("what is held ready is of %s", armed.Zone)
	}
	h, canon, err := o.ground(*armed, changes)
	if err != nil {
		return "", err
	}
	batches, err := pack(h.sets.build(h.sets.live(), canon))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("#!/bin/sh\n# Needs AWS CLI; it reads AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or its profile.\n")
	fmt.Fprintf(&b, "# Sets as they were at %s; Route 53 compares once more and refuses the whole command when one differs.\nset -e\n", armed.At.UTC().Format("2006-01-02T15:04:05Z"))
	for _, batch := range batches {
		text, err := json.Marshal(changeBatch(elements(batch)))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "aws route53 change-resource-record-sets --hosted-zone-id %s --change-batch file:///dev/stdin <<'DUTYOPS'\n%s\nDUTYOPS\n", h.zoneID, text)
	}
	return b.String(), nil
}

// changeBatch is the JSON that the AWS CLI takes, which leaves out what is not set.
func changeBatch(changes []types.Change) any {
	type value struct{ Value string }
	type set struct {
		Name, Type      string
		TTL             int64
		ResourceRecords []value
	}
	type change struct {
		Action            string
		ResourceRecordSet set
	}
	out := struct {
		Comment string
		Changes []change
	}{Comment: "dutyops"}
	for _, c := range changes {
		s := set{Name: aws.ToString(c.ResourceRecordSet.Name), Type: string(c.ResourceRecordSet.Type), TTL: aws.ToInt64(c.ResourceRecordSet.TTL)}
		for _, r := range c.ResourceRecordSet.ResourceRecords {
			s.ResourceRecords = append(s.ResourceRecords, value{aws.ToString(r.Value)})
		}
		out.Changes = append(out.Changes, change{string(c.Action), s})
	}
	return out
}
