package compat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libdns/libdns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

// Kind is what the configuration calls this provider.
const Kind = "libdns"

// Backend is what a libdns module must be able to do. Sets are removed only through one
// that is a libdns.RecordDeleter as well.
type Backend interface {
	libdns.RecordGetter
	libdns.RecordSetter
}

// Settings are what a module is opened with; which of them it needs is in its Module.
type Settings struct {
	// Server is host:port; KeyName and KeyAlgorithm are of a TSIG key.
	Server, KeyName, KeyAlgorithm string
	// Secret is the token or the key.
	Secret string
}

// Module is what is known of one libdns module.
type Module struct {
	// Name is the last part of its import path.
	Name string
	// Open makes the module's provider. It opens no connection.
	Open func(Settings) Backend
	// MultiValue: it was seen that SetRecords leaves exactly the values it was given, also
	// when there are several. Other modules get sets of one value only.
	MultiValue bool
	// MinTTL in seconds, below which the module or its vendor silently raises a TTL.
	MinTTL uint32
	// Note is one sentence for the card.
	Note string
	// Classify says what the module's error means: a kind of dnsproviders, and whether the
	// vendor has answered (a write that was not answered may still be carried out). Kind
	// nil = not known. Nil = nothing is known of its errors.
	Classify func(error) (kind error, answered bool)
}

// Options configure a Provider.
type Options struct {
	Module Module
	// Settings without the secret.
	Settings Settings
	// Secret is called once per operation, so that a rotated one is seen.
	Secret func() (string, error)
	// Timeout of one call of the module; 0 = 5 s.
	Timeout time.Duration
	// Budget for all calls of one reading, and again of each set that is written; 0 = 10 s.
	Budget time.Duration
	// OnRetry is told before a reading is tried again; may be nil. It must not block.
	OnRetry func(RetryNotice)
}

// RetryNotice says that a reading is tried again, so that no waiting is hidden.
type RetryNotice = effort.Notice

// Provider is a dnsproviders.Provider on a libdns module. Safe for concurrent use on
// different zones; one writer per zone is the caller's duty.
type Provider struct {
	opt    Options
	effort effort.Options
}

var _ dnsproviders.Inspector = (*Provider)(nil)

// New returns a provider. It opens no connection. The error says which option is wrong.
func New(o Options) (*Provider, error) {
	if o.Module.Open == nil || o.Module.Name == "" {
		return nil, errors.New("libdns: a module is needed")
	}
	if o.Secret == nil {
		return nil, fmt.Errorf("libdns: module %s: its secret is needed", o.Module.Name)
	}
	return &Provider{opt: o, effort: effort.Options{Timeout: o.Timeout, Budget: o.Budget, OnRetry: o.OnRetry}.Defaults()}, nil
}

// Capabilities returns the provider's card.
func (p *Provider) Capabilities() dnsproviders.Capabilities {
	note := "Module " + p.opt.Module.Name + ". Not atomic and it cannot compare: one call and one reading of the zone per set, one after another, no write is repeated. " +
		"A change of type (alias to address) is refused: it would have a hole."
	if !p.opt.Module.MultiValue {
		note += " Sets of several values are refused."
	}
	if p.opt.Module.Note != "" {
		note += " " + p.opt.Module.Note
	}
	return dnsproviders.Capabilities{Kind: Kind, MaxBatch: 1, MinTTL: p.opt.Module.MinTTL, Note: note}
}

func (p *Provider) String() string { return "libdns(" + p.opt.Module.Name + ")" }

// op is one operation with the module's provider.
type op struct {
	*effort.Op
	p *Provider
	b Backend
}

func (p *Provider) begin(ctx context.Context, name, zone string) (*op, error) {
	o := &op{Op: effort.Begin(p.effort, name, zone), p: p}
	if err := ctx.Err(); err != nil {
		return nil, o.Fail(dnsproviders.ErrUnavailable, "cancelled before anything was asked", "", err)
	}
	secret, err := o.Secret("the secret", p.opt.Secret)
	if err != nil {
		return nil, err
	}
	s := p.opt.Settings
	s.Secret = secret
	o.b = p.opt.Module.Open(s)
	return o, nil
}

// Read returns the live sets of the names: one reading of the whole zone. Errors are
// *dnsproviders.Error.
func (p *Provider) Read(ctx context.Context, zone string, names []string) ([]dnsproviders.RRset, error) {
	o, err := p.begin(ctx, "read zone", zone)
	if err != nil {
		return nil, err
	}
	live, err := o.list(ctx)
	if err != nil {
		return nil, err
	}
	return live.Of(names), nil
}

// list reads the zone.
func (o *op) list(ctx context.Context) (effort.Live, error) {
	var live effort.Live
	if err := o.Op.Read(ctx, func(ctx context.Context) error {
		recs, err := isolated(ctx, func(ctx context.Context) ([]libdns.Record, error) { return o.b.GetRecords(ctx, o.Zone+".") })
		if err != nil {
			return o.judge(ctx, err)
		}
		live = sets(o.Zone, recs)
		return nil
	}); err != nil {
		return nil, err
	}
	return live, nil
}

// errPanic is a module that broke down.
var errPanic = errors.New("the module broke down")

// isolated calls a module so that neither a panic nor a hang of it can take dutyops with
// it: what does not return when ctx ends is left behind, and its result is dropped.
func isolated[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if x := recover(); x != nil {
				r.err = fmt.Errorf("%w: %v", errPanic, x)
			}
			done <- r
		}()
		r.v, r.err = call(ctx)
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// judge turns a module's error into a failure where its Classify knows what it means; a
// transport's error it gives back.
func (o *op) judge(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	detail := o.p.opt.Module.Name + ": " + err.Error()
	if errors.Is(err, errPanic) {
		return &effort.Failure{Sent: true, Err: o.Fail(dnsproviders.ErrUnavailable, detail, "report it to the module's makers; use another way to this zone", err)}
	}
	kind, answered := error(nil), false
	if c := o.p.opt.Module.Classify; c != nil {
		kind, answered = c(err)
	}
	if kind == nil {
		return fmt.Errorf("%s: %w", o.p.opt.Module.Name, err)
	}
	f := &effort.Failure{Sent: true, Answered: answered}
	hint := "the text is the module's own; correct the record or the configuration"
	switch {
	case errors.Is(kind, dnsproviders.ErrAuth):
		hint = "put a valid secret where the configuration points"
	case errors.Is(kind, dnsproviders.ErrForbidden):
		hint = "give the secret the rights of docs/providers/libdns.md for " + o.Zone
	case errors.Is(kind, dnsproviders.ErrNotFound):
		f.Refused, hint = true, "check the zone's name, and that the secret's account holds it"
	case errors.Is(kind, dnsproviders.ErrRejected):
		f.Refused = true
	case errors.Is(kind, dnsproviders.ErrRateLimited):
		f.Retry, f.Wait, hint = true, effort.RateWait, "wait and try again; other tools share the account's limits"
	default:
		f.Retry, hint = true, "the vendor has a problem of its own; see its status page"
	}
	f.Err = o.Fail(kind, detail, hint, err)
	f.Err.RetryAfter = f.Wait
	return f
}
