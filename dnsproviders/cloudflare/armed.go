package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

var _ dnsproviders.HandleCodec = (*Provider)(nil)

// handleFormat is the version of what EncodeHandle writes.
const handleFormat = 1

// handle is what an arming holds beside its sets: everything that a batch names.
// Immutable.
type handle struct {
	Format  int      `json:"format"`
	ZoneID  string   `json:"zone_id"`
	Limit   int      `json:"batch_limit"`
	Records []record `json:"records"`
}

// Arm implements dnsproviders.Armer: one list request (one for every 5,000 records of the
// zone), one more the first time a zone is asked for. Errors are *dnsproviders.Error.
func (p *Provider) Arm(ctx context.Context, zone string, names []string) (dnsproviders.Arming, error) {
	o, err := p.begin(ctx, "arm zone", zone)
	if err != nil {
		return dnsproviders.Arming{}, err
	}
	recs, err := o.list(ctx)
	if err != nil {
		return dnsproviders.Arming{}, err
	}
	id, limit, _ := p.zone(o.zone)
	a := dnsproviders.NewArming(o.zone, names, rrsets(recs, names), p.now())
	h := &handle{Format: handleFormat, ZoneID: id, Limit: limit}
	for _, r := range recs {
		if _, ok := slices.BinarySearch(a.Names, r.Name); ok { // of every type: an alias stands alone
			h.Records = append(h.Records, r)
		}
	}
	a.Handle = h
	return a, nil
}

// ApplyArmed implements dnsproviders.Armer: one batch and no other request (several
// batches when the plan's limit demands it). The answer to a batch shows every record, so
// nothing is read back.
// Receipt.Held is made of that answer, so that the way back is one request, too.
//
// Errors are those of ApplyInspected. A record that is no longer there makes the API
// refuse the whole batch: ErrConflict when its set has changed, ErrRejected when only its
// id has; then, and when an answer is lost, the zone is read.
func (p *Provider) ApplyArmed(ctx context.Context, a dnsproviders.Arming, changes []dnsproviders.Change) (rc dnsproviders.Receipt, err error) {
	start := p.now()
	o, err := p.begin(ctx, "apply", a.Zone)
	if err != nil {
		return rc, err
	}
	defer func() {
		rc.APICalls, rc.Took, rc.RequestID = o.calls, p.now().Sub(start), o.ray
	}()
	h, items, err := o.ground(a, changes)
	if err != nil {
		return rc, err
	}
	if id, _, known := p.zone(o.zone); !known {
		p.learnZone(o.zone, h.ZoneID, h.Limit)
	} else if id != h.ZoneID {
		return rc, o.fail(dnsproviders.ErrConflict, "the zone has another id now than when it was armed", "arm the zone again; nothing was sent", nil)
	}
	rc, err = o.write(ctx, changes, items)
	if err == nil {
		rc.Held = o.follows(a, h)
	}
	return rc, err
}

// ground compares the changes with an arming and works out their operations; nothing is sent.
func (o *op) ground(a dnsproviders.Arming, changes []dnsproviders.Change) (*handle, []item, error) {
	canon, err := a.Check(changes)
	if err != nil {
		return nil, nil, err
	}
	h, ok := a.Handle.(*handle)
	if !ok {
		return nil, nil, o.fail(dnsproviders.ErrConflict, "the arming holds no record ids of this provider", "arm the zone again; nothing was sent", nil)
	}
	m := index(h.Records)
	if bad := compare(m, canon); len(bad) > 0 {
		return nil, nil, o.conflict(bad, len(canon))
	}
	if bad := crowded(m, o.zone, canon); bad != "" {
		return nil, nil, o.fail(dnsproviders.ErrRejected, bad, hintAlone, nil)
	}
	return h, items(m, canon), nil
}

// follows is the arming that holds after a write all of whose answers were read: the
// records are as the API showed them. nil when an answer was lost.
func (o *op) follows(a dnsproviders.Arming, h *handle) *dnsproviders.Arming {
	if o.unseen {
		return nil
	}
	next := h.after(o.seen)
	_, next.Limit, _ = o.p.zone(o.zone) // it may have shrunk
	return next.arming(a, o.p.now())
}

// after are the records once a batch was carried out that was answered with res.
func (h *handle) after(res batchResult) *handle {
	next := &handle{Format: h.Format, ZoneID: h.ZoneID, Limit: h.Limit, Records: make([]record, 0, len(h.Records)+len(res.Posts))}
	gone := make(map[string]bool, len(res.Deletes))
	for _, r := range res.Deletes {
		gone[r.ID] = true
	}
	patched := make(map[string]record, len(res.Patches))
	for _, r := range res.Patches {
		patched[r.ID] = r
	}
	for _, r := range h.Records {
		if p, ok := patched[r.ID]; ok {
			r = p
		}
		if !gone[r.ID] {
			next.Records = append(next.Records, r)
		}
	}
	next.Records = append(next.Records, res.Posts...)
	return next
}

// arming holds these records in the place of those of a.
func (h *handle) arming(a dnsproviders.Arming, at time.Time) *dnsproviders.Arming {
	return &dnsproviders.Arming{Zone: a.Zone, Names: a.Names, At: at, Sets: rrsets(h.Records, a.Names), Handle: h}
}

// EncodeHandle implements dnsproviders.HandleCodec.
func (p *Provider) EncodeHandle(h any) (json.RawMessage, error) {
	x, ok := h.(*handle)
	if !ok {
		return nil, errors.New("cloudflare: the handle is not one of this provider")
	}
	return json.Marshal(x)
}

// DecodeHandle implements dnsproviders.HandleCodec.
func (p *Provider) DecodeHandle(data json.RawMessage) (any, error) {
	var h handle
	if err := json.Unmarshal(data, &h); err != nil {
		return nil, fmt.Errorf("cloudflare: %w", err)
	}
	if h.Format != handleFormat {
		return nil, fmt.Errorf("cloudflare: the record ids have format %d, this version reads %d", h.Format, handleFormat)
	}
	if h.ZoneID == "" || h.Limit != freeBatch && h.Limit != paidBatch {
		return nil, errors.New("cloudflare: a zone id and a batch limit are needed")
	}
	for i := range h.Records {
		if err := h.Records[i].normalise(); err != nil {
			return nil, fmt.Errorf("cloudflare: %w", err)
		}
	}
	return &h, nil
}
