//go:build integration

package contract_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/lab"
)

// A save that failed stops every write (the default), and nothing else of a source tells.
func TestRealRedisAfterAFailedSave(t *testing.T) {
	r := startReal(t)
	s := r.stores.Primary.Redis
	at, err := s.Client().ConfigGet(r.ctx, "dir").Result()
	if err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(at["dir"], "dump.rdb")
	_ = os.Remove(place)
	p := open(t, probes.Target{
		Name: "primary/data/redis", Kind: "redis", Address: s.Address, Password: func() (string, error) { return s.Password, nil },
		Role: func() probes.Role { return probes.RoleSource },
	})
	until := func(status probes.Status, detail string) probes.Result {
		t.Helper()
		var a probes.Result
		waitFor(t, string(status)+" with "+detail, func() bool {
			a = p.Probe(r.ctx)
			return a.Status == status && strings.Contains(a.Detail, detail)
		})
		return a
	}
	ctx := context.WithoutCancel(r.ctx) // for what is put right at the end, too
	set := func(save string) {
		t.Helper()
		if err := s.Client().ConfigSet(ctx, "save", save).Err(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_ = os.RemoveAll(place)
		set("")
		_ = s.Client().Save(ctx).Err()
	})
	if err := os.MkdirAll(filepath.Join(place, "in-the-way"), 0o777); err != nil {
		t.Fatal(err)
	}
	_ = s.Client().BgSave(ctx).Err()
	until(probes.StatusDegraded, "its last save to disk failed")
	if err := s.Client().Set(ctx, "saved", 1, 0).Err(); err != nil {
		t.Errorf("a server that saves nothing refuses a write: %v", err)
	}
	set("3600 1")
	a := until(probes.StatusDown, "refuses writes: its last save to disk failed (MISCONF")
	if a.Facts.ReadOnly == nil || !*a.Facts.ReadOnly {
		t.Errorf("facts %+v", a.Facts)
	}
	if err := s.Client().Set(ctx, "saved", 2, 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "MISCONF") {
		t.Errorf("a write: %v, want MISCONF", err)
	}
}

// A part of an index is no index, and the block of a full disk no fence, whatever the engine.
func TestRealSearchUnseen(t *testing.T) {
	r := startStack(t)
	for _, engine := range []string{lab.OpenSearch2, lab.Elasticsearch7} {
		t.Run(engine, func(t *testing.T) {
			s, err := r.search[engine]()
			if err != nil {
				t.Fatal(err)
			}
			do := func(method, path string, body any) {
				t.Helper()
				if err := call(t.Context(), s.URL+path, method, "", "", body); err != nil {
					t.Fatal(err)
				}
			}
			t.Cleanup(func() { _ = call(context.Background(), s.URL+"/there,nowhere", http.MethodDelete, "", "", nil) })
			do(http.MethodPut, "/there", messagesIndex)
			do(http.MethodPut, "/nowhere?wait_for_active_shards=0", map[string]any{"settings": map[string]any{
				"number_of_shards": 1, "number_of_replicas": 0, "index.routing.allocation.require._name": "nobody",
			}})
			do(http.MethodPost, "/_aliases", map[string]any{"actions": []any{
				map[string]any{"add": map[string]any{"index": "there", "alias": "parts"}}, map[string]any{"add": map[string]any{"index": "nowhere", "alias": "parts"}},
			}})
			do(http.MethodPost, "/there/_doc?refresh=true", map[string]any{"at": time.Now().UTC().Format(time.RFC3339)})

			p := open(t, probes.Target{Name: "primary/data/search", Kind: "elasticsearch", URL: s.URL, Index: "parts", TimeField: "at"})
			a := p.Probe(t.Context())
			if a.Status != probes.StatusDown || a.Facts.Count != nil || !a.Facts.NewestAt.IsZero() || a.Facts.Position != "" {
				t.Errorf("a cluster that has a shard of it nowhere: %s %q, facts %+v", a.Status, a.Detail, a.Facts)
			}
			e := searchEndpoint(engine, s.URL)
			e.Config.Index = "parts"
			st := openStore(t, e, 20*time.Second)
			if pos, err := st.Position(t.Context()); err == nil || !strings.Contains(err.Error(), "1 of 2 shards answered") {
				t.Errorf("Position = %s, %v", pos, err)
			}

			e.Config.Index = "there"
			st = openStore(t, e, 20*time.Second)
			do(http.MethodPut, "/there/_settings", map[string]any{"index.blocks.read_only_allow_delete": true})
			if ok, seen, err := st.Fenced(t.Context()); err != nil || ok {
				t.Errorf("a full disk: Fenced = %v (%s), %v", ok, seen, err)
			}
			if ev, err := st.Demote(t.Context()); err != nil {
				t.Errorf("Demote: %q, %v", ev, err)
			}
			if ok, seen, err := st.Fenced(t.Context()); err != nil || !ok {
				t.Errorf("demoted: Fenced = %v (%s), %v", ok, seen, err)
			}
			if ev, err := st.Promote(t.Context()); err != nil {
				t.Errorf("Promote: %q, %v", ev, err)
			}
		})
	}
}
