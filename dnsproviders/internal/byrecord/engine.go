package byrecord

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

// API is a vendor: how it lists a zone and changes one record. Safe for concurrent use.
type API interface {
	// List returns all enabled records of the zone, canonical.
	List(ctx context.Context, o *Op) ([]Record, *dnsproviders.Error)
	// Do carries out one step with one request and returns the record's id.
	Do(ctx context.Context, o *Op, s Step) (id string, f *Failure)
}

// Batcher is an API that can set one value on many records with one request.
type Batcher interface {
	// BatchSize is the most records of one request.
	BatchSize() int
	// Batch carries out updates that all set the same value and keep their TTL, and waits
	// for the end. refused holds, by record id, what the vendor says of records that it did
	// not change; reading tells about the others.
	Batch(ctx context.Context, o *Op, steps []Step) (refused map[string]string, f *Failure)
}

// Engine reads and changes zones through an API. Its fields are set before first use.
type Engine struct {
	API API
	// Standard is the vendor's default line.
	Standard string
	// KeyID and Key return the access key's id and its secret; called once per operation.
	KeyID, Key func() (string, error)
	// Timeout of one request. Budget for all failed tries and waits of one operation.
	Timeout, Budget time.Duration
	// Rate is writes per second; Parallel the names that are changed at the same time.
	Rate     float64
	Parallel int
	OnRetry  func(RetryNotice)
	HTTP     *http.Client
	// Now and Sleep are the clock.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error

	mu   sync.Mutex
	next time.Time // the next free slot of the token bucket
}

// Defaults fills in what is not set.
func (e *Engine) Defaults() {
	if e.Timeout <= 0 {
		e.Timeout = 5 * time.Second
	}
	if e.Budget <= 0 {
		e.Budget = 10 * time.Second
	}
	if e.Parallel <= 0 {
		e.Parallel = 4
	}
	if e.HTTP == nil {
		// A redirect could carry a write elsewhere; it is answered like garbage.
		e.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if e.OnRetry == nil {
		e.OnRetry = func(RetryNotice) {}
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Sleep == nil {
		e.Sleep = sleep
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// BaseURL checks an API address. The error says what was expected.
func BaseURL(s, standard string) (*url.URL, error) {
	if s == "" {
		s = standard
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("base_url: expected an http(s) URL such as " + standard)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("base_url must carry no user, password or query; the key has settings of its own")
	}
	if strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("base_url must have no path: the signature covers \"/\" only")
	}
	u.Path = "/"
	return u, nil
}

// pace waits for the next free slot of the token bucket (burst 1).
func (e *Engine) pace(ctx context.Context) error {
	if e.Rate <= 0 {
		return ctx.Err()
	}
	e.mu.Lock()
	now := e.Now()
	slot := e.next
	if slot.Before(now) {
		slot = now
	}
	e.next = slot.Add(time.Duration(float64(time.Second) / e.Rate))
	e.mu.Unlock()
	if d := slot.Sub(now); d > 0 {
		return e.Sleep(ctx, d)
	}
	return nil
}

// Begin starts an operation. Errors are *dnsproviders.Error.
func (e *Engine) Begin(ctx context.Context, name, zone string) (*Op, error) {
	const hint = "check access_key_id and the secret's reference of this provider in the configuration"
	o := &Op{e: e, Name: name, Zone: dnsproviders.CanonicalName(zone)}
	if err := ctx.Err(); err != nil {
		return nil, o.Fail(dnsproviders.ErrUnavailable, "cancelled before anything was asked", "", err)
	}
	for _, part := range []struct {
		what, never string
		read        func() (string, error)
		into        *string
	}{
		{"access key id", ",/", e.KeyID, &o.KeyID}, // they end an id in the signature's header
		{"secret", "", e.Key, &o.Secret},
	} {
		s, err := part.read()
		s = strings.TrimSpace(s)
		switch {
		case err != nil:
			return nil, o.Fail(dnsproviders.ErrAuth, "the "+part.what+" could not be read", hint, err)
		case s == "":
			return nil, o.Fail(dnsproviders.ErrAuth, "the "+part.what+" is empty", hint, nil)
		case strings.ContainsAny(s, part.never), strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
			return nil, o.Fail(dnsproviders.ErrAuth, "the "+part.what+" holds characters that none has", hint, nil)
		}
		*part.into = s
	}
	return o, nil
}

// Read returns the live sets of the names. Errors are *dnsproviders.Error.
func (e *Engine) Read(ctx context.Context, zone string, names []string) ([]dnsproviders.RRset, error) {
	o, err := e.Begin(ctx, "read zone", zone)
	if err != nil {
		return nil, err
	}
	recs, rerr := e.API.List(ctx, o)
	if rerr != nil {
		return nil, rerr
	}
	return Sets(recs, names, e.Standard), nil
}

const (
	hintReplan = "make a new plan from the live records and look at who changed them"
	hintRead   = "nothing is lost: run the check (or resume) once the API answers; it reads what the zone holds"
)

// Apply compares, changes name by name and reads back. Errors are *dnsproviders.Error or
// *dnsproviders.PartialError, or what inspect returned.
//
// A write that is on its way is not cut off by ctx; between names ctx ends the work. The
// first failure ends it too: names under way are finished or put back, others are left.
func (e *Engine) Apply(ctx context.Context, zone string, changes []dnsproviders.Change, inspect func([]dnsproviders.RRset) error) (rc dnsproviders.Receipt, err error) {
	start := e.Now()
	o, err := e.Begin(ctx, "apply", zone)
	if err != nil {
		return rc, err
	}
	defer func() { o.receipt(&rc, start) }()
	canon, err := dnsproviders.CanonicalChanges(o.Zone, changes)
	if err != nil {
		return rc, o.Fail(dnsproviders.ErrRejected, err.Error(), "correct the change; nothing was sent", err)
	}
	recs, lerr := e.API.List(ctx, o)
	if lerr != nil {
		return rc, lerr
	}
	names := make([]string, len(canon))
	for i, c := range canon {
		names[i] = c.Before.Name
	}
	if err := e.check(o, index(recs), canon); err != nil {
		return rc, err
	}
	if err := inspect(Sets(recs, names, e.Standard)); err != nil {
		return rc, err
	}
	rc, _, err = e.write(ctx, o, recs, changes, canon)
	return rc, err
}

// check refuses what must not be written, and what is no longer as the changes expect.
func (e *Engine) check(o *Op, m map[key][]Record, canon []dnsproviders.Change) error {
	if bad := guard(m, canon); len(bad) > 0 {
		return o.Fail(dnsproviders.ErrRejected, several(bad, len(canon)), "nothing was sent; switch this set in the provider's console, or put it on one line", nil)
	}
	if bad := compare(m, canon, e.Standard); len(bad) > 0 {
		return o.Fail(dnsproviders.ErrConflict, several(bad, len(canon)), hintReplan, nil)
	}
	return nil
}

// write makes the changes of a zone that holds recs, and reads back; last is the whole zone
// as it was read then, nil when there was nothing to do or the reading is behind the writes.
func (e *Engine) write(ctx context.Context, o *Op, recs []Record, changes, canon []dnsproviders.Change) (rc dnsproviders.Receipt, last []Record, err error) {
	r := &run{e: e, o: o, changes: changes, canon: canon, units: units(index(recs), canon, e.Standard)}
	if len(r.units) == 0 {
		return rc, nil, nil
	}
	r.carry(ctx)
	rc, err = r.report(ctx)
	return rc, r.last, err
}

// receipt fills in what an operation cost.
func (o *Op) receipt(rc *dnsproviders.Receipt, start time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rc.APICalls, rc.Took, rc.RequestID = o.calls, o.e.Now().Sub(start), o.request
}

func several(bad []string, of int) string {
	if len(bad) > 1 {
		return fmt.Sprintf("%s; and %d more of %d sets", bad[0], len(bad)-1, of)
	}
	return bad[0]
}
