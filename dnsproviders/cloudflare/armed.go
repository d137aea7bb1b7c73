package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

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
	canon, err := a.Check(changes)
	if err != nil {
		return rc, err
	}
	h, ok := a.Handle.(*handle)
	if !ok {
		return rc, o.fail(dnsproviders.ErrConflict, "the arming holds no record ids of this provider", "arm the zone again; nothing was sent", nil)
	}
	m := index(h.Records)
	if bad := compare(m, canon); len(bad) > 0 {
		return rc, o.conflict(bad, len(canon))
	}
	if bad := crowded(m, o.zone, canon); bad != "" {
		return rc, o.fail(dnsproviders.ErrRejected, bad, hintAlone, nil)
	}
	if id, _, known := p.zone(o.zone); !known {
		p.learnZone(o.zone, h.ZoneID, h.Limit)
	} else if id != h.ZoneID {
		return rc, o.fail(dnsproviders.ErrConflict, "the zone has another id now than when it was armed", "arm the zone again; nothing was sent", nil)
	}
	return o.write(ctx, changes, items(m, canon))
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
