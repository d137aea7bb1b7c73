package replication

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/dutyops/dutyops/backend/secure"
	"github.com/dutyops/dutyops/probes/guard"
)

// A Redis primary has no read-only switch. It refuses writes when it asks for more
// replicas than there can be (min-replicas-to-write, error NOREPLICAS). The value that
// was configured is kept inside the fence, so that Promote can restore it.
const redisFence = 1_000_000

// redisStore drives Redis 5 and later and what speaks like it.
type redisStore struct {
	e     Endpoint
	opts  Options
	rdb   *redis.Client
	vault vault
	// meter bounds what one command brings in.
	meter guard.Meter
	// dial makes a connection that the meter counts.
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// maxRedisAnswer bounds what one command brings in, in bytes: INFO is the longest.
const maxRedisAnswer = 4 << 20

// ask is the client for one command.
func (s *redisStore) ask() *redis.Client {
	s.meter.Refill(maxRedisAnswer)
	return s.rdb
}

// The client logs failed dials to stderr and has only a process-wide switch for it.
var quietRedis = sync.OnceFunc(logging.Disable)

func openRedis(e Endpoint, opts Options) (Store, error) { return newRedis(e, opts) }

func newRedis(e Endpoint, opts Options) (*redisStore, error) {
	if _, _, err := net.SplitHostPort(e.Config.Address); err != nil {
		return nil, fmt.Errorf("%s: address %q: expected host:port: %w", e.Target(), e.Config.Address, ErrConfig)
	}
	quietRedis()
	s := &redisStore{e: e, opts: opts.withDefaults()}
	user, password := e.account()
	o := &redis.Options{
		Addr: e.Config.Address, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1, PoolSize: 1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		DialTimeout:              s.opts.Timeout, ReadTimeout: s.opts.Timeout, WriteTimeout: s.opts.Timeout, ContextTimeoutEnabled: true,
		CredentialsProviderContext: func(context.Context) (string, string, error) {
			p, err := resolve(password)
			s.vault.add(p)
			return user, p, err
		},
	}
	c := secure.Client(e.Config.TLS)
	s.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
		defer cancel()
		dial := secure.Dial(c)
		if c == nil { // a socket, and no more than that: the pool looks at it
			dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
		}
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return s.meter.Conn(conn), nil
	}
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := s.dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if raw, ok := conn.(syscall.Conn); ok && c == nil {
			return socket{guard.NewRESP(conn), raw}, nil
		}
		return guard.NewRESP(conn), nil
	}
	s.rdb = redis.NewClient(o)
	return s, nil
}

// socket lets the pool see that the server hung up while nothing was asked.
type socket struct {
	*guard.RESP
	syscall.Conn
}

func (s *redisStore) Close() error { return s.rdb.Close() }

func (s *redisStore) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	text := s.vault.fit(secure.Explain(nil, err).Error())
	var re redis.Error
	if errors.As(err, &re) {
		if i := strings.Index(text, ", with args beginning with"); i > 0 {
			text = text[:i]
		}
		return fmt.Errorf("%s: %s: %s%s", s.e.Target(), op, text, s.missingRight(text))
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %s: %w", s.e.Target(), op, err)
	}
	return fmt.Errorf("%s at %s: %s: %w: %s", s.e.Target(), s.e.Config.Address, op, ErrUnreachable, text)
}

// missingRight names the rule that would let the account do what was refused, or the fields of
// a login that was. Redis quotes the command, with its subcommand since 7.0.
func (s *redisStore) missingRight(text string) string {
	if strings.HasPrefix(text, "WRONGPASS") || strings.HasPrefix(text, "NOAUTH") {
		return s.e.check()
	}
	if !strings.HasPrefix(text, "NOPERM") {
		return ""
	}
	user, _ := s.e.account()
	_, after, ok := strings.Cut(text, "'")
	command, _, closed := strings.Cut(after, "'")
	if !ok || !closed {
		return " (the rules that " + cmp.Or(user, "default") + " needs are in docs/components/redis.md)"
	}
	return " (grant +" + command + " to " + cmp.Or(user, "default") + ")"
}

func (s *redisStore) do(ctx context.Context, op string, args ...any) error {
	return s.wrap(op, s.ask().Do(ctx, args...).Err())
}

func (s *redisStore) info(ctx context.Context) (redisInfo, error) {
	text, err := s.ask().Info(ctx, "replication").Result()
	if err != nil {
		return nil, s.wrap("INFO replication", err)
	}
	out := readRedisInfo(text)
	if out["role"] == "" {
		return nil, fmt.Errorf("%s: INFO replication tells no role: %w", s.e.Target(), ErrUnsupported)
	}
	return out, nil
}

// minReplicas reads min-replicas-to-write.
func (s *redisStore) minReplicas(ctx context.Context) (int64, error) {
	m, err := s.ask().ConfigGet(ctx, "min-replicas-to-write").Result()
	if err != nil {
		return 0, s.wrap("CONFIG GET min-replicas-to-write", err)
	}
	n, err := strconv.ParseInt(orZero(m["min-replicas-to-write"]), 10, 64)
	return n, s.wrap("CONFIG GET min-replicas-to-write", err)
}

func (s *redisStore) IsSource(ctx context.Context) (bool, string, error) {
	i, err := s.info(ctx)
	if err != nil {
		return false, "", err
	}
	if i.replica() {
		return false, i.String(), nil
	}
	n, err := s.minReplicas(ctx)
	if err != nil {
		return false, "", err
	}
	if n >= redisFence {
		return false, i.String() + ", fenced (min-replicas-to-write)", nil
	}
	return true, i.String(), nil
}

// Fenced: a replica refuses writes by itself, unless it was told not to.
func (s *redisStore) Fenced(ctx context.Context) (bool, string, error) {
	i, err := s.info(ctx)
	if err != nil {
		return false, "", err
	}
	if i.replica() {
		if i["slave_read_only"] == "0" {
			return false, i.String() + ", takes writes (replica-read-only no)", nil
		}
		return true, i.String(), nil
	}
	n, err := s.minReplicas(ctx)
	if err != nil {
		return false, "", err
	}
	return n >= redisFence, fmt.Sprintf("%s, min-replicas-to-write %d", i, n), nil
}

func (s *redisStore) Promote(ctx context.Context) ([]string, error) {
	i, err := s.info(ctx)
	if err != nil {
		return nil, err
	}
	if i.partial() {
		return nil, fmt.Errorf("%s: the first copy from %s is not complete, its data set is a part only: %w", s.e.Target(), i.of(), ErrBroken)
	}
	// The fence goes first: while it follows, a store refuses writes without one, and it is
	// known that nothing else will keep it from taking them.
	ev, err := s.unfence(ctx)
	if err != nil {
		return nil, err
	}
	if !i.replica() {
		return append([]string{"follows nobody already: " + i.String()}, ev...), nil
	}
	if err := s.do(ctx, "REPLICAOF NO ONE", "REPLICAOF", "NO", "ONE"); err != nil {
		return ev, err
	}
	return append(ev, fmt.Sprintf("REPLICAOF NO ONE at offset %d", i.offset())), nil
}

func (s *redisStore) unfence(ctx context.Context) ([]string, error) {
	n, err := s.minReplicas(ctx)
	if err != nil || n < redisFence {
		return nil, err
	}
	if err := s.do(ctx, "CONFIG SET min-replicas-to-write", "CONFIG", "SET", "min-replicas-to-write", strconv.FormatInt(n-redisFence, 10)); err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("fence removed (min-replicas-to-write %d)", n-redisFence)}, nil
}

// Demote fences a primary. A replica refuses writes by itself.
func (s *redisStore) Demote(ctx context.Context) ([]string, error) {
	i, err := s.info(ctx)
	if err != nil {
		return nil, err
	}
	if i.replica() {
		return s.replicaReadOnly(ctx, i)
	}
	n, err := s.minReplicas(ctx)
	if err != nil {
		return nil, err
	}
	if n >= redisFence {
		return []string{"refuses writes already: " + i.String()}, nil
	}
	// The check is off while min-replicas-max-lag is 0.
	m, err := s.ask().ConfigGet(ctx, "min-replicas-max-lag").Result()
	if err != nil {
		return nil, s.wrap("CONFIG GET min-replicas-max-lag", err)
	}
	if orZero(m["min-replicas-max-lag"]) == "0" {
		if err := s.do(ctx, "CONFIG SET min-replicas-max-lag", "CONFIG", "SET", "min-replicas-max-lag", "10"); err != nil {
			return nil, err
		}
	}
	if err := s.do(ctx, "CONFIG SET min-replicas-to-write", "CONFIG", "SET", "min-replicas-to-write", strconv.FormatInt(n+redisFence, 10)); err != nil {
		return nil, err
	}
	return []string{"fenced: CONFIG SET min-replicas-to-write (every write is answered NOREPLICAS)", i.String()}, nil
}

func (s *redisStore) replicaReadOnly(ctx context.Context, i redisInfo) ([]string, error) {
	if i["slave_read_only"] != "0" {
		return []string{"a replica refuses writes: " + i.String()}, nil
	}
	if err := s.do(ctx, "CONFIG SET replica-read-only", "CONFIG", "SET", "replica-read-only", "yes"); err != nil {
		return nil, err
	}
	return []string{"CONFIG SET replica-read-only yes"}, nil
}

func (s *redisStore) CaughtUp(ctx context.Context, source Endpoint) (bool, string, error) {
	src, err := newRedis(source, s.opts)
	if err != nil {
		return false, "", err
	}
	defer func() { _ = src.Close() }()
	theirs, err := src.info(ctx)
	if err != nil {
		return false, "", err
	}
	mine, err := s.info(ctx)
	if err != nil {
		return false, "", err
	}
	ok, seen := mine.hasAllOf(theirs, source.Site)
	return ok, seen, nil
}

func (s *redisStore) Applied(ctx context.Context) (bool, string, error) {
	i, err := s.info(ctx)
	if err != nil {
		return false, "", err
	}
	if i.partial() {
		return false, i.String(), nil
	}
	if read, ok := i["slave_read_repl_offset"]; ok && i.replica() && i.num("slave_read_repl_offset") > i.offset() {
		return false, fmt.Sprintf("received up to %s, applied up to %d", read, i.offset()), nil
	}
	return true, i.String(), nil
}

func (s *redisStore) Follows(ctx context.Context, source Endpoint) (bool, string, error) {
	i, err := s.info(ctx)
	if err != nil {
		return false, "", err
	}
	if !i.replicaOf(source) || i["master_link_status"] != "up" || source.Config.TLS == nil {
		return i.replicaOf(source) && i["master_link_status"] == "up", i.String(), nil
	}
	secured, err := s.tlsReplication(ctx)
	if err != nil || secured == "yes" {
		return err == nil, i.String(), err
	}
	return false, i.String() + ", not with TLS as configured", nil
}

func (s *redisStore) Position(ctx context.Context) (string, error) {
	i, err := s.info(ctx)
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(i.offset(), 10), nil
}
