package replication

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/dutyops/dutyops/backend/config"
)

func (s *mysqlStore) Follow(ctx context.Context, source Endpoint) ([]string, error) {
	if source.Site == s.e.Site {
		return nil, fmt.Errorf("%s cannot follow itself: %w", s.e.Target(), ErrConfig)
	}
	src, err := newMySQL(source, s.opts)
	if err != nil {
		return nil, err
	}
	defer func() { _ = src.Close() }()
	upstream, err := src.link(ctx)
	if err != nil {
		return nil, err
	}
	if upstream.following() && sameAddress(upstream, s.e) {
		return nil, fmt.Errorf("%s: %w: %s %s (promote %s first)", s.e.Target(), ErrLoop, source.Target(), upstream, source.Site)
	}
	if err := s.notDiverged(ctx, src); err != nil {
		return nil, err
	}

	var ev []string
	ro, err := s.readOnly(ctx)
	if err != nil {
		return nil, err
	}
	if !ro {
		if err := s.refuseWrites(ctx); err != nil {
			return nil, err
		}
		ev = append(ev, "SET GLOBAL read_only=1")
		// It accepted writes a moment ago: look again, now that nothing moves.
		if err := s.notDiverged(ctx, src); err != nil {
			return ev, err
		}
	}
	l, err := s.link(ctx)
	if err != nil {
		return ev, err
	}
	d, err := s.dialect(ctx)
	if err != nil {
		return ev, err
	}
	same := l.names(source)
	switch {
	case same && l.running():
		return append(ev, "already "+l.String()), nil
	case same && l.io == "Yes": // the source lets it in; its account is known to be right
	default:
		// Also a link that is named already and not let in: its password may be an old one.
		more, err := s.point(ctx, d, l, source)
		ev = append(ev, more...)
		if err != nil {
			return ev, err
		}
	}
	start := "START " + d.replica()
	if err := s.exec(ctx, start, start); err != nil {
		return ev, err
	}
	seen, err := s.linkUp(ctx, source)
	if err != nil {
		return ev, err
	}
	return append(ev, start, seen), nil
}

// names says whether the link is to source, in the way that it is configured.
func (l link) names(source Endpoint) bool {
	return l.following() && sameAddress(l, source) && l.usingGTID && l.as(source.Config.LinkTLS())
}

// Renew changes the account of a link that stands, without forgetting its source: whoever is
// interrupted leaves a link that is stopped and named. What was received and not applied is
// fetched again.
func (s *mysqlStore) Renew(ctx context.Context, source Endpoint) ([]string, error) {
	l, err := s.link(ctx)
	if err != nil {
		return nil, err
	}
	if !l.names(source) || !l.running() {
		return s.Follow(ctx, source) // which gives it the account of now
	}
	d, err := s.dialect(ctx)
	if err != nil {
		return nil, err
	}
	account, err := s.linkAccount(ctx, d, source)
	if err != nil {
		return nil, err
	}
	var ev []string
	for _, x := range []struct{ op, statement string }{
		{"STOP " + d.replica(), "STOP " + d.replica()},
		{"change the account of the link", d.change() + strings.Join(account, ", ")},
		{"START " + d.replica(), "START " + d.replica()},
	} {
		if err := s.exec(ctx, x.op, x.statement); err != nil {
			return ev, err
		}
		ev = append(ev, x.op)
	}
	seen, err := s.linkUp(ctx, source)
	if err != nil {
		return ev, err
	}
	return append(ev, seen), nil
}

// notDiverged compares the whole known history of both sides.
func (s *mysqlStore) notDiverged(ctx context.Context, src *mysqlStore) error {
	// This side first: what it receives afterwards, the source has.
	mine, err := s.history(ctx)
	if err != nil {
		return err
	}
	l, err := s.link(ctx)
	if err != nil {
		return err
	}
	// Received and not applied yet counts as this side's: pointing it elsewhere would drop it.
	received, err := parseGTIDs(l.received)
	if err != nil {
		return s.wrap("read the received position", err)
	}
	theirs, err := src.history(ctx)
	if err != nil {
		return err
	}
	if g := errant(mine.all.union(received), theirs.all); !g.empty() {
		return fmt.Errorf("%s: %w: %d transactions that %s does not have: %s (copy what matters by hand, then rebuild this side from %s)",
			s.e.Target(), ErrDiverged, g.count, src.e.Site, g, src.e.Site)
	}
	return nil
}

// point names the source to the server, with nothing started yet.
func (s *mysqlStore) point(ctx context.Context, d *dialect, l link, source Endpoint) ([]string, error) {
	statement, err := s.changeSource(ctx, d, source)
	if err != nil {
		return nil, err
	}
	var ev []string
	if l.following() {
		if ev, err = s.forget(ctx, d, l); err != nil {
			return ev, err
		}
	}
	if d.maria {
		// Replication goes on from gtid_slave_pos, which a former source never had: it is
		// the newest of each domain that this side holds, whoever wrote it.
		h, err := s.history(ctx)
		if err != nil {
			return ev, err
		}
		if pos := h.position(); pos != h.applied.position() {
			q, err := s.quote(ctx, pos)
			if err != nil {
				return ev, err
			}
			if err := s.exec(ctx, "SET GLOBAL gtid_slave_pos", "SET GLOBAL gtid_slave_pos="+q); err != nil {
				return ev, err
			}
			ev = append(ev, "SET GLOBAL gtid_slave_pos='"+pos+"'")
		}
	}
	if err := s.exec(ctx, "name "+source.Target()+" as the source", statement); err != nil {
		return ev, err
	}
	how := "by GTID"
	if want := source.Config.LinkTLS(); want != nil {
		how += ", over TLS"
		if want.InsecureSkipVerify {
			how += " without a check of the certificate"
		}
	}
	return append(ev, "source is now "+source.sourceAddress()+" ("+how+")"), nil
}

// changeSource composes the statement; it holds the password.
func (s *mysqlStore) changeSource(ctx context.Context, d *dialect, source Endpoint) (string, error) {
	host, port, err := net.SplitHostPort(source.sourceAddress())
	if err != nil {
		return "", fmt.Errorf("%s: replication.address %q: expected host:port: %w", source.Target(), source.sourceAddress(), ErrConfig)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", fmt.Errorf("%s: replication.address: port %q: %w", source.Target(), port, ErrConfig)
	}
	account, err := s.linkAccount(ctx, d, source)
	if err != nil {
		return "", err
	}
	if host, err = s.quote(ctx, host); err != nil {
		return "", err
	}
	word := d.source()
	set := append([]string{word + "_HOST=" + host, fmt.Sprintf("%s_PORT=%d", word, n)}, account...)
	set = append(set, word+"_CONNECT_RETRY=1", word+"_HEARTBEAT_PERIOD=1")
	switch {
	case d.maria:
		set = append(set, "MASTER_USE_GTID=slave_pos")
	default:
		set = append(set, word+"_AUTO_POSITION=1")
		if word == "SOURCE" {
			// Without TLS, caching_sha2_password needs the source's public key.
			set = append(set, "GET_SOURCE_PUBLIC_KEY=1")
		}
	}
	secured, err := s.secureLink(ctx, word, source.Config.LinkTLS())
	if err != nil {
		return "", err
	}
	set = append(set, secured...)
	return d.change() + strings.Join(set, ", "), nil
}

// linkAccount is the part of the statement that names the account of now; it holds the
// password.
func (s *mysqlStore) linkAccount(ctx context.Context, d *dialect, source Endpoint) ([]string, error) {
	if source.Config.Replication.User == "" {
		return nil, fmt.Errorf("%s: replication.user is empty: %w (it is the account with which %s reads from %s)",
			source.Target(), ErrConfig, s.e.Site, source.Site)
	}
	password, err := resolve(source.Config.Replication.Password)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source.Target(), err)
	}
	s.vault.add(password)
	user, err := s.quote(ctx, source.Config.Replication.User)
	if err != nil {
		return nil, err
	}
	if password, err = s.quote(ctx, password); err != nil {
		return nil, err
	}
	s.vault.add(strings.Trim(password, "'"))
	return []string{d.source() + "_USER=" + user, d.source() + "_PASSWORD=" + password}, nil
}

// secureLink makes the server encrypt the link and check its source, or neither without
// want. The files are on the follower's host; left out, it uses its own authorities.
// Everything is said each time: MariaDB keeps what it was told for another source, even
// through RESET REPLICA ALL (10.11, where no status shows it).
func (s *mysqlStore) secureLink(ctx context.Context, word string, want *config.ReplicationTLS) ([]string, error) {
	on := map[bool]string{true: "1", false: "0"}
	set := []string{word + "_SSL=" + on[want != nil], word + "_SSL_VERIFY_SERVER_CERT=" + on[want != nil && !want.InsecureSkipVerify]}
	if want == nil {
		want = &config.ReplicationTLS{}
	}
	for _, f := range []struct{ key, path string }{{"CA", want.CA}, {"CERT", want.Cert}, {"KEY", want.Key}} {
		q := "''"
		if f.path != "" {
			var err error
			if q, err = s.quote(ctx, f.path); err != nil {
				return nil, err
			}
		}
		set = append(set, word+"_SSL_"+f.key+"="+q)
	}
	return set, nil
}

// errTLS is CR_SSL_CONNECTION_ERROR: the two sides did not come to terms.
const errTLS = "2026"

// as says whether the link is secured as wanted, or better.
func (l link) as(want *config.ReplicationTLS) bool {
	return want == nil || l.tls && (l.checked || want.InsecureSkipVerify)
}

// linkUp waits until both threads run, or says why they will not.
func (s *mysqlStore) linkUp(ctx context.Context, source Endpoint) (string, error) {
	return s.opts.until(ctx, s.e.Target()+": link to "+source.Target(), func(ctx context.Context) (bool, string, error) {
		l, err := s.link(ctx)
		if err != nil {
			return false, "", err
		}
		if l.running() {
			return true, l.String(), nil
		}
		if l.refused() {
			return false, l.String() + source.checkLink(), nil
		}
		if l.ioErrno == errTLS {
			return false, l.String() + " (check replication.tls of " + source.Target() + ", whose files are on " + s.e.Site + "'s host, and the certificate that " + source.Site + " shows)", nil
		}
		// 1236: the source refuses the position; the IO thread has ended for good.
		if l.io == "No" && l.ioErrno != "" && l.ioErrno != "0" {
			cause := ErrBroken
			if strings.Contains(l.ioText, "not in the master's binlog") || strings.Contains(l.ioText, "errant") {
				cause = ErrDiverged
			}
			return false, l.String(), fmt.Errorf("%s: %w: %s", s.e.Target(), cause, l)
		}
		if l.sqlBroken() {
			return false, l.String(), fmt.Errorf("%s: %w: %s", s.e.Target(), ErrBroken, l)
		}
		return false, l.String(), nil
	})
}
