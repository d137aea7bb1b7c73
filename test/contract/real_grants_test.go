//go:build integration

package contract_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

// Exactly these rights, as docs/components says: with them all is well, and without any
// one of them the answer says which is missing.

func TestRightsOfTheProbeOnMariaDB(t *testing.T) {
	r := startReal(t)
	m := r.stores.Standby.Maria
	password := secret()
	locally(t, r, m, "CREATE USER 'least'@'127.0.0.1' IDENTIFIED BY '"+password+"'")
	target := probes.Target{
		Name: "standby/data/mysql", Kind: "mysql", Address: m.Address, User: "least", Password: func() (string, error) { return password, nil },
		Role: func() probes.Role { return probes.RoleReplica },
	}
	none := open(t, target).Probe(t.Context())
	if none.Status != probes.StatusUp || !strings.Contains(none.Detail, "replication not visible (missing privilege)") ||
		!strings.Contains(none.Facts.Extra["replication"], "grant REPLICA MONITOR") {
		t.Errorf("without any right: %s %q, %v", none.Status, none.Detail, none.Facts.Extra)
	}
	locally(t, r, m, "GRANT REPLICA MONITOR ON *.* TO 'least'@'127.0.0.1'")
	all := open(t, target).Probe(t.Context())
	if all.Status != probes.StatusUp || all.Facts.ReplicaState != "streaming" || all.Facts.Position == "" {
		t.Errorf("with REPLICA MONITOR: %s %q, %+v", all.Status, all.Detail, all.Facts)
	}
}

func TestRightsOfTheProbeOnRedis(t *testing.T) {
	r := startReal(t)
	s := r.stores.Primary.Redis
	password := secret()
	ask := func(rights ...any) probes.Result {
		t.Helper()
		if err := s.Client().Do(t.Context(), append([]any{"ACL", "SETUSER", "least", "reset", "on", ">" + password}, rights...)...).Err(); err != nil {
			t.Fatal(err)
		}
		return open(t, probes.Target{
			Name: "primary/data/redis", Kind: "redis", Address: s.Address, User: "least", Password: func() (string, error) { return password, nil },
			Role: func() probes.Role { return probes.RoleSource },
		}).Probe(t.Context())
	}
	if err := s.Client().ConfigSet(t.Context(), "min-replicas-to-write", "1").Err(); err != nil {
		t.Fatal(err)
	}
	// A replica that has just connected is not counted yet, and writes are refused until it is.
	waitFor(t, "the replica is counted", func() bool {
		info, err := s.Client().Info(t.Context(), "replication").Result()
		return err == nil && strings.Contains(info, "min_slaves_good_slaves:1")
	})
	if a := ask("+ping", "+info", "+time", "+config|get"); a.Status != probes.StatusUp || a.Facts.Extra["min-replicas-to-write"] != "" || a.Facts.Clock == nil {
		t.Errorf("with all rights: %s %q, %v", a.Status, a.Detail, a.Facts.Extra)
	}
	if a := ask("+ping", "+info", "+config|get"); a.Status != probes.StatusUp || a.Facts.Clock != nil || a.Facts.Extra["clock"] != "not visible (grant +time)" {
		t.Errorf("without +time: %s %q, %v", a.Status, a.Detail, a.Facts.Extra)
	}
	if a := ask("+ping", "+info"); a.Status != probes.StatusUp || !strings.Contains(a.Facts.Extra["min-replicas-to-write"], "+config|get") {
		t.Errorf("without +config|get: %s %q, %v", a.Status, a.Detail, a.Facts.Extra)
	}
	if a := ask("+ping"); a.Status != probes.StatusUnknown || !strings.Contains(a.Detail, "least may not run INFO") {
		t.Errorf("without +info: %s %q", a.Status, a.Detail)
	}
	if a := ask("off"); a.Status != probes.StatusUnknown || !strings.Contains(a.Detail, "wrong password for least") {
		t.Errorf("an account that is off: %s %q", a.Status, a.Detail)
	}
}

// What the server itself says of a missing right, without the hints of ours.
var lacking = regexp.MustCompile(`\(at least one of\) the ([A-Z_, ]+) privilege`)

// Each right of the acting account is taken away in turn: the steps that need it fail with the
// server's own words for it, and the store goes on as it was; those that do not are done.
func TestRightsOfTheActorOnMariaDB(t *testing.T) {
	r := startReal(t)
	source, m := r.stores.Primary.Maria, r.stores.Standby.Maria
	es := mariaEndpoint(t, source)
	rights := contract.RightsOf("mysql.md", "control")
	grant := func(list []string) {
		t.Helper()
		locally(t, r, m, "REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'control'@'127.0.0.1'", "GRANT "+strings.Join(list, ", ")+" ON *.* TO 'control'@'127.0.0.1'")
	}
	// looks is what the administrator sees of the store.
	looks := func() string {
		t.Helper()
		ro, err := m.Query(r.ctx, "SELECT @@global.read_only")
		if err != nil {
			t.Fatal(err)
		}
		st, err := replication.Open(rootEndpoint(t, r, m), replication.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = st.Close() }()
		var seen string
		waitFor(t, "the link is as it will be", func() bool { // a link that was started again needs a moment
			_, seen, err = st.Follows(t.Context(), es)
			return err == nil && !strings.Contains(seen, "Connecting") && !strings.Contains(seen, "Preparing")
		})
		return "read_only=" + ro + ", " + seen
	}
	// The server's words for what it wants, by the right's name in GRANT.
	words := map[string]string{"READ ONLY ADMIN": "READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN": "REPLICATION SLAVE ADMIN", "REPLICA MONITOR": "SLAVE MONITOR", "RELOAD": "RELOAD"}
	steps := []struct {
		name  string
		needs []string
		do    func(st replication.Store) error
	}{
		{"promote", rights, func(st replication.Store) error { _, err := st.Promote(t.Context()); return err }},
		{"demote", []string{"READ ONLY ADMIN"}, func(st replication.Store) error { _, err := st.Demote(t.Context()); return err }},
		{"follow", []string{"REPLICATION SLAVE ADMIN", "REPLICA MONITOR"}, func(st replication.Store) error { _, err := st.Follow(t.Context(), es); return err }},
	}
	run := func(do func(st replication.Store) error) error {
		t.Helper()
		st, err := replication.Open(mariaEndpoint(t, m), replication.Options{Wait: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = st.Close() }()
		return do(st)
	}
	// Every other way round it follows by the name that it was given first.
	grant(rights)
	for _, s := range steps {
		if err := run(s.do); err != nil {
			t.Fatalf("%s with %v: %v", s.name, rights, err)
		}
	}
	for i, missing := range rights {
		for _, s := range steps {
			before := looks()
			grant(without(rights, i))
			err := run(s.do)
			switch needed := slices.Contains(s.needs, missing); {
			case needed && err == nil:
				t.Errorf("%s is done without %s", s.name, missing)
			case !needed && err != nil:
				t.Errorf("%s fails without %s, which it does not need: %v", s.name, missing, err)
			case needed:
				if said := lacking.FindStringSubmatch(err.Error()); said == nil || !strings.Contains(said[1], words[missing]) || !strings.Contains(err.Error(), "grant it to control") {
					t.Errorf("%s without %s: %v; want the server to name %s", s.name, missing, err, words[missing])
				}
				if after := looks(); after != before {
					t.Errorf("%s without %s changed the store: %s\nbefore: %s", s.name, missing, after, before)
				}
			}
			grant(rights)
			if err := run(s.do); err != nil {
				t.Fatalf("%s with %v again: %v", s.name, rights, err)
			}
		}
	}
}

// rootEndpoint is m with an account that may look at everything.
func rootEndpoint(t *testing.T, r *real, m *lab.Maria) replication.Endpoint {
	t.Helper()
	e := mariaEndpoint(t, m)
	e.Config.Control = config.Account{User: "looker", Password: secretFile(t, m.Passwords["control"])}
	locally(t, r, m, "CREATE OR REPLACE USER 'looker'@'127.0.0.1' IDENTIFIED BY '"+m.Passwords["control"]+"'", "GRANT REPLICA MONITOR ON *.* TO 'looker'@'127.0.0.1'")
	return e
}

// TestRotatedReplicationPassword: the source has a new password for its copies, the link knows
// the old one; a follow gives it the one of now.
func TestRotatedReplicationPassword(t *testing.T) {
	r := startReal(t)
	source, m := r.stores.Primary.Maria, r.stores.Standby.Maria
	es := mariaEndpoint(t, source)
	fresh := "new" + source.Passwords["repl"]
	locally(t, r, source, "ALTER USER 'repl'@'127.0.0.1' IDENTIFIED BY '"+fresh+"'")
	locally(t, r, m, "STOP REPLICA", "START REPLICA")
	st, err := replication.Open(mariaEndpoint(t, m), replication.Options{Wait: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	if ev, err := st.Follow(t.Context(), es); err == nil || !strings.Contains(err.Error(), "1045") {
		t.Fatalf("with the old password: %v, %v; want the source's refusal", ev, err)
	}
	es.Config.Replication.Password = secretFile(t, fresh)
	ev, err := st.Follow(t.Context(), es)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(ev, "\n"), fresh) {
		t.Error("the evidence shows the password")
	}
	if ok, seen, err := st.Follows(t.Context(), es); err != nil || !ok {
		t.Errorf("Follows = %v (%s), %v", ok, seen, err)
	}
}

// TestRenewedLinks: the password of a link that stands is changed on the real servers.
func TestRenewedLinks(t *testing.T) {
	r := startReal(t)
	t.Run("mysql", func(t *testing.T) {
		source := r.stores.Primary.Maria
		p := contract.RenewPair{
			A: mariaEndpoint(t, source), B: mariaEndpoint(t, r.stores.Standby.Maria), Cut: cutter(r.maria),
			Rotate: func(password string) error {
				return source.Locally(r.ctx, "ALTER USER 'repl'@'127.0.0.1' IDENTIFIED BY '"+password+"'")
			},
		}
		p.A.Config.Replication.Address = r.maria.Addr()
		contract.RenewLink(t, p)
	})
	t.Run("redis", func(t *testing.T) {
		source, replica := r.stores.Primary.Redis, r.stores.Standby.Redis
		p := contract.RenewPair{
			A: redisEndpoint(t, "primary", source.Address, source.Password), B: redisEndpoint(t, "standby", replica.Address, replica.Password),
			Cut: cutter(r.redis), Rotate: r.requirePass(source),
		}
		p.A.Config.Replication = config.Replication{Address: r.redis.Addr(), Password: p.A.Config.Password}
		contract.RenewLink(t, p)
	})
}

func locally(t *testing.T, r *real, m *lab.Maria, statements ...string) {
	t.Helper()
	if err := m.Locally(r.ctx, statements...); err != nil {
		t.Fatal(err)
	}
}

func mariaEndpoint(t *testing.T, m *lab.Maria) replication.Endpoint {
	t.Helper()
	return replication.Endpoint{
		Site: m.Site, Platform: failoverplan.Business, Name: "mysql", Kind: failoverplan.MySQL,
		Config: config.Component{
			Address: m.Address, User: "probe", Password: secretFile(t, m.Passwords["probe"]),
			Control:     config.Account{User: "control", Password: secretFile(t, m.Passwords["control"])},
			Replication: config.Replication{Address: m.Address, User: "repl", Password: secretFile(t, m.Passwords["repl"])},
		},
	}
}

func open(t *testing.T, tg probes.Target) probes.Prober {
	t.Helper()
	p, err := probes.New(tg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}
