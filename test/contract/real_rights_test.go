//go:build integration

package contract_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
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

// redisRule lets user do at a server what the rights say, on every key.
func redisRule(t *testing.T, at *lab.Redis, user, password string, rights []string) {
	t.Helper()
	args := []any{"ACL", "SETUSER", user, "reset", "on", ">" + password}
	for _, x := range rights {
		args = append(args, x)
	}
	if err := at.Client().Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
}

// Each rule of the acting account of Redis is taken away in turn: the steps that need it fail,
// in the server's words and with the rule's name, and the store plays the part that it did.
func TestRightsOfTheActorOnRedis(t *testing.T) {
	r := startReal(t)
	source, s := r.stores.Primary.Redis, r.stores.Standby.Redis
	act, copying := secret(), secret()
	redisRule(t, source, "copier", copying, append(contract.RightsOf("redis.md", "replication (`masteruser`)"), "~*"))
	mine := redisEndpoint(t, "standby", s.Address, s.Password)
	mine.Config.Control = config.Account{User: "actor", Password: secretFile(t, act)}
	from := redisEndpoint(t, "primary", source.Address, source.Password)
	from.Config.Control = config.Account{User: "actor", Password: secretFile(t, act)}
	from.Config.Replication.User, from.Config.Replication.Password = "copier", secretFile(t, copying)
	rights := contract.RightsOf("redis.md", "control")
	redisRule(t, source, "actor", act, rights)
	looks := func() string {
		t.Helper()
		info, err := s.Client().InfoMap(t.Context(), "replication").Result()
		fence, err2 := s.Client().ConfigGet(t.Context(), "min-replicas-to-write").Result()
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		x := info["Replication"]
		return strings.Join([]string{x["role"], x["master_host"], x["master_port"], fence["min-replicas-to-write"]}, " ")
	}
	everything := []string{"promote", "demote", "follow"}
	needed := map[string][]string{
		"+info": everything, "+config|get": everything, "+config|set": {"demote", "follow"}, "+replicaof": {"promote", "follow"}, "+dbsize": {"follow"},
		"~*": nil, // no command of these has a key: it is there for what Redis may ask for later
	}
	steps := map[string]func(st replication.Store) error{
		"promote": func(st replication.Store) error { _, err := st.Promote(t.Context()); return err },
		"demote":  func(st replication.Store) error { _, err := st.Demote(t.Context()); return err },
		"follow":  func(st replication.Store) error { _, err := st.Follow(t.Context(), from); return err },
	}
	run := func(step string) error {
		t.Helper()
		st, err := replication.Open(mine, replication.Options{Wait: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = st.Close() }()
		return steps[step](st)
	}
	redisRule(t, s, "actor", act, rights)
	for _, step := range everything {
		if err := run(step); err != nil {
			t.Fatalf("%s with %v: %v", step, rights, err)
		}
	}
	for i, missing := range rights {
		for _, step := range everything {
			before := looks()
			redisRule(t, s, "actor", act, without(rights, i))
			switch err := run(step); {
			case !slices.Contains(needed[missing], step) && err != nil:
				t.Errorf("%s fails without %s, which it does not need: %v", step, missing, err)
			case !slices.Contains(needed[missing], step):
			case err == nil:
				t.Errorf("%s is done without %s", step, missing)
			case !strings.Contains(err.Error(), "NOPERM") || !strings.Contains(err.Error(), "'"+missing[1:]+"'") || !strings.Contains(err.Error(), "grant "+missing+" to actor"):
				t.Errorf("%s without %s: %v; want the server to name it", step, missing, err)
			default:
				if after := looks(); after != before {
					t.Errorf("%s without %s changed the store: %s, before: %s", step, missing, after, before)
				}
			}
			redisRule(t, s, "actor", act, rights)
			if err := run(step); err != nil {
				t.Fatalf("%s with %v again: %v", step, rights, err)
			}
		}
	}
}

// The accounts that links are made with: with exactly the rights of the page a link comes up,
// and without any one of them that the server asks for it does not.
func TestRightsOfTheLinks(t *testing.T) {
	r := startReal(t)
	t.Run("mysql", func(t *testing.T) {
		source, m := r.stores.Primary.Maria, r.stores.Standby.Maria
		p := open(t, probes.Target{
			Name: "standby/data/mysql", Kind: "mysql", Address: m.Address, User: "probe",
			Password: func() (string, error) { return m.Passwords["probe"], nil }, Role: func() probes.Role { return probes.RoleReplica },
		})
		grant := func(statement string) {
			t.Helper()
			locally(t, r, source, statement)
			locally(t, r, m, "STOP REPLICA", "START REPLICA")
		}
		const to = " ON *.* TO 'repl'@'127.0.0.1'"
		rights := contract.RightsOf("mysql.md", "repl")
		grant("REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'repl'@'127.0.0.1'")
		var a probes.Result
		waitFor(t, "without the right the replica says so", func() bool {
			a = p.Probe(t.Context())
			return a.Status == probes.StatusDegraded && strings.Contains(a.Detail, "its replication account lacks "+rights[0])
		})
		grant("GRANT " + strings.Join(rights, ", ") + to)
		waitFor(t, "with it the link is up", func() bool {
			a = p.Probe(t.Context())
			return a.Status == probes.StatusUp && a.Facts.ReplicaState == "streaming"
		})
	})
	t.Run("redis", func(t *testing.T) {
		source, s := r.stores.Primary.Redis, r.stores.Standby.Redis
		password := secret()
		rights := contract.RightsOf("redis.md", "replication (`masteruser`)")
		up := func(rights []string) bool {
			t.Helper()
			redisRule(t, source, "linker", password, rights)
			host, port := splitAddr(source.Address)
			for _, args := range [][]any{
				{"REPLICAOF", "NO", "ONE"}, {"CONFIG", "SET", "masteruser", "linker"}, {"CONFIG", "SET", "masterauth", password}, {"REPLICAOF", host, port},
			} {
				if err := s.Client().Do(t.Context(), args...).Err(); err != nil {
					t.Fatal(err)
				}
			}
			// A link that its source refuses is tried once a second, for ever.
			link, tries := "", 0
			waitFor(t, "the link is up, or was refused", func() bool {
				info, err := s.Client().InfoMap(t.Context(), "replication").Result()
				link = info["Replication"]["master_link_status"]
				tries++
				return err == nil && (link == "up" || tries > 60)
			})
			return link == "up"
		}
		if !up(rights) {
			t.Errorf("with %v the link does not come up", rights)
		}
		syncs := func() string {
			t.Helper()
			info, err := source.Client().InfoMap(t.Context(), "stats").Result()
			if err != nil {
				t.Fatal(err)
			}
			return info["Stats"]["sync_full"] + " " + info["Stats"]["sync_partial_ok"]
		}
		for i, missing := range rights {
			stands := up(without(rights, i))
			switch {
			case stands != (missing != "+psync"): // PING is tried and need not be answered
				t.Errorf("without %s: the link is up %v", missing, stands)
			case missing == "+replconf": // no word of how far the copy is: it is given up after repl-timeout
				before := syncs()
				waitFor(t, "the source cuts a copy that it hears nothing of", func() bool { return syncs() != before })
			}
		}
	})
}

// What a replica was told of its account for another source, or before the configuration
// changed, does not stay: real Redis refuses one that sends a password unasked.
func TestRedisForgetsFormerAccounts(t *testing.T) {
	r := startReal(t)
	source, s := r.stores.Primary.Redis, r.stores.Standby.Redis
	mine, from := redisEndpoint(t, "standby", s.Address, s.Password), redisEndpoint(t, "primary", source.Address, source.Password)
	st := openStore(t, mine, 20*time.Second)
	former := func() {
		t.Helper()
		if err := errors.Join(
			s.Client().Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(),
			s.Client().Do(t.Context(), "CONFIG", "SET", "masteruser", "former", "masterauth", secret()).Err(),
		); err != nil {
			t.Fatal(err)
		}
	}
	former()
	if ev, err := st.Follow(t.Context(), from); err != nil {
		t.Fatalf("a password alone is the default user's: %v, %v", ev, err)
	}
	if err := source.Client().ConfigSet(t.Context(), "requirepass", "").Err(); err != nil {
		t.Fatal(err)
	}
	from.Config.Password, from.Config.Replication.Password = "", ""
	former()
	if ev, err := st.Follow(t.Context(), from); err != nil {
		t.Fatalf("a source that asks for no password: %v, %v", ev, err)
	}
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
	ctx, dir := labDir(t)
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
	var last probes.Result
	ask := func() probes.Result {
		last = open(t, probes.Target{
			Name: "primary/data/kafka", Kind: "kafka", Brokers: []string{guarded}, Topics: []string{topic}, User: "least", SASL: "plain",
			Password: func() (string, error) { return password, nil },
		}).Probe(ctx)
		return last
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last answer: %s %q, %v", last.Status, last.Detail, last.Facts.Extra)
		}
	})
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
