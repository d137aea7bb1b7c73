//go:build integration

package contract_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

// turn promotes a store, fences it and lets it follow its source again: everything that
// the acting account needs rights for.
func turn(t *testing.T, e, source replication.Endpoint) error {
	t.Helper()
	st, err := replication.Open(e, replication.Options{Wait: 20 * time.Second})
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	if _, err := st.Promote(t.Context()); err != nil {
		return err
	}
	if _, err := st.Demote(t.Context()); err != nil {
		return err
	}
	_, err = st.Follow(t.Context(), source)
	return err
}

// without is the list but for one.
func without(list []string, i int) []string {
	return slices.Concat(list[:i], list[i+1:])
}

// Oracle's 5.6 has no finer right than SUPER; the server names what is missing.
func TestRightsOnMySQL56(t *testing.T) {
	o := startOracle(t)
	grant := func(user string, rights ...string) {
		t.Helper()
		stmts := []string{"REVOKE ALL PRIVILEGES, GRANT OPTION FROM '" + user + "'@'127.0.0.1'"}
		if len(rights) > 0 {
			stmts = append(stmts, "GRANT "+strings.Join(rights, ", ")+" ON *.* TO '"+user+"'@'127.0.0.1'")
		}
		if err := o.pair[1].Locally(o.ctx, stmts...); err != nil {
			t.Fatal(err)
		}
	}
	target := probes.Target{
		Name: "standby/data/mysql", Kind: "mysql", Address: o.pair[1].Address, User: "probe",
		Password: func() (string, error) { return o.pair[1].Passwords["probe"], nil }, Role: func() probes.Role { return probes.RoleReplica },
	}
	grant("probe")
	if a := open(t, target).Probe(t.Context()); a.Status != probes.StatusUp || !strings.Contains(a.Facts.Extra["replication"], "REPLICATION CLIENT") {
		t.Errorf("without any right: %s %q, %v", a.Status, a.Detail, a.Facts.Extra)
	}
	grant("probe", "REPLICATION CLIENT")
	if a := open(t, target).Probe(t.Context()); a.Status != probes.StatusUp || a.Facts.ReplicaState != "streaming" || a.Facts.Clock == nil || a.Facts.Extra["server_uuid"] == "" {
		t.Errorf("with REPLICATION CLIENT: %s %q, %+v", a.Status, a.Detail, a.Facts)
	}

	endpoint := func(i int) replication.Endpoint {
		m := o.pair[i]
		return replication.Endpoint{
			Site: m.Site, Platform: failoverplan.Business, Name: "mysql", Kind: failoverplan.MySQL,
			Config: config.Component{
				Address:     m.Address,
				Control:     config.Account{User: "control", Password: secretFile(t, m.Passwords["control"])},
				Replication: config.Replication{Address: m.Address, User: "repl", Password: secretFile(t, m.Passwords["repl"])},
			},
		}
	}
	source, replica := endpoint(0), endpoint(1)
	rights := []string{"SUPER", "RELOAD"}
	for i, missing := range rights {
		grant("control", without(rights, i)...)
		if err := turn(t, replica, source); err == nil || !strings.Contains(err.Error(), "(at least one of) the "+missing) {
			t.Errorf("without %s: %v, want it named", missing, err)
		}
		grant("control", rights...)
		if err := turn(t, replica, source); err != nil {
			t.Fatalf("with %v: %v", rights, err)
		}
	}
}

// The acting account of Redis, and the one that a replica copies with.
func TestRightsOfTheActorOnRedis(t *testing.T) {
	r := startReal(t)
	source, s := r.stores.Primary.Redis, r.stores.Standby.Redis
	act, copying := secret(), secret()
	rule := func(at *lab.Redis, user, password string, rights []string) {
		t.Helper()
		args := []any{"ACL", "SETUSER", user, "reset", "on", ">" + password, "~*"}
		for _, x := range rights {
			args = append(args, x)
		}
		if err := at.Client().Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	rule(source, "copier", copying, []string{"+psync", "+replconf", "+ping"})
	mine := redisEndpoint(t, "standby", s.Address, s.Password)
	mine.Config.Control = config.Account{User: "actor", Password: secretFile(t, act)}
	from := redisEndpoint(t, "primary", source.Address, source.Password)
	from.Config.Control = config.Account{User: "actor", Password: secretFile(t, act)}
	from.Config.Replication.User, from.Config.Replication.Password = "copier", secretFile(t, copying)
	rights := []string{"+info", "+config|get", "+config|set", "+replicaof", "+dbsize"}
	rule(source, "actor", act, rights)
	for i, missing := range rights {
		rule(s, "actor", act, without(rights, i))
		if err := turn(t, mine, from); err == nil || !strings.Contains(err.Error(), "grant "+missing+" to actor") {
			t.Errorf("without %s: %v, want it named", missing, err)
		}
		rule(s, "actor", act, rights)
		if err := turn(t, mine, from); err != nil {
			t.Fatalf("with %v: %v", rights, err)
		}
	}
	st, err := replication.Open(mine, replication.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	waitFor(t, "the replica copies as copier", func() bool {
		ok, _, err := st.Follows(t.Context(), from)
		return err == nil && ok
	})
}

func waitFor(t *testing.T, what string, look func() bool) {
	t.Helper()
	limit := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !look() {
		select {
		case <-limit:
			t.Fatal(what)
		case <-tick.C:
		}
	}
}

func TestRightsOfTheProbeOnRabbitMQ(t *testing.T) {
	r := startStack(t)
	s, err := r.rabbit()
	if err != nil {
		t.Fatal(err)
	}
	password := secret()
	manage := func(path string, body any) {
		t.Helper()
		if err := call(r.ctx, s.URL+"/api/"+path, http.MethodPut, "admin", s.Passwords["admin"], body); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(tag, read string) probes.Result {
		t.Helper()
		manage("users/least", map[string]any{"password": password, "tags": tag})
		manage("permissions/"+url.PathEscape("/")+"/least", map[string]any{"configure": "", "write": "", "read": read})
		return open(t, probes.Target{
			Name: "primary/data/rabbitmq", Kind: "rabbitmq", Address: s.Address, URL: s.URL, User: "least", Queue: "notifications",
			Password: func() (string, error) { return password, nil },
		}).Probe(t.Context())
	}
	manage("users/least", map[string]any{"password": password, "tags": "monitoring"})
	if a := open(t, probes.Target{
		Name: "primary/data/rabbitmq", Kind: "rabbitmq", Address: s.Address, User: "least", Password: func() (string, error) { return password, nil },
	}).Probe(t.Context()); a.Status != probes.StatusUnknown || !strings.Contains(a.Detail, "least may not use the virtual host") {
		t.Errorf("without the virtual host: %s %q", a.Status, a.Detail)
	}
	if a := ask("monitoring", "^notifications$"); a.Status != probes.StatusUp || a.Facts.Count == nil || strings.Contains(a.Detail, "not visible") {
		t.Errorf("with all rights: %s %q, %+v", a.Status, a.Detail, a.Facts)
	}
	// A passive declaration needs no right to the queue, only one to the virtual host.
	if a := ask("monitoring", ""); a.Status != probes.StatusUp || a.Facts.Count == nil {
		t.Errorf("with an empty permission: %s %q, %v", a.Status, a.Detail, a.Facts.Extra)
	}
	if a := ask("", "^notifications$"); a.Status != probes.StatusUp || !strings.Contains(a.Detail, "alarms not visible") || !strings.Contains(a.Detail, "give least the tag monitoring") {
		t.Errorf("without the tag: %s %q", a.Status, a.Detail)
	}
}

// DESCRIBE on the topics is all that a probe of Kafka needs; the disks alone want it on the
// cluster, and are left out without.
func TestRightsOfTheProbeOnKafka(t *testing.T) {
	ctx := t.Context()
	dir, err := lab.NewDir("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	k, err := lab.NewKafka(ctx, dir, "primary")
	if err != nil {
		t.Fatal(err)
	}
	password := secret()
	guarded, err := k.Guard(ctx, "least", password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
	if err := errors.Join(k.Start(ctx), k.CreateTopics(ctx, 2, topic)); err != nil {
		t.Fatal(err)
	}
	ask := func() probes.Result {
		return open(t, probes.Target{
			Name: "primary/data/kafka", Kind: "kafka", Brokers: []string{guarded}, Topics: []string{topic}, User: "least", SASL: "plain",
			Password: func() (string, error) { return password, nil },
		}).Probe(ctx)
	}
	if a := ask(); a.Status != probes.StatusUp || a.Facts.Extra["topic "+topic] != "not allowed to see it (grant DESCRIBE on the topic to least)" {
		t.Errorf("without any right: %s %q, %v\n%s", a.Status, a.Detail, a.Facts.Extra, strings.Join(a.Transcript, "\n"))
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(k.Address), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rule := kadm.NewACLs().Topics(topic).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpDescribe).Allow("User:least").AllowHosts()
	if made, err := kadm.NewClient(c).CreateACLs(ctx, rule); err != nil || len(made) != 1 || made[0].Err != nil {
		t.Fatalf("%v, %v", made, err)
	}
	waitFor(t, "with DESCRIBE on the topic", func() bool {
		a := ask()
		return a.Status == probes.StatusUp && strings.Contains(a.Detail, "2 partitions, all with a leader") && len(a.Facts.Offsets) == 2
	})
	// The disks alone want a right to the cluster.
	if a := ask(); a.Facts.Extra["disks"] != "not visible (grant DESCRIBE on the cluster to least)" {
		t.Errorf("without a right to the cluster: %q %v", a.Detail, a.Facts.Extra)
	}
	rule = kadm.NewACLs().Clusters().ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpDescribe).Allow("User:least").AllowHosts()
	if made, err := kadm.NewClient(c).CreateACLs(ctx, rule); err != nil || len(made) != 1 || made[0].Err != nil {
		t.Fatalf("%v, %v", made, err)
	}
	waitFor(t, "with DESCRIBE on the cluster", func() bool {
		a := ask()
		return a.Status == probes.StatusUp && a.Facts.Extra["disks"] == "" && strings.Contains(fmt.Sprint(a.Facts.Extra), "disk of broker")
	})
	// The same account by SCRAM, whose password Kafka can change. Nothing cuts the probe's
	// connection here: that newcomers are refused is seen when it is renewed.
	alter := func(password string) error {
		return contract.AlterSCRAM(ctx, "least", password, kgo.SeedBrokers(k.Address))
	}
	if err := alter(password); err != nil {
		t.Fatal(err)
	}
	watched := &component{rotate: alter, target: probes.Target{
		Brokers: []string{guarded}, Topics: []string{topic}, User: "least", Password: func() (string, error) { return password, nil },
	}}
	expect(t, contract.RunRotated(t, rotating{kafka: func(*testing.T) (contract.Component, error) { return watched, nil }}, "kafka"), nil)
}
