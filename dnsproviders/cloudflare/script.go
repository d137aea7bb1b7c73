package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/curl"
)

var (
	_ dnsproviders.Scripter    = (*Provider)(nil)
	_ dnsproviders.Foreteller  = (*Provider)(nil)
	_ dnsproviders.WriteProber = (*Provider)(nil)
)

// offline is an operation that sends nothing and needs no token.
func (p *Provider) offline(name, zone string) *op {
	return &op{p: p, name: name, zone: dnsproviders.CanonicalName(zone)}
}

// Script implements dnsproviders.Scripter: the batches of ApplyArmed as curl commands. It
// needs an Arming for the record ids.
func (p *Provider) Script(zone string, changes []dnsproviders.Change, armed *dnsproviders.Arming) (string, error) {
	if armed == nil {
		return "", errors.New("the commands need record ids and none are held ready: run dutyops dns arm while the API answers")
	}
	o := p.offline("script", zone)
	if armed.Zone != o.zone {
		return "", fmt.Errorf("what is held ready is of %s", armed.Zone)
	}
	h, its, err := o.ground(*armed, changes)
	if err != nil {
		return "", err
	}
	batches, err := pack(its, h.Limit)
	if err != nil {
		return "", err
	}
	s := curl.Script{
		Header: "Authorization: Bearer ", Variable: "CLOUDFLARE_API_TOKEN",
		Comments: []string{
			fmt.Sprintf("Zone %s at Cloudflare: %d of %d record sets in %d request(s).", o.zone, len(its), len(changes), len(batches)),
			fmt.Sprintf("Records as they were at %s. The API does not compare: look at the records first. Each request is all or nothing.", armed.At.UTC().Format("2006-01-02T15:04:05Z")),
			"The secret is an API token with DNS:Edit on the zone.",
		},
	}
	for _, b := range batches {
		body, err := json.Marshal(merge(b))
		if err != nil {
			return "", err
		}
		s.Requests = append(s.Requests, curl.Request{Method: "POST", URL: p.opt.BaseURL + "zones/" + h.ZoneID + "/dns_records/batch", Body: string(body)})
	}
	return s.String(), nil
}

// Foretell implements dnsproviders.Foreteller; records that are created have no id yet.
func (p *Provider) Foretell(a dnsproviders.Arming, changes []dnsproviders.Change) (dnsproviders.Arming, error) {
	h, its, err := p.offline("foretell", a.Zone).ground(a, changes)
	if err != nil {
		return dnsproviders.Arming{}, err
	}
	b := merge(its)
	if n := len(b.Posts); n > 0 {
		return dnsproviders.Arming{}, fmt.Errorf("%d records are created on the way there, and Cloudflare gives their ids only then", n)
	}
	byID := make(map[string]record, len(h.Records))
	for _, r := range h.Records {
		byID[r.ID] = r
	}
	var res batchResult
	for _, x := range b.Patches {
		r := byID[x.ID]
		if x.want != "" {
			r.Content = x.want
		}
		if x.TTL != 0 {
			r.TTL = x.TTL
		}
		res.Patches = append(res.Patches, r)
	}
	for _, x := range b.Deletes {
		res.Deletes = append(res.Deletes, byID[x.ID])
	}
	return *h.after(res).arming(a, a.At), nil
}

// ProbeWrite implements dnsproviders.WriteProber: the zone is listed, and a batch of one
// patch gives one record the TTL that it has. That is the request, the token and the right
// of a switch; content, comment and proxying are not named, so nobody's change to them can
// be undone. The record's modified_on moves all the same.
func (p *Provider) ProbeWrite(ctx context.Context, zone, name string) (w dnsproviders.WriteProof, err error) {
	start := p.now()
	o, err := p.begin(ctx, "probe write", zone)
	if err != nil {
		return w, err
	}
	defer func() { w.APICalls, w.Took = o.calls, p.now().Sub(start) }()
	recs, err := o.list(ctx)
	if err != nil {
		return w, err
	}
	name = dnsproviders.CanonicalName(name)
	i := slices.IndexFunc(recs, func(r record) bool { return r.Name == name && slices.Contains(dnsproviders.Types(), r.Type) })
	if i < 0 {
		return w, o.fail(dnsproviders.ErrRejected, name+" has no record that could be written", "name one with an A, AAAA, CNAME or HTTPS record", nil)
	}
	r := recs[i]
	w.What = fmt.Sprintf("%s %s, TTL %d, as it is", r.Name, r.Type, r.TTL)
	b := batchBody{Patches: []patchOp{{ID: r.ID, TTL: r.TTL, of: key{r.Name, r.Type}}}}
	id, _, _ := p.zone(o.zone)
	// One try: a write that fails now and then is what a probe is to show.
	raw, f := o.batch(ctx, id, b)
	if f != nil {
		return w, f.err
	}
	res, err := decodeBatch(raw)
	if err != nil || !b.confirms(res) {
		return w, o.doubt(err).err
	}
	return w, nil
}
