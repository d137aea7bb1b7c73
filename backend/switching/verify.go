package switching

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/propagation"
	"github.com/dutyops/dutyops/failoverplan"
)

// ErrNotAgreed: some servers did not give the new answers in time. Test with errors.Is.
var ErrNotAgreed = errors.New("not every server gives the new answers")

// RowState is where one server is with one set.
type RowState string

// Row states. Silent servers gave no usable answer; see Row.Err.
const (
	RowNew    RowState = "new"
	RowOld    RowState = "old"
	RowOther  RowState = "other"
	RowSilent RowState = "silent"
)

// Row is one server's last answer for one changed set.
type Row struct {
	Server        string
	Authoritative bool
	Name, Type    string
	Want, Got     []string
	TTL, Serial   uint32
	State         RowState
	At            time.Time
	// OldUntil is when a cache that gave an answer other than the wanted one may still
	// give it; zero when it gave the wanted one or none.
	OldUntil time.Time
	Err      error
}

// Board is the state of a verification.
type Board struct {
	// Rows ordered by zone, server and change.
	Rows          []Row
	Agreed, Total int
	// OldUntil is the latest of all rows; zero when none is old.
	OldUntil time.Time
}

// Differences describes at most n rows that do not agree, for people, the first ones
// first, and how many more there are.
func (b Board) Differences(n int) []string {
	var out []string
	more := 0
	for _, r := range b.Rows {
		if r.State == RowNew {
			continue
		}
		if len(out) == n {
			more++
			continue
		}
		switch {
		case r.State == RowSilent:
			out = append(out, fmt.Sprintf("%s: %s %s: %v", r.Server, r.Name, r.Type, r.Err))
		case r.OldUntil.IsZero() || r.Authoritative:
			out = append(out, fmt.Sprintf("%s: %s %s is %s, expected %s", r.Server, r.Name, r.Type, text(r.Got), text(r.Want)))
		default:
			out = append(out, fmt.Sprintf("%s: %s %s is %s until %s", r.Server, r.Name, r.Type, text(r.Got), r.OldUntil.Local().Format("15:04:05")))
		}
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return out
}

// Pauses between two looks: the first and the longest.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// VerifyAuthoritative asks every authoritative server of every changed zone for every
// changed set, again and again, until all give exactly the new one or ctx ends. Rows
// that agreed are not asked again. The board is complete also with an error, which is
// ErrNotAgreed with what is missing.
func (s *Switch) VerifyAuthoritative(ctx context.Context, changes []failoverplan.ZoneChange) (Board, error) {
	return s.verify(ctx, changes, func(zone string) ([]propagation.Server, error) {
		z, ok := s.zones[zone]
		if !ok || len(z.Authoritative) == 0 {
			return nil, fmt.Errorf("zone %s has no authoritative servers in the configuration: add them under dns.zones", zone)
		}
		return z.servers(), nil
	})
}

// VerifyResolvers does the same with the watched resolvers; rows with an old answer
// carry its expiry. Without resolvers the board is empty.
func (s *Switch) VerifyResolvers(ctx context.Context, changes []failoverplan.ZoneChange) (Board, error) {
	servers := s.resolvers()
	return s.verify(ctx, changes, func(string) ([]propagation.Server, error) { return servers, nil })
}

func (s *Switch) resolvers() []propagation.Server {
	out := make([]propagation.Server, len(s.opt.Resolvers))
	for i, r := range s.opt.Resolvers {
		out[i] = propagation.Server{Name: r.Name, Addr: r.Address}
	}
	return out
}

// asked is one row with its question's server and the value before.
type asked struct {
	row    int
	zone   string
	server propagation.Server
	before []string
}

func (s *Switch) verify(ctx context.Context, changes []failoverplan.ZoneChange, servers func(zone string) ([]propagation.Server, error)) (Board, error) {
	var b Board
	var open []asked
	for _, zc := range changes {
		zone := dnsproviders.CanonicalName(zc.Zone)
		ss, err := servers(zone)
		if err != nil {
			return b, err
		}
		for _, srv := range ss {
			for _, rc := range zc.Changes {
				c, err := toChange(rc).Canonical()
				if err != nil {
					return b, fmt.Errorf("verify %s: %w", zone, err)
				}
				open = append(open, asked{row: len(b.Rows), zone: zone, server: srv, before: c.Before.Values})
				b.Rows = append(b.Rows, Row{
					Server: srv.Name, Authoritative: srv.Authoritative, Name: c.After.Name, Type: c.After.Type,
					Want: c.After.Values, State: RowSilent, Err: propagation.ErrNoAnswer,
				})
			}
		}
	}
	b.Total = len(b.Rows)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		open = s.look(ctx, &b, open)
		if len(open) == 0 {
			return b, nil
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
			continue
		case <-ctx.Done():
			t.Stop()
		}
		return b, fmt.Errorf("%w: %d of %d do: %s: %w", ErrNotAgreed, b.Agreed, b.Total, b.Differences(1)[0], ctx.Err())
	}
}

// look asks for the open rows once, side by side, and returns those that stay open.
func (s *Switch) look(ctx context.Context, b *Board, open []asked) []asked {
	// One Check per server: a server has its own list of open questions.
	type batch struct {
		server propagation.Server
		zones  []string
		rows   []asked
	}
	var batches []*batch
	at := map[string]*batch{}
	for _, a := range open {
		x := at[a.server.Addr]
		if x == nil {
			x = &batch{server: a.server}
			at[a.server.Addr] = x
			batches = append(batches, x)
		}
		if !slices.Contains(x.zones, a.zone) {
			x.zones = append(x.zones, a.zone)
		}
		x.rows = append(x.rows, a)
	}
	done := make(chan struct{})
	o := s.check()
	if o.Workers <= 0 {
		o.Workers = 16
	}
	o.Workers = max(1, o.Workers/len(batches))
	for _, x := range batches {
		go func() {
			defer func() { done <- struct{}{} }()
			qs := make([]propagation.Question, len(x.rows))
			for i, a := range x.rows {
				qs[i] = propagation.Question{Name: b.Rows[a.row].Name, Type: b.Rows[a.row].Type}
			}
			o := o
			o.Zones = x.zones
			for i, ans := range propagation.Check(ctx, []propagation.Server{x.server}, qs, o) {
				b.Rows[x.rows[i].row].fill(ans, x.rows[i].before) // rows of one server only
			}
		}()
	}
	for range batches {
		<-done
	}
	still := open[:0]
	for _, a := range open {
		if b.Rows[a.row].State != RowNew {
			still = append(still, a)
		}
	}
	b.Agreed, b.OldUntil = b.Total-len(still), time.Time{}
	for _, r := range b.Rows {
		if r.OldUntil.After(b.OldUntil) {
			b.OldUntil = r.OldUntil
		}
	}
	return still
}

func (r *Row) fill(a propagation.Answer, before []string) {
	if !r.At.IsZero() && (errors.Is(a.Err, context.Canceled) || errors.Is(a.Err, context.DeadlineExceeded)) {
		return // our own end says nothing new about the server
	}
	r.Got, r.TTL, r.Serial, r.At, r.Err = a.Values, a.TTL, a.Serial, a.At, a.Err
	r.OldUntil = propagation.OldUntil(a, r.Want)
	switch {
	case a.Err != nil:
		r.State = RowSilent
	case a.Same(r.Want):
		r.State = RowNew
	case a.Same(before):
		r.State = RowOld
	default:
		r.State = RowOther
	}
}
