package sandbox

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/searchd"
)

func TestCopierFollowsTheLeader(t *testing.T) {
	node := func(name string) *searchd.Server {
		s, err := searchd.Start(searchd.Options{Name: name, User: "u", Password: "p", RemoteAllow: []string{"127.0.0.1:*"}})
		must(t, err)
		t.Cleanup(func() { must(t, s.Close()) })
		return s
	}
	a, b := node("a"), node("b")
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	put := func(s *searchd.Server, id string, version int) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut,
			fmt.Sprintf("%s/messages/_doc/%s?version=%d&version_type=external", s.URL(), id, version), strings.NewReader(`{"v":1}`))
		must(t, err)
		req.SetBasicAuth("u", "p")
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		must(t, err)
		_ = res.Body.Close()
	}
	count := func(s *searchd.Server) (n int) {
		s.Each("messages", func(string, int64, json.RawMessage) { n++ })
		return n
	}
	var leader atomic.Value
	leader.Store("a")
	ea, eb := endpoint{a.URL(), "u", "p"}, endpoint{b.URL(), "u", "p"}
	put(a, "1", 1)
	c := newCopier([]copyPair{
		{index: "messages", from: "a", to: "b", source: ea, target: eb},
		{index: "messages", from: "b", to: "a", source: eb, target: ea},
	}, func(_, site string) bool { return leader.Load() == site }, 5*time.Millisecond, slog.New(slog.DiscardHandler))
	defer c.close()
	eventually(t, "the first document arrives", func() bool { return count(b) == 1 })
	put(a, "2", 1)
	eventually(t, "the second document arrives", func() bool { return count(b) == 2 })
	leader.Store("nobody")
	put(b, "3", 1)
	leader.Store("b")
	eventually(t, "the other direction", func() bool { return count(a) == 3 })
}

// eventually polls until ok, or fails the test after a generous time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}
