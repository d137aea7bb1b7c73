//go:build integration

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// Stores is the stateful half of the lab: MariaDB and Redis twice, linked.
type Stores struct {
	Dir              string
	Primary, Standby *Site
}

// Site is one site's stores.
type Site struct {
	Name  string
	Maria *Maria
	Redis *Redis
}

// StartStores starts both sites' stores in a new folder below base ("" = the system's),
// with the standby's following the primary's. Close removes everything.
func StartStores(ctx context.Context, base string) (*Stores, error) {
	return startStores(ctx, base, nil)
}

func startStores(ctx context.Context, base string, t *TLS) (*Stores, error) {
	dir, err := NewDir(base)
	if err != nil {
		return nil, err
	}
	s := &Stores{Dir: dir, Primary: &Site{Name: "primary"}, Standby: &Site{Name: "standby"}}
	if err := s.start(ctx, t); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Stores) start(ctx context.Context, t *TLS) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if t != nil {
		for _, site := range []*Site{s.Primary, s.Standby} {
			port, err := freePort(ctx, "127.0.0.1")
			if err != nil {
				return err
			}
			if err := errors.Join(site.Maria.secure(*t), site.Redis.secure(site.Redis.proc.dir, *t, port)); err != nil {
				return err
			}
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, site := range []*Site{s.Primary, s.Standby} {
		g.Go(func() error { return site.Maria.create(gctx) })
		g.Go(func() error { return site.Redis.Start(gctx) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return s.link(ctx)
}

// prepare makes ports, folders and configurations; nothing runs yet.
func (s *Stores) prepare(ctx context.Context) error {
	password := secret()
	for i, site := range []*Site{s.Primary, s.Standby} {
		if err := os.MkdirAll(filepath.Join(s.Dir, site.Name), 0o755); err != nil { //nolint:gosec // servers of another account live below
			return err
		}
		port, err := freePort(ctx, "127.0.0.1")
		if err != nil {
			return err
		}
		if site.Maria, err = newMaria(s.Dir, site.Name, i+1, port); err != nil {
			return err
		}
		if port, err = freePort(ctx, "127.0.0.1"); err != nil {
			return err
		}
		var source *Redis
		if i > 0 {
			source = s.Primary.Redis
		}
		if site.Redis, err = newRedis(s.Dir, site.Name, port, password, source); err != nil {
			return err
		}
	}
	return nil
}

// link makes the standby follow, and the primary take writes.
func (s *Stores) link(ctx context.Context) error {
	if err := s.Standby.Maria.follow(ctx, s.Primary.Maria); err != nil {
		return err
	}
	if err := s.Primary.Maria.Exec(ctx, "SET GLOBAL read_only=0", "CREATE DATABASE ops",
		"CREATE TABLE ops.flights (flight VARCHAR(16) PRIMARY KEY, version BIGINT NOT NULL, doc VARCHAR(400) NOT NULL, updated_at TIMESTAMP(3) NOT NULL)"); err != nil {
		return err
	}
	return Await(ctx, 20*time.Second, "first replication", func(ctx context.Context) string {
		if _, err := s.Standby.Maria.Query(ctx, "SELECT COUNT(*) FROM ops.flights"); err != nil {
			return err.Error() + "; " + s.Standby.Maria.replicaStatus(ctx)
		}
		if i := s.Standby.Redis.Client().Info(ctx, "replication").Val(); !contains(i, "master_link_status:up") {
			return "the Redis link is not up"
		}
		return ""
	})
}

// Close stops every server and removes the folder.
func (s *Stores) Close() {
	for _, site := range []*Site{s.Primary, s.Standby} {
		if site.Maria != nil {
			site.Maria.close()
		}
		if site.Redis != nil {
			site.Redis.close()
		}
	}
	if err := os.RemoveAll(s.Dir); err != nil {
		fmt.Fprintln(os.Stderr, "lab: remove", s.Dir+":", err)
	}
}
