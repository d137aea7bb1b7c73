package switching

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/propagation"
	"github.com/dutyops/dutyops/failoverplan"
)

// Caller asks the service behind a name at one of its addresses, as a user would; ok is
// false when the name has no such service. It is given by whoever knows the service, and
// must be safe for concurrent use and come back in bounded time.
type Caller func(ctx context.Context, name string, addr netip.Addr) (answer Called, ok bool)

// Called is what came of a call.
type Called struct {
	// State is one of the Service states.
	State  string
	Status int
	// Site whose address it is; ServedBy is the site that the answer names.
	Site, ServedBy string
	// TLSUntil is the end of the certificate.
	TLSUntil time.Time
	// TLS is how TLS failed, in ServiceUntrusted: expired, not-yet-valid, wrong-name, unknown-ca, ...
	TLS  string
	Took time.Duration
	Err  error
}

// States of a service at an address.
const (
	ServiceOK        = "ok"
	ServiceSilent    = "silent"
	ServiceStatus    = "status"
	ServiceUntrusted = "tls"
	// ServiceOther: another site answers than the one whose address it is.
	ServiceOther = "other-site"
	// ServiceNotAsked says nothing about the service: no route, or own settings.
	ServiceNotAsked = "not-asked"
)

// ServiceLine is the service of one name at one address of it.
type ServiceLine struct {
	Name    string `json:"name"`
	Family  string `json:"family"` // ipv4, ipv6
	Address string `json:"address"`
	// Site whose address it is, "" when it is none's.
	Site string `json:"site,omitempty"`
	// Through are the resolvers that send users there; empty when so far only the
	// authoritative servers give the address. Never nil.
	Through []string `json:"through"`
	State   string   `json:"state"`
	Status  int      `json:"status,omitempty"`
	// ServedBy is the site that the answer names.
	ServedBy string    `json:"served_by,omitempty"`
	TLSUntil time.Time `json:"tls_until,omitzero"`
	TookMS   float64   `json:"took_ms,omitempty"`
	Error    string    `json:"error,omitempty"`

	tls, zone string
}

// ServiceShare counts lines of one family.
type ServiceShare struct {
	OK    int `json:"ok"`
	Total int `json:"total"`
}

// Services is what users find at the names.
type Services struct {
	// Lines by name, IPv4 before IPv6; never nil.
	Lines []ServiceLine `json:"lines"`
	IPv4  ServiceShare  `json:"ipv4"`
	IPv6  ServiceShare  `json:"ipv6"`
	// NotAsked is how many calls were left to later looks, because there are too many for one.
	NotAsked int `json:"not_asked"`
}

// services asks the service of every name at every address that a resolver or the truth
// gives. nil when nobody says how to ask.
func (s *Switch) services(ctx context.Context, rows []Row, ts map[key]truth, domains []failoverplan.Domain) *Services {
	if s.opt.Service == nil {
		return nil
	}
	lines := serviceLines(append(s.aliased(ctx, domains), rows...), ts)
	from, count := s.callers.turn(len(lines))
	left := len(lines) - count
	if left > 0 {
		lines = slices.Concat(lines, lines)[from : from+count]
		slices.SortFunc(lines, byService)
	}
	out := &Services{NotAsked: left, Lines: []ServiceLine{}}
	asked := make([]bool, len(lines))
	now := s.opt.Now()
	s.callers.recall(lines, asked, now)
	recalled := slices.Clone(asked)
	byAddr := map[string][]int{}
	for i, l := range lines {
		if !asked[i] {
			byAddr[l.Address] = append(byAddr[l.Address], i)
		}
	}
	var wg sync.WaitGroup
	for _, at := range byAddr {
		wg.Go(func() { s.callAll(ctx, lines, at, asked) })
	}
	wg.Wait()
	s.callers.remember(lines, asked, recalled, now)
	for i, l := range lines {
		if !asked[i] {
			continue
		}
		share := &out.IPv4
		if l.Family == "ipv6" {
			share = &out.IPv6
		}
		out.Lines = append(out.Lines, l)
		if l.State == ServiceNotAsked {
			continue
		}
		share.Total++
		if l.State == ServiceOK {
			share.OK++
		}
	}
	return out
}

// servicesAfter asks the services when a run has waited for the resolvers, also when its
// time is over: what users find then belongs into the evidence. It takes no longer than a
// call or two.
func (s *Switch) servicesAfter(ctx context.Context, rows []Row) *Services {
	if context.Cause(ctx) != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil // a person has stopped the run
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callsWithin)
	defer cancel()
	ts := make(map[key]truth, len(rows))
	for i := range rows {
		ts[key{rows[i].Name, rows[i].Type}] = truth{values: rows[i].Want, heard: true, agreed: true}
	}
	return s.services(ctx, rows, ts, nil)
}

// callAll asks the services at one address, a few at a time; when the first few are
// silent, the rest is taken for silent too.
func (s *Switch) callAll(ctx context.Context, lines []ServiceLine, at []int, asked []bool) {
	const probes = 3
	var silent atomic.Int32
	var wg sync.WaitGroup
	slots := make(chan struct{}, callsAtAddress)
	for n, i := range at {
		if n == probes {
			wg.Wait()
		}
		if silent.Load() >= probes {
			asked[i] = true
			lines[i].State, lines[i].Error = ServiceSilent, lines[at[0]].Error
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if asked[i] = s.call(ctx, &lines[i]); asked[i] && lines[i].State == ServiceSilent && n < probes {
				silent.Add(1)
			}
		})
	}
	wg.Wait()
}

func (s *Switch) call(ctx context.Context, l *ServiceLine) bool {
	addr, err := netip.ParseAddr(l.Address)
	if err != nil {
		return false
	}
	c, ok := s.opt.Service(ctx, l.Name, addr)
	if !ok {
		return false
	}
	l.State, l.Status, l.Site, l.ServedBy, l.TLSUntil, l.tls = c.State, c.Status, c.Site, c.ServedBy, c.TLSUntil, c.TLS
	l.TookMS = float64(c.Took.Microseconds()) / 1000
	if c.Err != nil {
		l.Error = c.Err.Error()
	}
	if l.State == ServiceOK && l.Site != "" && l.ServedBy != "" && l.Site != l.ServedBy {
		l.State = ServiceOther
	}
	return true
}

func byService(a, b ServiceLine) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Address, b.Address))
}

// serviceLines are the addresses that users are or will be given, each once per name.
func serviceLines(rows []Row, ts map[key]truth) []ServiceLine {
	type place struct{ name, address string }
	at := map[place]int{}
	var out []ServiceLine
	add := func(r *Row, values []string, through string) {
		family := map[string]string{"A": "ipv4", "AAAA": "ipv6"}[r.Type]
		for _, v := range values {
			if family == "" {
				return
			}
			k := place{r.Name, v}
			i, ok := at[k]
			if !ok {
				i = len(out)
				at[k] = i
				out = append(out, ServiceLine{Name: r.Name, Family: family, Address: v, Through: []string{}, zone: r.Zone})
			}
			if through != "" && !slices.Contains(out[i].Through, through) {
				out[i].Through = append(out[i].Through, through)
			}
		}
	}
	for i := range rows {
		r := &rows[i]
		switch {
		case !r.Authoritative && r.Err == nil:
			add(r, r.Got, r.Server)
		case r.Authoritative && !r.Found:
			add(r, ts[key{r.Name, r.Type}].values, "")
		}
	}
	slices.SortFunc(out, byService)
	return out
}

// aliased asks the resolvers for the addresses behind names that are aliases: those rows
// are not on the board, because the alias is.
func (s *Switch) aliased(ctx context.Context, domains []failoverplan.Domain) []Row {
	var qs []propagation.Question
	var zones []string
	for _, d := range domains {
		if !slices.Contains(d.Types, "CNAME") {
			continue
		}
		for _, t := range []string{"A", "AAAA"} {
			qs = append(qs, propagation.Question{Name: dnsproviders.CanonicalName(d.Name), Type: t})
			zones = append(zones, dnsproviders.CanonicalName(d.Zone))
		}
	}
	if len(qs) == 0 {
		return nil
	}
	var out []Row
	for i, a := range propagation.Check(ctx, s.resolvers(), qs, s.check()) {
		out = append(out, Row{Zone: zones[i%len(qs)], Server: a.Server, Name: a.Name, Type: a.Type, Got: a.Values, Err: a.Err})
	}
	return out
}

const defaultCertificateSoon = 14 * 24 * time.Hour

// services judges what users find; one finding of a kind per address.
func (f *finder) services(x *Services, soon time.Duration, now time.Time) {
	if x == nil {
		return
	}
	for _, l := range x.Lines {
		d := data{"name": l.Name, "address": l.Address, "error": l.Error}
		add := func(kind string, say saying) {
			f.add(kind, l.zone, l.Address, l.Name, "", say, d)
		}
		switch l.State {
		case ServiceSilent:
			add("service-silent", sayService)
		case ServiceStatus:
			add("service-error", sayService)
		case ServiceOther:
			d.with("site", l.Site).with("got", l.ServedBy)
			add("service-other-site", sayOtherSite)
		case ServiceUntrusted:
			kind := map[string]string{"expired": "tls-expired", "not-yet-valid": "tls-future", "wrong-name": "tls-wrong-name", "unknown-ca": "tls-unknown-ca"}[l.tls]
			if kind == "" {
				kind = "tls-broken"
			}
			add(kind, sayService)
		case ServiceNotAsked:
			add("service-not-asked", sayService)
		}
		if left := l.TLSUntil.Sub(now); !l.TLSUntil.IsZero() && left < soon && l.State != ServiceUntrusted {
			add("tls-soon", sayTLSSoon)
			d.with("time", l.TLSUntil.Local().Format(time.DateTime))
		}
	}
}

// Summary is the services in a line: "IPv4 3 of 3, IPv6 2 of 3"; "" when nothing was asked.
func (x *Services) Summary() string {
	if x == nil || x.IPv4.Total+x.IPv6.Total == 0 {
		return ""
	}
	var parts []string
	for _, s := range []struct {
		family string
		n      ServiceShare
	}{{"IPv4", x.IPv4}, {"IPv6", x.IPv6}} {
		if s.n.Total > 0 {
			parts = append(parts, fmt.Sprintf("%s %d of %d", s.family, s.n.OK, s.n.Total))
		}
	}
	return strings.Join(parts, ", ")
}
