//go:build integration

package lab

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Redis is one Redis server.
type Redis struct {
	Site     string
	Address  string
	Password string
	// TLSAddress and TLS are a second port and its certificates, of a server that speaks it.
	TLSAddress string
	TLS        TLSFiles

	proc   *proc
	client *redis.Client
}

// The client logs failed dials to stderr while the server starts; it has only a
// process-wide switch for it.
var quietRedis = sync.OnceFunc(logging.Disable)

const redisConf = `port %d
bind 127.0.0.1
dir %s
save ""
appendonly no
daemonize no
repl-diskless-sync-delay 0
repl-ping-replica-period 1
repl-timeout 5
requirepass %s
masterauth %s
%s
`

func newRedis(dir, site string, port int, password string, source *Redis) (*Redis, error) {
	d, err := serverDir(dir, site, "redis")
	if err != nil {
		return nil, err
	}
	follow := ""
	if source != nil {
		host, p, err := split(source.Address)
		if err != nil {
			return nil, err
		}
		follow = fmt.Sprintf("replicaof %s %d", host, p)
	}
	conf := filepath.Join(d, "redis.conf")
	if err := serverFile(conf, fmt.Sprintf(redisConf, port, d, password, password, follow)); err != nil {
		return nil, err
	}
	return openRedis(site, d, port, password, "redis-server", conf), nil
}

// NewRedisMember prepares a Redis with cluster-enabled in dir, which has no slots yet.
func NewRedisMember(ctx context.Context, dir, site string) (*Redis, error) {
	// Unless it is told, the bus takes the port's number and 10000: anybody's.
	bus, err := loopbackPorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	own := fmt.Sprintf("cluster-enabled yes\ncluster-port %d\n", bus[0])
	return newRedisMode(ctx, dir, site+"-redis-member", "port %d\nbind 127.0.0.1\ndir %s\nsave \"\"\nrequirepass %s\n"+own)
}

// NewSentinel prepares a sentinel in dir that watches source alone under the name ops, and
// holds it for gone after two seconds.
func NewSentinel(ctx context.Context, dir, site string, source *Redis) (*Redis, error) {
	host, port, err := split(source.Address)
	if err != nil {
		return nil, err
	}
	watch := fmt.Sprintf("sentinel monitor ops %s %d 1\nsentinel auth-pass ops %s\nsentinel down-after-milliseconds ops 2000\n", host, port, source.Password)
	return newRedisMode(ctx, dir, site+"-sentinel", "port %d\nbind 127.0.0.1\ndir %s\nrequirepass %s\n"+watch, "--sentinel")
}

func newRedisMode(ctx context.Context, dir, name, conf string, flags ...string) (*Redis, error) {
	ports, err := loopbackPorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	d, err := serverDir(dir, name)
	if err != nil {
		return nil, err
	}
	password, file := secret(), filepath.Join(d, "redis.conf")
	if err := serverFile(file, fmt.Sprintf(conf, ports[0], d, password)); err != nil {
		return nil, err
	}
	return openRedis(name, d, ports[0], password, append([]string{"redis-server", file}, flags...)...), nil
}

// openRedis makes the process and the administrator's client of a server in d.
func openRedis(site, d string, port int, password string, args ...string) *Redis {
	quietRedis()
	r := &Redis{Site: site, Address: fmt.Sprintf("127.0.0.1:%d", port), Password: password}
	r.client = redisAdmin(r.Address, password)
	r.proc = &proc{
		name: "redis-server", dir: d, args: args,
		ready: func(ctx context.Context) error { return r.client.Ping(ctx).Err() },
	}
	return r
}

// redisAdmin is a connection with full rights.
func redisAdmin(address, password string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: address, Password: password, Protocol: 2, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second, ContextTimeoutEnabled: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// Start brings the server up after Kill.
func (r *Redis) Start(ctx context.Context) error { return r.proc.start(ctx) }

// Kill ends the server at once.
func (r *Redis) Kill() { r.proc.stop(syscall.SIGKILL) }

// Freeze holds the server: connections stay, nothing is answered. Thaw lets it go on.
func (r *Redis) Freeze() error { return r.proc.freeze() }

// Thaw ends Freeze.
func (r *Redis) Thaw() error { return r.proc.thaw() }

// Client is a connection with full rights, for tests.
func (r *Redis) Client() *redis.Client { return r.client }

// Stop ends a server that is used alone.
func (r *Redis) Stop() { r.close() }

func (r *Redis) close() {
	_ = r.client.Close()
	_ = r.proc.thaw()
	r.proc.stop(syscall.SIGTERM)
}
