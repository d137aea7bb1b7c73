package replication

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
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
		why, err := s.notDiverged(ctx, src, mine, theirs)
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
		if source.Config.TLS != nil && i["master_link_status"] != "up" {
			return false, i.String() + " (over TLS: its log says why; tls-ca-cert-file in its configuration must hold the authority of " + source.Site + "'s certificate)", nil
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
	plain, err := s.withoutTLS(ctx, source)
	if err != nil {
		return ev, err
	}
	standing := mine.replicaOf(source) && mine["master_link_status"] == "up"
	if standing && !plain {
		return append(ev, "already "+mine.String()), nil
	}
	if err := s.giveAccount(ctx, source, password); err != nil {
		return ev, err
	}
	if plain {
		if err := s.secureLink(ctx, standing); err != nil {
			return ev, err
		}
		ev = append(ev, "CONFIG SET tls-replication yes")
	}
	if standing { // it was cut, and comes back by itself
		return ev, nil
	}
	if err := s.do(ctx, "REPLICAOF "+host+" "+port, "REPLICAOF", host, port); err != nil {
		return ev, err
	}
	return append(ev, "REPLICAOF "+host+" "+port), nil
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
	if err := s.giveAccount(ctx, source, password); err != nil {
		return nil, err
	}
	return []string{"CONFIG SET masterauth: the link stands, and takes it when it is made again", seen}, nil
}

// giveAccount tells the replica what it logs in to its source with, and takes away what it
// was told before: a password without a user is the default user's, and a source that asks
// nobody for a password refuses those who send one. Without an account for a source that
// asks, the server's own configuration has it, and is left alone.
func (s *redisStore) giveAccount(ctx context.Context, source Endpoint, password string) error {
	user := source.Config.Replication.User
	_, asked := source.account()
	open := asked == "" && source.Config.Password == "" && user == ""
	for _, x := range []struct {
		key, value string
		set        bool
	}{{"masteruser", user, user != "" || password != "" || open}, {"masterauth", password, password != "" || open}} {
		if !x.set {
			continue
		}
		if err := s.do(ctx, "CONFIG SET "+x.key, "CONFIG", "SET", x.key, x.value); err != nil {
			return err
		}
	}
	return nil
}

// withoutTLS says whether the server would reach source without TLS, though it is to be
// reached over it.
func (s *redisStore) withoutTLS(ctx context.Context, source Endpoint) (bool, error) {
	if source.Config.TLS == nil {
		return false, nil
	}
	now, err := s.tlsReplication(ctx)
	if err == nil && now == "" {
		err = fmt.Errorf("%s: %w: this server is built without TLS, and %s is to be followed over it", s.e.Target(), ErrUnsupported, source.Target())
	}
	return now != "yes", err
}

// secureLink makes the server reach its source over TLS, by the certificates of its own
// configuration. A link that stands is cut, and comes back with it; when it cannot be cut,
// all stays as it was, so that the next try does not take it for secured.
func (s *redisStore) secureLink(ctx context.Context, standing bool) error {
	if err := s.do(ctx, "CONFIG SET tls-replication yes", "CONFIG", "SET", "tls-replication", "yes"); err != nil {
		return fmt.Errorf("%w (it needs tls-ca-cert-file in its own configuration)", err)
	}
	if !standing {
		return nil
	}
	err := s.do(ctx, "CLIENT KILL TYPE master", "CLIENT", "KILL", "TYPE", "master")
	if err != nil {
		err = errors.Join(err, s.do(ctx, "CONFIG SET tls-replication no", "CONFIG", "SET", "tls-replication", "no"))
	}
	return err
}

// tlsReplication is whether the server reaches its source over TLS: yes, no, or "" for one
// that is built without it.
func (s *redisStore) tlsReplication(ctx context.Context) (string, error) {
	now, err := s.ask().ConfigGet(ctx, "tls-replication").Result()
	return now["tls-replication"], s.wrap("CONFIG GET tls-replication", err)
}

// notDiverged refuses when REPLICAOF would throw away commands that the source never
// had. A Redis history is a replication id and an offset in it; a promoted replica
// remembers the id it followed and up to where (master_replid2, second_repl_offset).
func (s *redisStore) notDiverged(ctx context.Context, src *redisStore, mine, theirs redisInfo) (string, error) {
	keys, err := s.ask().DBSize(ctx).Result()
	if err != nil {
		return "", s.wrap("DBSIZE", err)
	}
	if keys == 0 {
		return "holds no keys: nothing can be lost", nil
	}
	if !mine.tells() || !theirs.tells() {
		return "", fmt.Errorf("%s: %w: INFO replication tells no offset here or at %s, so it is not known whether its %d keys are there (copy what matters, then FLUSHALL here and run the sync again)",
			s.e.Target(), ErrDiverged, src.e.Site, keys)
	}
	limit, known := int64(0), false
	switch id := mine["master_replid"]; {
	case id == "":
	case id == theirs["master_replid"]:
		limit, known = theirs.offset(), true
	case id == theirs["master_replid2"]:
		limit, known = theirs.num("second_repl_offset")-1, true
	case mine["master_replid2"] != "" && mine["master_replid2"] == theirs["master_replid"]:
		// Promoted from it: what both have ends there, or earlier where the source lost some.
		limit, known = min(mine.num("second_repl_offset")-1, theirs.offset()), true
	case mine["master_replid2"] != "" && mine["master_replid2"] == theirs["master_replid2"] && mine.num("second_repl_offset") >= 0 &&
		mine.offset() == mine.num("second_repl_offset")-1:
		// Restarted from its own file, and nothing was written since.
		limit, known = theirs.num("second_repl_offset")-1, true
	}
	if !known {
		return "", fmt.Errorf("%s: %w: its %d keys are of a history that %s does not know (copy what matters, then FLUSHALL here and run the sync again)",
			s.e.Target(), ErrDiverged, keys, src.e.Site)
	}
	over := mine.offset() - limit
	if over <= 0 {
		return fmt.Sprintf("nothing here beyond what %s has (offset %d of %d)", src.e.Site, mine.offset(), limit), nil
	}
	why, err := s.losesNothing(ctx, src, mine, limit)
	if err != nil {
		return "", fmt.Errorf("%s: %w: %d bytes of commands after offset %d that %s never received: %w (copy what matters, then FLUSHALL here and run the sync again)",
			s.e.Target(), ErrDiverged, over, limit, src.e.Site, err)
	}
	return fmt.Sprintf("%d bytes beyond what %s has are %s", over, src.e.Site, why), nil
}

// losesNothing looks whether what this side has after an offset may go: pings, and deletions
// of keys that the source does not hold either, as of expired ones.
func (s *redisStore) losesNothing(ctx context.Context, src *redisStore, mine redisInfo, after int64) (string, error) {
	b, err := s.beyond(ctx, mine, after)
	if err != nil {
		return "", err
	}
	if b.writes > 0 {
		return "", fmt.Errorf("writes: %d, deleted keys: %d", b.writes, len(b.deletions))
	}
	for keys := range slices.Chunk(b.deletions, 1000) {
		held, err := src.ask().Exists(ctx, keys...).Result()
		if err != nil {
			return "", fmt.Errorf("deleted keys: %d; whether %s has them is not known: %w", len(b.deletions), src.e.Site, src.wrap("EXISTS", err))
		}
		if held > 0 {
			return "", fmt.Errorf("deleted keys: %d, of which %s still has some", len(b.deletions), src.e.Site)
		}
	}
	return fmt.Sprintf("idle pings: %d, deletions of keys that it has not either: %d", b.pings, len(b.deletions)), nil
}
