package contract_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/backend/sandbox/connectd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/backend/sandbox/redisd"
	"github.com/dutyops/dutyops/backend/sandbox/searchd"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/test/contract"
)

func TestSandboxSearchActions(t *testing.T) {
	p := contract.SearchPair{User: [2]string{"duty", "duty"}}
	for i, e := range []*replication.Endpoint{&p.A, &p.B} {
		p.Password[i] = secret()
		s, err := searchd.Start(searchd.Options{Name: "n", ClusterName: "c", User: "duty", Password: p.Password[i], RemoteAllow: []string{"127.0.0.1:*"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if err := call(t.Context(), s.URL()+"/messages", http.MethodPut, "duty", p.Password[i], messagesIndex); err != nil {
			t.Fatal(err)
		}
		*e = searchEndpoint([]string{"primary", "standby"}[i], s.URL())
		e.Config.User, e.Config.Password = "duty", secretFile(t, p.Password[i])
	}
	contract.SearchActions(t, p)
}

// messagesIndex has no copies: with one, a single node is yellow for ever.
var messagesIndex = map[string]any{
	"settings": map[string]any{"number_of_shards": 1, "number_of_replicas": 0},
	"mappings": map[string]any{"properties": map[string]any{"at": map[string]any{"type": "date"}}},
}

func searchEndpoint(site, url string) replication.Endpoint {
	return replication.Endpoint{
		Site: site, Platform: failoverplan.Business, Name: "search", Kind: failoverplan.Elasticsearch,
		Config: config.Component{URL: url, Index: "messages", TimeField: "at"},
	}
}

func TestSandboxMirrorActions(t *testing.T) {
	var brokers [2][]string
	for i := range brokers {
		k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{"flight.messages": 2}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = k.Close() })
		brokers[i] = k.Brokers()
	}
	s, err := connectd.Start(connectd.Options{FlushEvery: 200 * time.Millisecond, Connectors: []connectd.Connector{{
		Name: "mirror-from-primary", SourceAlias: "primary", TargetAlias: "standby",
		SourceBrokers: brokers[0], TargetBrokers: brokers[1], Topics: []string{"flight.messages"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	contract.MirrorActions(t, contract.MirrorPair{
		Connect: connectEndpoint(s.URL()), Connector: "mirror-from-primary", Topic: "flight.messages", Source: brokers[0], Target: brokers[1],
	})
}

func connectEndpoint(url string) replication.Endpoint {
	return replication.Endpoint{
		Site: "standby", Platform: failoverplan.Data, Name: "connect", Kind: failoverplan.KafkaConnect, Config: config.Component{URL: url},
	}
}

// secretFile writes a password where only the test can read it.
func secretFile(t *testing.T, value string) config.Secret {
	t.Helper()
	f := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(f, []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Secret("file:" + f)
}

func redisEndpoint(t *testing.T, site, address, password string) replication.Endpoint {
	t.Helper()
	return replication.Endpoint{
		Site: site, Platform: failoverplan.Business, Name: "redis", Kind: failoverplan.Redis,
		Config: config.Component{
			Address: address, Password: secretFile(t, password),
			Replication: config.Replication{Address: address, Password: secretFile(t, password)},
		},
	}
}

func storeActions(t *testing.T, p contract.StorePair) {
	t.Helper()
	contract.StoreActions(t, p)
	contract.StoreHistories(t, p)
}

func TestSandboxRedisActions(t *testing.T) {
	password := secret()
	var at [2]*redisd.Server
	var clients [2]*redis.Client
	o := redisd.Options{Name: "r", Password: password, MasterAuth: password}
	for i := range at {
		s, err := redisd.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		o.ReplicaOf = s.Addr()
		at[i], clients[i] = s, redis.NewClient(&redis.Options{Addr: s.Addr(), Password: password, Protocol: 2, DisableIdentity: true})
		t.Cleanup(func() { _ = clients[i].Close() })
	}
	which := map[string]*redis.Client{"a": clients[0], "b": clients[1]}
	storeActions(t, contract.StorePair{
		A: redisEndpoint(t, "primary", at[0].Addr(), password), B: redisEndpoint(t, "standby", at[1].Addr(), password),
		Write: func(store, key string) error { return which[store].Set(t.Context(), key, "1", 0).Err() },
		Brief: func(store, key string) error { return which[store].Set(t.Context(), key, "1", time.Second).Err() },
		Has: func(store, key string) (bool, error) {
			n, err := which[store].Exists(t.Context(), key).Result()
			return n == 1, err
		},
	})
}

func TestSandboxMySQLActions(t *testing.T) {
	password := secret()
	p := contract.StorePair{}
	addr, admin := map[string]string{}, map[string]*sql.DB{}
	for i, e := range []*replication.Endpoint{&p.A, &p.B} {
		name := []string{"a", "b"}[i]
		s, db, err := mysqlServer(t, uint32(i+1), i == 1, password) //nolint:gosec // one of two
		if err != nil {
			t.Fatal(err)
		}
		addr[name], admin[name] = s.Addr(), db
		*e = replication.Endpoint{
			Site: []string{"primary", "standby"}[i], Platform: failoverplan.Business, Name: "mysql", Kind: failoverplan.MySQL,
			Config: config.Component{
				Address: s.Addr(), User: "duty", Password: secretFile(t, password),
				Control:     config.Account{User: "admin", Password: secretFile(t, password)},
				Replication: config.Replication{Address: s.Addr(), User: "app", Password: secretFile(t, password)},
			},
		}
	}
	for _, q := range []string{"CREATE DATABASE IF NOT EXISTS ops", "CREATE TABLE ops.t (id VARCHAR(16) PRIMARY KEY)"} {
		if _, err := admin["a"].ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	host, port := splitAddr(addr["a"])
	for _, q := range []string{fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=%s, MASTER_USER='app', MASTER_PASSWORD='%s', "+
		"MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1", host, port, password), "START REPLICA"} {
		if _, err := admin["b"].ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	p.Write = func(store, key string) error {
		return writeSQL(t, addr[store], "app", password, "INSERT INTO ops.t VALUES ('"+key+"')")
	}
	p.Has = func(store, key string) (bool, error) {
		n := 0
		err := admin[store].QueryRowContext(t.Context(), "SELECT COUNT(*) FROM ops.t WHERE id='"+key+"'").Scan(&n)
		return n == 1, err
	}
	storeActions(t, p)
}

// writeSQL writes as the business does: with an account that read_only binds.
func writeSQL(t *testing.T, address, user, password, statement string) error {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd = "tcp", address, user, password
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(t.Context(), statement)
	return err
}
