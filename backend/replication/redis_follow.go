package replication

import (
	"context"
	"fmt"
	"net"
)

func (s *redisStore) Follow(ctx context.Context, source Endpoint) ([]string, error) {
	if source.Site == s.e.Site {
		return nil, fmt.Errorf("%s cannot follow itself: %w", s.e.Target(), ErrConfig)
	}
	host, port, err := net.SplitHostPort(source.sourceAddress())
	if err != nil {
		return nil, fmt.Errorf("%s: replication.address %q: expected host:port: %w", source.Target(), source.sourceAddress(), ErrConfig)
	}
	src, err := newRedis(source, s.opts)
	if err != nil {
		return nil, err
	}
	defer func() { _ = src.Close() }()
	theirs, err := src.info(ctx)
	if err != nil {
		return nil, err
	}
	if theirs.replicaOf(s.e) {
		return nil, fmt.Errorf("%s: %w: %s is %s (promote %s first)", s.e.Target(), ErrLoop, source.Target(), theirs, source.Site)
	}
	mine, err := s.info(ctx)
	if err != nil {
		return nil, err
	}
	// The fence goes last; what hinders that is found before anything is changed.
	if _, err := s.minReplicas(ctx); err != nil {
		return nil, err
	}
	var ev []string
	if !mine.replicaOf(source) {
		why, err := s.notDiverged(ctx, source, mine, theirs)
		if err != nil {
			return nil, err
		}
		ev = append(ev, why)
	}
	// A replica refuses writes; the fence of a former primary goes only after that.
	more, err := s.replicate(ctx, source, mine, host, port)
	ev = append(ev, more...)
	if err != nil {
		return ev, err
	}
	seen, err := s.opts.until(ctx, s.e.Target()+": link to "+source.Target(), func(ctx context.Context) (bool, string, error) {
		i, err := s.info(ctx)
		if err != nil {
			return false, "", err
		}
		if i.partial() {
			s.opts.Progress(i.String())
		}
		return i.replicaOf(source) && i["master_link_status"] == "up", i.String(), nil
	})
	if err != nil {
		return ev, err
	}
	more, err = s.unfence(ctx)
	return append(append(ev, seen), more...), err
}

// replicate gives the account and names the source, unless that is so already.
func (s *redisStore) replicate(ctx context.Context, source Endpoint, mine redisInfo, host, port string) ([]string, error) {
	r := source.Config.Replication
	password, err := resolve(r.Password)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source.Target(), err)
	}
	s.vault.add(password)
	var ev []string
	if mine.replica() {
		if mine["slave_read_only"] == "0" {
			more, err := s.replicaReadOnly(ctx, mine)
			if err != nil {
				return nil, err
			}
			ev = append(ev, more...)
		}
	} else if err := s.do(ctx, "CONFIG SET replica-read-only", "CONFIG", "SET", "replica-read-only", "yes"); err != nil {
		return nil, err
	}
	secured, err := s.secureLink(ctx, source, mine)
	if err != nil {
		return ev, err
	}
	ev = append(ev, secured...)
	if mine.replicaOf(source) && mine["master_link_status"] == "up" {
		return append(ev, "already "+mine.String()), nil
	}
	if err := s.linkAccount(ctx, r.User, password); err != nil {
		return ev, err
	}
	if err := s.do(ctx, "REPLICAOF "+host+" "+port, "REPLICAOF", host, port); err != nil {
		return ev, err
	}
	return append(ev, "REPLICAOF "+host+" "+port), nil
}

// linkAccount gives the account that the next login at the source is made with.
func (s *redisStore) linkAccount(ctx context.Context, user, password string) error {
	if user != "" {
		if err := s.do(ctx, "CONFIG SET masteruser", "CONFIG", "SET", "masteruser", user); err != nil {
			return err
		}
	}
	if password == "" {
		return nil
	}
	return s.do(ctx, "CONFIG SET masterauth", "CONFIG", "SET", "masterauth", password)
}

// Renew does not cut the link: Redis asks for the account when it is made again, and has the
// new one then.
func (s *redisStore) Renew(ctx context.Context, source Endpoint) ([]string, error) {
	ok, seen, err := s.Follows(ctx, source)
	if err != nil {
		return nil, err
	}
	if !ok {
		return s.Follow(ctx, source)
	}
	password, err := resolve(source.Config.Replication.Password)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source.Target(), err)
	}
	s.vault.add(password)
	if err := s.linkAccount(ctx, source.Config.Replication.User, password); err != nil {
		return nil, err
	}
	return []string{"CONFIG SET masterauth: the link stands, and takes it when it is made again", seen}, nil
}

// secureLink makes the server reach a source that has tls: over TLS, by the certificates
// of its own configuration. A link that stands without is cut, and comes back with it.
func (s *redisStore) secureLink(ctx context.Context, source Endpoint, mine redisInfo) ([]string, error) {
	if source.Config.TLS == nil {
		return nil, nil
	}
	now, err := s.rdb.ConfigGet(ctx, "tls-replication").Result()
	if err != nil {
		return nil, s.wrap("CONFIG GET tls-replication", err)
	}
	if now["tls-replication"] == "yes" {
		return nil, nil
	}
	if len(now) == 0 {
		return nil, fmt.Errorf("%s: %w: this server is built without TLS, and %s is to be followed over it", s.e.Target(), ErrUnsupported, source.Target())
	}
	if err := s.do(ctx, "CONFIG SET tls-replication yes", "CONFIG", "SET", "tls-replication", "yes"); err != nil {
		return nil, fmt.Errorf("%w (it needs tls-ca-cert-file in its own configuration)", err)
	}
	if mine.replicaOf(source) && mine["master_link_status"] == "up" {
		if err := s.do(ctx, "CLIENT KILL TYPE master", "CLIENT", "KILL", "TYPE", "master"); err != nil {
			return nil, err
		}
	}
	return []string{"CONFIG SET tls-replication yes"}, nil
}

// notDiverged refuses when REPLICAOF would throw away commands that the source never
// had. A Redis history is a replication id and an offset in it; a promoted replica
// remembers the id it followed and up to where (master_replid2, second_repl_offset).
func (s *redisStore) notDiverged(ctx context.Context, source Endpoint, mine, theirs redisInfo) (string, error) {
	keys, err := s.rdb.DBSize(ctx).Result()
	if err != nil {
		return "", s.wrap("DBSIZE", err)
	}
	if keys == 0 {
		return "holds no keys: nothing can be lost", nil
	}
	limit, known := int64(0), false
	switch id := mine["master_replid"]; {
	case id == "":
	case id == theirs["master_replid"]:
		limit, known = theirs.offset(), true
	case id == theirs["master_replid2"]:
		limit, known = theirs.num("second_repl_offset")-1, true
	case mine["master_replid2"] != "" && mine["master_replid2"] == theirs["master_replid2"] && mine.num("second_repl_offset") >= 0 &&
		mine.offset() == mine.num("second_repl_offset")-1:
		// Restarted from its own file, and nothing was written since.
		limit, known = theirs.num("second_repl_offset")-1, true
	}
	if !known {
		return "", fmt.Errorf("%s: %w: its %d keys are of a history that %s does not know (copy what matters, then FLUSHALL here and run the sync again)",
			s.e.Target(), ErrDiverged, keys, source.Site)
	}
	over := mine.offset() - limit
	if over <= 0 {
		return fmt.Sprintf("nothing here beyond what %s has (offset %d of %d)", source.Site, mine.offset(), limit), nil
	}
	if over%redisPing == 0 && over/redisPing <= maxIdlePings {
		return fmt.Sprintf("%d bytes beyond what %s has are %d idle pings", over, source.Site, over/redisPing), nil
	}
	return "", fmt.Errorf("%s: %w: %d bytes of commands after offset %d that %s never received (copy what matters, then FLUSHALL here and run the sync again)",
		s.e.Target(), ErrDiverged, over, limit, source.Site)
}
