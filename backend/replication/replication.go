package replication

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes/guard"
)

// Endpoint is one component at one site, with what is needed to act on it.
type Endpoint struct {
	Site     string
	Platform failoverplan.PlatformKind
	Name     string
	Kind     failoverplan.ComponentKind
	// Config holds addresses and accounts. The control account acts; the probe
	// account is used when there is none. Replication is how other sites reach
	// this server when it is their source.
	Config config.Component
}

// Target is "site/platform/name".
func (e Endpoint) Target() string {
	return failoverplan.Target(e.Site, string(e.Platform), e.Name)
}

// Options bound what a Store may cost.
type Options struct {
	// Timeout bounds one exchange with a server (dial, statement, request); default 3s.
	Timeout time.Duration
	// Wait bounds waiting for something that was started (relay log applied, link up,
	// copy finished) when ctx has no deadline of its own; default 30s.
	Wait time.Duration
	// Poll is the pause between two looks while waiting; default 50ms.
	Poll time.Duration
	// Progress, when set, is told how a long operation stands ("1200 of 5000 documents").
	Progress func(line string)

	// openDB replaces the database connection in tests.
	openDB func(e Endpoint) *sql.DB
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 3 * time.Second
	}
	if o.Wait <= 0 {
		o.Wait = 30 * time.Second
	}
	if o.Poll <= 0 {
		o.Poll = 50 * time.Millisecond
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return o
}

// Store acts on one stateful component. Methods are idempotent, honour ctx, are
// safe for use from one goroutine at a time, and return evidence in plain lines
// for the journal. An error with evidence means: so far it got.
type Store interface {
	// IsSource is true when the store accepts writes and follows nobody. The evidence
	// says what was seen, whichever way it is. A store that cannot be asked is an error.
	IsSource(ctx context.Context) (ok bool, evidence string, err error)
	// Fenced is true when the store refuses writes and goes on doing so by itself. It is not
	// the opposite of IsSource: a store that follows may take writes all the same.
	Fenced(ctx context.Context) (ok bool, evidence string, err error)
	// Promote stops following, after everything received has been applied, and then
	// accepts writes.
	Promote(ctx context.Context) (evidence []string, err error)
	// Demote refuses writes from now on. When it returns nil no write is in flight.
	Demote(ctx context.Context) (evidence []string, err error)
	// CaughtUp is true when this store has everything that source has at this moment.
	// The source must be readable; otherwise an error is returned.
	CaughtUp(ctx context.Context, source Endpoint) (ok bool, evidence string, err error)
	// Applied is true when everything received from the source has been applied; it is
	// the most that can be had when the source is gone.
	Applied(ctx context.Context) (ok bool, evidence string, err error)
	// Follows is true when this store follows source and the link works.
	Follows(ctx context.Context, source Endpoint) (ok bool, evidence string, err error)
	// Follow makes this store refuse writes and follow source. ErrDiverged when this
	// side has something that the source lacks: nothing of it is thrown away.
	Follow(ctx context.Context, source Endpoint) (evidence []string, err error)
	// Position is how far the store's own data is, in its own notation.
	Position(ctx context.Context) (string, error)
	Close() error
}

// Renewer is a Store whose link is a standing one with an account of its own.
type Renewer interface {
	// Renew gives the link to source the replication account as it is configured now, although
	// it stands: a server does not tell which password a link was made with, and needs it
	// only when the link is made again. A link that does not stand is made as by Follow.
	Renew(ctx context.Context, source Endpoint) (evidence []string, err error)
}

// Refusals and failures that callers tell apart. Test with errors.Is.
var (
	// ErrDiverged: this side has data that the source lacks; the text names it.
	ErrDiverged = errors.New("this side has data that the source lacks")
	// ErrLoop: the source follows this side.
	ErrLoop = errors.New("the source itself follows this side")
	// ErrBroken: replication stopped with an error, or received data cannot be applied.
	ErrBroken = errors.New("replication is broken")
	// ErrUnreachable: the server could not be asked.
	ErrUnreachable = errors.New("the server does not answer")
	// ErrTimeout: what was started did not come to an end in time.
	ErrTimeout = errors.New("it did not finish in time")
	// ErrUnsupported: there is no driver for the kind, or the server lacks the function.
	ErrUnsupported = errors.New("not supported")
	// ErrConfig: something that the operation needs is not configured.
	ErrConfig = errors.New("the configuration lacks something")
	// ErrNotStopped: offsets can be changed only while a connector is stopped.
	ErrNotStopped = errors.New("the connector is not stopped")
)

// Open returns the driver for the endpoint's kind: mysql, redis or elasticsearch.
// It does not connect yet; secrets are read when a connection is made.
func Open(e Endpoint, opts Options) (Store, error) {
	opts = opts.withDefaults()
	switch e.Kind {
	case failoverplan.MySQL:
		return openMySQL(e, opts)
	case failoverplan.Redis:
		return openRedis(e, opts)
	case failoverplan.Elasticsearch:
		return openElastic(e, opts)
	case failoverplan.Kafka, failoverplan.KafkaConnect, failoverplan.RabbitMQ, failoverplan.Flink,
		failoverplan.HTTP, failoverplan.TCP, failoverplan.DNS:
	}
	return nil, fmt.Errorf("%s: kind %q has no replication driver: %w", e.Target(), e.Kind, ErrUnsupported)
}

// Supported says whether Open has a driver for the kind.
func Supported(kind failoverplan.ComponentKind) bool {
	return kind == failoverplan.MySQL || kind == failoverplan.Redis || kind == failoverplan.Elasticsearch
}

// account is who acts on the endpoint: the control account, else the probe account.
func (e Endpoint) account() (user string, password config.Secret) {
	if e.Config.Control != (config.Account{}) {
		return e.Config.Control.User, e.Config.Control.Password
	}
	return e.Config.User, e.Config.Password
}

// check is what a person does about a refused login: the fields that hold it.
func (e Endpoint) check() string {
	prefix := ""
	if e.Config.Control != (config.Account{}) {
		prefix = "control."
	}
	fields := prefix + "user and " + prefix + "password"
	if e.apiKey() != "" {
		fields = prefix + "api_key"
	}
	return " (check " + fields + " of " + e.Target() + ")"
}

// checkLink is check of the account that others copy from this endpoint with.
func (e Endpoint) checkLink() string {
	return " (check replication.user and replication.password of " + e.Target() + ", and that the account may come from the other site)"
}

// apiKey is what acts on the endpoint instead of an account; "" for none.
func (e Endpoint) apiKey() config.Secret {
	if e.Config.Control != (config.Account{}) {
		return e.Config.Control.APIKey
	}
	return e.Config.APIKey
}

// sourceAddress is the host:port under which other sites reach this server.
func (e Endpoint) sourceAddress() string {
	if e.Config.Replication.Address != "" {
		return e.Config.Replication.Address
	}
	return e.Config.Address
}

// resolve reads a secret that may be absent.
func resolve(s config.Secret) (string, error) {
	if s == "" {
		return "", nil
	}
	v, err := s.Resolve()
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return v, nil
}

// vault remembers the secrets that were used, to keep them out of texts that come from
// elsewhere. Safe for concurrent use.
type vault struct {
	mu   sync.Mutex
	seen []string
}

func (v *vault) add(secrets ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range secrets {
		if s != "" && !slices.Contains(v.seen, s) {
			v.seen = append(v.seen, s)
		}
	}
}

// scrub takes every secret out of text.
func (v *vault) scrub(text string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.seen {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

// maxText bounds what is shown of a server's own words, in bytes.
const maxText = 512

// fit is text from a server as a person may read it: without secrets, and unable to move a
// cursor, to forge a line or to fill a screen.
func (v *vault) fit(text string) string { return guard.Text(v.scrub(text), maxText) }

// until calls look until it says done or fails, ctx ends, or wait has passed.
func (o Options) until(ctx context.Context, what string, look func(context.Context) (done bool, seen string, err error)) (string, error) {
	ctx, cancel := o.bound(ctx)
	defer cancel()
	tick := time.NewTicker(o.Poll)
	defer tick.Stop()
	last := ""
	for {
		done, seen, err := look(ctx)
		if err != nil {
			// A connection may notice the end of the time a moment before ctx does.
			if end, ok := ctx.Deadline(); last != "" && (ctx.Err() != nil || ok && !time.Now().Before(end)) {
				return last, fmt.Errorf("%s: %w; last seen: %s", what, ErrTimeout, last)
			}
			return seen, err
		}
		if done {
			return seen, nil
		}
		last = seen
		select {
		case <-ctx.Done():
			return last, fmt.Errorf("%s: %w; last seen: %s", what, ErrTimeout, last)
		case <-tick.C:
		}
	}
}

// bound gives ctx a deadline when it has none.
func (o Options) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, o.Wait)
}
