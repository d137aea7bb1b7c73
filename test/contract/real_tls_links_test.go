//go:build integration

package contract_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

// consoleTLS is how the console asks servers of ca, with a certificate of its own.
func consoleTLS(t *testing.T, ca *trusttest.CA) *config.TLS {
	t.Helper()
	dir, mine := t.TempDir(), ca.Issue(t, trusttest.Leaf{Subject: "console"})
	return &config.TLS{
		CA: config.File(trusttest.File(t, dir, "ca.pem", ca.PEM)), Cert: config.File(trusttest.File(t, dir, "cert.pem", mine.Cert)),
		Key: config.Secret("file:" + trusttest.File(t, dir, "key.pem", mine.Key)),
	}
}

func openStore(t *testing.T, e replication.Endpoint, wait time.Duration) replication.Store {
	t.Helper()
	st, err := replication.Open(e, replication.Options{Wait: wait})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

// The link between two MariaDBs, and what moves it, over TLS alone: every account but the
// root's is let in by certificate only.
func TestRealMariaDBOverTLS(t *testing.T) {
	ca, other := trusttest.NewCA(t, "Duty Test CA"), trusttest.NewCA(t, "Other CA")
	s := startSecured(t, ca)
	a, b := s.stores.Primary.Maria, s.stores.Standby.Maria
	ours := consoleTLS(t, ca)
	endpoint := func(m, follower *lab.Maria) replication.Endpoint {
		e := mariaEndpoint(t, m)
		e.Config.TLS = ours
		e.Config.Replication.TLS = &config.ReplicationTLS{CA: follower.TLS.CA, Cert: follower.TLS.Cert, Key: follower.TLS.Key}
		return e
	}
	for _, m := range []*lab.Maria{a, b} {
		if err := m.Locally(s.ctx, "ALTER USER 'control'@'127.0.0.1' REQUIRE X509"); err != nil {
			t.Fatal(err)
		}
	}
	ea, eb := endpoint(a, b), endpoint(b, a)
	sa, sb := openStore(t, ea, 20*time.Second), openStore(t, eb, 20*time.Second)
	if ok, seen, err := sb.Follows(t.Context(), ea); err != nil || ok || !strings.Contains(seen, "not with TLS as configured") {
		t.Errorf("a link without TLS counts: %v %q %v", ok, seen, err)
	}
	for _, m := range []*lab.Maria{a, b} {
		if err := m.Locally(s.ctx, "ALTER USER 'repl'@'127.0.0.1' REQUIRE X509"); err != nil {
			t.Fatal(err)
		}
	}
	follow := func(st replication.Store, from replication.Endpoint) {
		t.Helper()
		ev, err := st.Follow(t.Context(), from)
		if err != nil || !strings.Contains(strings.Join(ev, "\n"), "over TLS") {
			t.Fatalf("%v, %v", ev, err)
		}
		if ok, seen, err := st.Follows(t.Context(), from); err != nil || !ok {
			t.Fatalf("it does not follow: %q %v", seen, err)
		}
	}
	copied := func(from *lab.Maria, e replication.Endpoint, st replication.Store, flight string) {
		t.Helper()
		if err := from.Exec(s.ctx, "INSERT INTO ops.flights VALUES ('"+flight+"', 1, '{}', NOW(3))"); err != nil {
			t.Fatal(err)
		}
		waitFor(t, flight+" is copied", func() bool {
			ok, _, err := st.CaughtUp(t.Context(), e)
			return err == nil && ok
		})
	}
	follow(sb, ea)
	copied(a, ea, sb, "OVER-TLS")
	// there
	if _, err := sa.Demote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := sb.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	follow(sa, eb)
	copied(b, eb, sa, "AND-BACK")

	// what does not come up says so
	wrong := func(name string, source replication.Endpoint, text string) {
		t.Helper()
		if err := a.Exec(s.ctx, "STOP SLAVE", "RESET SLAVE ALL"); err != nil {
			t.Fatal(err)
		}
		st := openStore(t, ea, 5*time.Second)
		if _, err := st.Follow(t.Context(), source); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", name, err, text)
		}
		if ok, seen, err := st.Follows(t.Context(), source); err != nil || ok {
			t.Errorf("%s: it follows: %q %v", name, seen, err)
		}
	}
	foreign := filepath.Join(filepath.Dir(a.TLS.CA), "foreign.pem")
	if err := os.WriteFile(foreign, other.PEM, 0o644); err != nil { //nolint:gosec // a certificate, for the server's account
		t.Fatal(err)
	}
	bad := endpoint(b, a)
	bad.Config.Replication.TLS = &config.ReplicationTLS{CA: foreign, Cert: a.TLS.Cert, Key: a.TLS.Key}
	wrong("an authority that did not sign", bad, "IO error 2026")
	none := endpoint(b, a)
	none.Config.Replication.TLS = &config.ReplicationTLS{CA: a.TLS.CA}
	wrong("no client certificate", none, "IO error 1045")
	if err := b.Present(s.ctx, labTLS(contract.Shown{CA: ca, Pair: ca.Issue(t, trusttest.Leaf{Names: []string{"store.example"}}), Wants: true})); err != nil {
		t.Fatal(err)
	}
	named := endpoint(b, a)
	byName := *ours
	byName.ServerName = "store.example"
	named.Config.TLS = &byName
	wrong("a certificate for another name", named, "IO error 2026")
	if err := b.Present(s.ctx, labTLS(contract.Shown{CA: ca, Pair: ca.Issue(t, trusttest.Leaf{}), Wants: true})); err != nil {
		t.Fatal(err)
	}
	follow(sa, eb)
	copied(b, eb, sa, "AT-LAST")
}

// The link between two Redis, and what moves it, over TLS: a link that stands without is
// made anew, whether it goes to another port or to the same one.
func TestRealRedisOverTLS(t *testing.T) {
	ca, other := trusttest.NewCA(t, "Duty Test CA"), trusttest.NewCA(t, "Other CA")
	s := startSecured(t, ca)
	a, b := s.stores.Primary.Redis, s.stores.Standby.Redis
	shown := contract.Shown{CA: ca, Pair: ca.Issue(t, trusttest.Leaf{}), Wants: true} // of replicas, too
	ours, act, copying := consoleTLS(t, ca), secret(), secret()
	rights := append(contract.RightsOf("redis.md", "control"), contract.RightsOf("redis.md", "control, with `tls`")...)
	for _, r := range []*lab.Redis{a, b} {
		if err := r.Present(s.ctx, labTLS(shown)); err != nil {
			t.Fatal(err)
		}
		redisRule(t, r, "actor", act, rights)
		redisRule(t, r, "copier", copying, contract.RightsOf("redis.md", "replication (`masteruser`)"))
	}
	endpoint := func(r *lab.Redis) replication.Endpoint {
		e := redisEndpoint(t, r.Site, r.TLSAddress, r.Password)
		e.Config.TLS, e.Config.Control = ours, config.Account{User: "actor", Password: secretFile(t, act)}
		e.Config.Replication.User, e.Config.Replication.Password = "copier", secretFile(t, copying)
		return e
	}
	ea, eb := endpoint(a), endpoint(b)
	sa, sb := openStore(t, ea, 20*time.Second), openStore(t, eb, 20*time.Second)
	follow := func(st replication.Store, source *lab.Redis, from replication.Endpoint) {
		t.Helper()
		if ev, err := st.Follow(t.Context(), from); err != nil {
			t.Fatalf("%v, %v", ev, err)
		}
		if ok, seen, err := st.Follows(t.Context(), from); err != nil || !ok {
			t.Fatalf("it does not follow: %q %v", seen, err)
		}
		if err := source.Client().Set(s.ctx, "flight:"+source.Site, "B12", 0).Err(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the key is copied", func() bool {
			ok, _, err := st.CaughtUp(t.Context(), from)
			return err == nil && ok
		})
		// the source tells which of its ports the replica came in by, and as whom
		list := source.Client().Do(s.ctx, "CLIENT", "LIST", "TYPE", "replica").Val()
		if text, ok := list.(string); !ok || !strings.Contains(text, "laddr="+from.Config.Address+" ") || !strings.Contains(text, "user=copier") {
			t.Errorf("the source's replicas: %v", list)
		}
	}
	follow(sb, a, ea)
	if _, err := sa.Demote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := sb.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	follow(sa, b, eb)

	// A link that stands without TLS to what has become a port with TLS.
	tlsReplication(t, s, a, "no")
	host, port := splitAddr(b.Address)
	if err := errors.Join(
		a.Client().Do(s.ctx, "CONFIG", "SET", "masteruser", "", "masterauth", b.Password).Err(),
		a.Client().Do(s.ctx, "REPLICAOF", host, port).Err(),
	); err != nil {
		t.Fatal(err)
	}
	linked(t, s, a)
	if err := b.SwapPorts(s.ctx); err != nil {
		t.Fatal(err)
	}
	eb = endpoint(b)
	if ok, seen, err := sa.Follows(t.Context(), eb); err != nil || ok || !strings.Contains(seen, "not with TLS as configured") {
		t.Errorf("a link without TLS counts: %v %q %v", ok, seen, err)
	}
	redisRule(t, a, "actor", act, without(rights, len(rights)-1))
	if _, err := sa.Follow(t.Context(), eb); err == nil || !strings.Contains(err.Error(), "grant +client|kill to actor") {
		t.Errorf("without +client|kill: %v", err)
	}
	redisRule(t, a, "actor", act, rights)
	follow(sa, b, eb)

	// What does not come up says where to look: Redis itself tells only its log.
	if err := a.Present(s.ctx, lab.TLS{CA: other.PEM, Cert: shown.Pair.Cert, Key: shown.Pair.Key}); err != nil {
		t.Fatal(err)
	}
	if err := a.Client().Do(s.ctx, "CLIENT", "KILL", "TYPE", "master").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(t, ea, 3*time.Second).Follow(t.Context(), eb); err == nil || !strings.Contains(err.Error(), "tls-ca-cert-file in its configuration must hold the authority of standby's certificate") {
		t.Errorf("with an authority that did not sign: %v", err)
	}
}

func tlsReplication(t *testing.T, s *secured, r *lab.Redis, on string) {
	t.Helper()
	if err := r.Client().ConfigSet(s.ctx, "tls-replication", on).Err(); err != nil {
		t.Fatal(err)
	}
}

func linked(t *testing.T, s *secured, r *lab.Redis) {
	t.Helper()
	waitFor(t, "the link is up", func() bool {
		i, err := r.Client().Info(s.ctx, "replication").Result()
		return err == nil && strings.Contains(i, "master_link_status:up")
	})
}
