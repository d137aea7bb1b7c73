package rfc2136

import (
	"context"
	"fmt"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

var (
	_ dnsproviders.Armer       = (*Provider)(nil)
	_ dnsproviders.WriteProber = (*Provider)(nil)
)

// Arm implements dnsproviders.Armer: it reads the names. Records have no ids here, so
// Arming.Handle is nil. Errors are *dnsproviders.Error.
func (p *Provider) Arm(ctx context.Context, zone string, names []string) (dnsproviders.Arming, error) {
	at := p.now()
	sets, err := p.Read(ctx, zone, names)
	if err != nil {
		return dnsproviders.Arming{}, err
	}
	return dnsproviders.NewArming(zone, names, sets, at), nil
}

// ApplyArmed implements dnsproviders.Armer: the update message alone (several when they do
// not fit in one). The server compares by itself, so an Arming that is out of date ends in
// ErrConflict and in nothing else. The zone is read only when an answer is lost, and to
// explain a conflict; Receipt.Serial stays 0, for it would cost a question.
func (p *Provider) ApplyArmed(ctx context.Context, a dnsproviders.Arming, changes []dnsproviders.Change) (rc dnsproviders.Receipt, err error) {
	start := p.now()
	o, err := p.begin(ctx, "apply", a.Zone)
	if err != nil {
		return rc, err
	}
	defer func() { rc.APICalls, rc.Took = o.calls, p.now().Sub(start) }()
	canon, err := a.Check(changes)
	if err != nil {
		return rc, err
	}
	return o.write(ctx, changes, canon)
}

// ProbeWrite implements dnsproviders.WriteProber: the name is read, and one message adds a
// record that is there already, with the whole set as its prerequisite. Servers ignore
// such an addition (RFC 2136 section 3.4.2.2) after they have checked key and rights.
func (p *Provider) ProbeWrite(ctx context.Context, zone, name string) (w dnsproviders.WriteProof, err error) {
	start := p.now()
	sets, err := p.Read(ctx, zone, []string{name})
	if err != nil {
		return w, err
	}
	o, err := p.begin(ctx, "probe write", zone)
	if err != nil {
		return w, err
	}
	took := func() time.Duration { return p.now().Sub(start) }
	if len(sets) == 0 {
		return w, o.fail(dnsproviders.ErrRejected, fmt.Sprintf("%s has no record that could be written", name),
			"name one with an A, AAAA, CNAME or HTTPS record", nil)
	}
	s := sets[0]
	w.What = fmt.Sprintf("%s %s, TTL %d, as it is", s.Name, s.Type, s.TTL)
	m, err := probe(o.zone, s)
	if err != nil {
		return w, o.fail(dnsproviders.ErrRejected, err.Error(), "nothing was sent", err)
	}
	// One try: a write that fails now and then is what a probe is to show.
	f := o.sendOnce(ctx, m)
	w.APICalls, w.Took = o.calls, took()
	if f != nil {
		return w, f.err
	}
	return w, nil
}
