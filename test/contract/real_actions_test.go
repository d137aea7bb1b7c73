//go:build integration

package contract_test

import (
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

func TestRealMariaDBActions(t *testing.T) {
	r := startReal(t)
	at := map[string]*lab.Maria{"a": r.stores.Primary.Maria, "b": r.stores.Standby.Maria}
	storeActions(t, contract.StorePair{
		A: mariaEndpoint(t, at["a"]), B: mariaEndpoint(t, at["b"]),
		Write: func(store, key string) error {
			return writeSQL(t, at[store].Address, "app", at[store].Passwords["app"], "INSERT INTO ops.flights VALUES ('"+key+"', 1, '{}', NOW(3))")
		},
		Has: func(store, key string) (bool, error) {
			n, err := at[store].Query(r.ctx, "SELECT COUNT(*) FROM ops.flights WHERE flight='"+key+"'")
			return n == "1", err
		},
	})
}

func TestRealRedisActions(t *testing.T) {
	r := startReal(t)
	at := map[string]*lab.Redis{"a": r.stores.Primary.Redis, "b": r.stores.Standby.Redis}
	endpoint := func(s *lab.Redis) replication.Endpoint {
		return redisEndpoint(t, s.Site, s.Address, s.Password)
	}
	storeActions(t, contract.StorePair{
		A: endpoint(at["a"]), B: endpoint(at["b"]),
		Write: func(store, key string) error { return at[store].Client().Set(r.ctx, key, "1", 0).Err() },
		Brief: func(store, key string) error { return at[store].Client().Set(r.ctx, key, "1", time.Second).Err() },
		Has: func(store, key string) (bool, error) {
			n, err := at[store].Client().Exists(r.ctx, key).Result()
			return n == 1, err
		},
	})
}
