package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

const (
	hintReplan = "make a new plan from the live records and look at who changed them"
	hintRead   = "nothing is lost: run the check (or resume) once the server answers; it reads what the zone holds"
)

// item is one change; n is its place in the caller's list.
type item struct {
	n      int
	change dnsproviders.Change
}

// Apply implements dnsproviders.Provider: one signed message with a prerequisite for
// every Before (several messages when they do not fit in one). A message that is on its
// way is not cut off by ctx; between messages ctx ends the work.
//
// Errors are *dnsproviders.Error, or *dnsproviders.PartialError when some messages were
// carried out. After ErrConflict, ErrAuth, ErrForbidden, ErrNotFound and ErrRejected
// nothing was changed; after ErrUnavailable nothing was changed when last read; after
// ErrUncertain only a later Read can tell. Receipt.APICalls counts update messages and
// the question for the new serial.
func (p *Provider) Apply(ctx context.Context, zone string, changes []dnsproviders.Change) (rc dnsproviders.Receipt, err error) {
	start := p.now()
	o, err := p.begin(ctx, "apply", zone)
	if err != nil {
		return rc, err
	}
	defer func() { rc.APICalls, rc.Took = o.calls, p.now().Sub(start) }()
	canon, err := dnsproviders.CanonicalChanges(o.zone, changes)
	if err != nil {
		return rc, o.fail(dnsproviders.ErrRejected, err.Error(), "correct the change; nothing was sent", err)
	}
	if rc, err = o.write(ctx, changes, canon); err != nil {
		return rc, err
	}
	rc.Serial = o.serial(ctx)
	return rc, nil
}

// write sends the changes in as few messages as they fit in.
func (o *op) write(ctx context.Context, changes, canon []dnsproviders.Change) (rc dnsproviders.Receipt, err error) {
	items := make([]item, len(canon))
	for i, c := range canon {
		items[i] = item{i, c}
	}
	queue, err := o.pack(items)
	if err != nil {
		return rc, err
	}
	for len(queue) > 0 {
		if cerr := ctx.Err(); cerr != nil {
			err = o.fail(dnsproviders.ErrUnavailable, "cancelled before a message was sent", "", cerr)
			break
		}
		if err = o.send(ctx, queue[0]); err != nil {
			break
		}
		rc.Changed += count(queue[0])
		queue = queue[1:]
	}
	left := slices.Concat(queue...)
	if err != nil {
		if len(left) == len(items) {
			return rc, err
		}
		pe := &dnsproviders.PartialError{Err: err}
		waiting := map[int]bool{}
		for _, it := range left {
			waiting[it.n] = true
		}
		for i, c := range changes {
			if waiting[i] {
				pe.Left = append(pe.Left, c)
			} else {
				pe.Done = append(pe.Done, c)
			}
		}
		return rc, pe
	}
	return rc, nil
}

// count is the number of changes that change something.
func count(items []item) int {
	n := 0
	for _, it := range items {
		if it.change.Stand(it.change.Before) != dnsproviders.New {
			n++
		}
	}
	return n
}

// message builds the update of the items (RFC 2136 sections 2.4 and 2.5): every Before as
// a value-dependent prerequisite, then per name all removals before all additions, so
// that an address may make room for an alias in the same message.
func message(zone string, items []item) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(zone))
	m.Compress = true // 1,000 names: 53 kB instead of 98 kB
	var order []string
	byName := map[string][]item{}
	for _, it := range items {
		n := it.change.Before.Name
		if _, seen := byName[n]; !seen {
			order = append(order, n)
		}
		byName[n] = append(byName[n], it)
	}
	for _, n := range order {
		var add []dns.RR
		for _, it := range byName[n] {
			c := it.change
			// The helpers change the records they get: each gets records of its own.
			must, err := rr.Wire(c.Before.Name, c.Before.Type, 0, c.Before.Values)
			if err != nil {
				return nil, err
			}
			anyOf := []dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: dns.Fqdn(n), Rrtype: rr.Code(c.Before.Type), Class: dns.ClassINET}}}
			if len(must) > 0 {
				m.Used(must)
			} else {
				m.RRsetNotUsed(anyOf)
			}
			if c.Stand(c.Before) == dnsproviders.New {
				continue // compared only
			}
			if len(c.Before.Values) == 0 {
				m.RRsetNotUsed(alone(byName[n], c.After))
			}
			if len(must) > 0 {
				m.RemoveRRset(anyOf)
			}
			news, err := rr.Wire(c.After.Name, c.After.Type, c.After.TTL, c.After.Values)
			if err != nil {
				return nil, err
			}
			add = append(add, news...)
		}
		m.Insert(add)
	}
	return m, nil
}

// besides are the types that a name may have and a switch does not know.
var besides = []uint16{
	dns.TypeTXT, dns.TypeMX, dns.TypeNS, dns.TypeSRV, dns.TypeCAA, dns.TypeSVCB, dns.TypePTR, dns.TypeNAPTR,
	dns.TypeTLSA, dns.TypeSSHFP, dns.TypeDNAME, dns.TypeDS, dns.TypeSOA, dns.TypeURI, dns.TypeLOC,
}

// alone are the sets that must not exist when set is created: an alias stands alone. A
// server ignores the addition of one that does not, or of anything beside an alias, and
// still answers that all is well (RFC 2136 section 3.4.2.2; BIND 9.18 does): the removals
// before it would leave a hole.
func alone(items []item, set dnsproviders.RRset) []dns.RR {
	types := []uint16{dns.TypeCNAME}
	if set.Type == "CNAME" {
		types = slices.Concat([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS}, besides)
	}
	var out []dns.RR
	for _, t := range types {
		if !slices.ContainsFunc(items, func(it item) bool { return rr.Code(it.change.Before.Type) == t }) {
			out = append(out, &dns.ANY{Hdr: dns.RR_Header{Name: dns.Fqdn(set.Name), Rrtype: t, Class: dns.ClassINET}})
		}
	}
	return out
}

// aliased names the first item that has to stand alone.
func aliased(items []item) string {
	for _, it := range items {
		if c := it.change; len(c.Before.Values) == 0 && c.After.Type == "CNAME" {
			return c.After.Name
		}
	}
	return ""
}

// probe builds an update that changes nothing: the set as prerequisite, and one record of
// it added where it is.
func probe(zone string, s dnsproviders.RRset) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(zone))
	// The helpers change the records they get: each gets records of its own.
	must, err := rr.Wire(s.Name, s.Type, 0, s.Values)
	if err != nil {
		return nil, err
	}
	again, err := rr.Wire(s.Name, s.Type, s.TTL, s.Values[:1])
	if err != nil {
		return nil, err
	}
	m.Used(must)
	m.Insert(again)
	return m, nil
}

// pack divides the items into as few messages as fit, all sets of one name in one.
func (o *op) pack(items []item) ([][]item, error) {
	if len(items) == 0 {
		return nil, nil
	}
	m, err := message(o.zone, items)
	if err != nil {
		return nil, o.fail(dnsproviders.ErrRejected, err.Error(), "correct the change; nothing was sent", err)
	}
	if m.Len() <= o.p.limit {
		return [][]item{items}, nil
	}
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b item) int { return strings.Compare(a.change.Before.Name, b.change.Before.Name) })
	cut := len(items) / 2
	same := func(i int) bool { return items[i].change.Before.Name == items[i-1].change.Before.Name }
	for cut < len(items) && same(cut) {
		cut++
	}
	if cut == len(items) {
		cut = len(items) / 2
		for cut > 0 && same(cut) {
			cut--
		}
	}
	if cut == 0 {
		return nil, o.fail(dnsproviders.ErrRejected, items[0].change.Before.Name+" alone does not fit in one message",
			"a name's sets switch in one message; this name has too many values", nil)
	}
	a, err := o.pack(items[:cut])
	if err != nil {
		return nil, err
	}
	b, err := o.pack(items[cut:])
	return append(a, b...), err
}

// failure is an update that was not confirmed.
type failure struct {
	err *dnsproviders.Error
	// unsure: it may have been carried out, only reading tells.
	unsure bool
	// late: it may even be carried out after we have read.
	late bool
}

// send carries out one message. A lost answer is settled by reading. The message is
// sent once more when it was not carried out: its prerequisites make that safe even if
// the first one arrives late.
func (o *op) send(ctx context.Context, items []item) error {
	late := false
	for try := 1; ; try++ {
		f := o.update(context.WithoutCancel(ctx), items)
		if f == nil {
			return nil
		}
		again := try == 1 && o.left() > 0 && ctx.Err() == nil
		switch {
		case errors.Is(f.err, dnsproviders.ErrConflict) && !late:
			return o.explain(ctx, items, f.err)
		case !f.unsure && !late: // not sent, or refused
			if again && errors.Is(f.err, dnsproviders.ErrUnavailable) {
				o.p.opt.OnRetry(o.zone, 2, f.err)
				continue
			}
			return f.err
		}
		made, left, bad, err := o.settle(ctx, items)
		switch {
		case err != nil:
			return o.uncertain(f.err, "and the zone could not be read back")
		case len(bad) > 0:
			return o.uncertain(f.err, bad[0]+", neither before nor after")
		case left == 0:
			return nil
		case made > 0:
			return o.uncertain(f.err, fmt.Sprintf("%d of %d sets are new, the others are as before", made, len(items)))
		}
		late = late || f.late
		switch {
		case again && o.left() > 0:
			o.p.opt.OnRetry(o.zone, 2, f.err)
		case late:
			return o.uncertain(f.err, "a re-read shows nothing changed, but the message may still be carried out")
		default:
			return f.err // answered, and not carried out
		}
	}
}

// update sends the items' message once; nil = carried out.
func (o *op) update(ctx context.Context, items []item) *failure {
	m, err := message(o.zone, items)
	if err != nil {
		return &failure{err: o.fail(dnsproviders.ErrRejected, err.Error(), "correct the change; nothing was sent", err)}
	}
	return o.sendOnce(ctx, m)
}

// sendOnce sends one message; nil = carried out.
func (o *op) sendOnce(ctx context.Context, m *dns.Msg) *failure {
	c, err := o.dial(ctx)
	if err != nil {
		return &failure{err: o.asError(err)}
	}
	defer c.close()
	o.calls++
	r, sent, err := c.exchange(ctx, m)
	switch {
	case r != nil && r.Rcode != dns.RcodeSuccess:
		// A refusal is believed without a signature: servers do not sign to a key they do not know.
		return &failure{err: o.judge(r), unsure: r.Rcode == dns.RcodeServerFailure}
	case err != nil:
		return &failure{err: o.asError(err), unsure: sent, late: sent}
	}
	return nil
}

func (o *op) asError(err error) *dnsproviders.Error {
	var e *dnsproviders.Error
	if errors.As(err, &e) {
		return e
	}
	return o.fail(dnsproviders.ErrUnavailable, "no usable answer: "+err.Error(), hintPath, err)
}

func (o *op) uncertain(cause *dnsproviders.Error, detail string) error {
	// The cause goes in as text only: its kind (a conflict at a second try, say) promises
	// that nothing was changed, and that is not so here.
	return o.fail(dnsproviders.ErrUncertain, cause.Detail+"; "+detail, hintRead, errors.New(cause.Error()))
}

// explain reads which Before does not hold; the server only says that one does not.
func (o *op) explain(ctx context.Context, items []item, cause *dnsproviders.Error) error {
	live, err := o.live(ctx, items)
	if err != nil {
		return cause
	}
	var bad []string
	for _, it := range items {
		l := live[question{it.change.Before.Name, it.change.Before.Type}]
		if !slices.Equal(l.Values, it.change.Before.Values) {
			bad = append(bad, fmt.Sprintf("%s %s is %s, the plan expects %s", it.change.Before.Name, it.change.Before.Type,
				text(l.Values), text(it.change.Before.Values)))
		}
	}
	if n := aliased(items); n != "" && len(bad) == 0 {
		cause.Detail += ": " + n + " has records of another type (TXT, MX, ...), and an alias stands alone"
		return cause
	}
	if len(bad) == 0 {
		cause.Detail += "; but a re-read shows what the plan expects: somebody is changing the zone now"
		return cause
	}
	cause.Detail += ": " + bad[0]
	if len(bad) > 1 {
		cause.Detail += fmt.Sprintf("; and %d more of %d sets", len(bad)-1, len(items))
	}
	return cause
}

func text(vs []string) string {
	if len(vs) == 0 {
		return "absent"
	}
	return strings.Join(vs, " ")
}

// settle reads the zone and counts the items that are made and left; bad lists those
// that are neither. It may exceed the budget by one Timeout.
func (o *op) settle(ctx context.Context, items []item) (made, left int, bad []string, err error) {
	live, err := o.live(ctx, items)
	if err != nil {
		return 0, len(items), nil, err
	}
	for _, it := range items {
		l := live[question{it.change.Before.Name, it.change.Before.Type}]
		switch it.change.Stand(l) {
		case dnsproviders.New:
			made++
		case dnsproviders.Old:
			left++
		case dnsproviders.Other:
			bad = append(bad, fmt.Sprintf("%s %s is %s", it.change.Before.Name, it.change.Before.Type, text(l.Values)))
		}
	}
	return made, left, bad, nil
}

func (o *op) live(ctx context.Context, items []item) (map[question]dnsproviders.RRset, error) {
	was := o.end
	defer func() { o.end = was }()
	if end := o.p.now().Add(o.p.opt.Timeout); end.After(o.end) {
		o.end = end
	}
	qs := make([]question, len(items))
	for i, it := range items {
		qs[i] = question{it.change.Before.Name, it.change.Before.Type}
	}
	sets, err := o.ask(context.WithoutCancel(ctx), qs)
	if err != nil {
		return nil, err
	}
	m := make(map[question]dnsproviders.RRset, len(sets))
	for _, s := range sets {
		m[question{s.Name, s.Type}] = s
	}
	return m, nil
}

// serial asks for the zone's serial; 0 when that fails, which is no failure of the change.
func (o *op) serial(ctx context.Context) uint32 {
	c, err := o.dial(ctx)
	if err != nil {
		return 0
	}
	defer c.close()
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(o.zone), dns.TypeSOA)
	m.RecursionDesired = false
	o.calls++
	r, _, err := c.exchange(ctx, m)
	if r == nil || err != nil && !errors.Is(err, errUnsigned) {
		return 0
	}
	for _, x := range r.Answer {
		if s, ok := x.(*dns.SOA); ok {
			return s.Serial
		}
	}
	return 0
}
