package upstream

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/dutyops/dutyops/backend/config"
)

// feedServer is a switch that can misbehave.
type feedServer struct {
	mu       sync.Mutex
	attached string
	puts     int
	// stuck takes a change and does not do it; lost does it and drops the answer.
	stuck, lost bool
	get         string // answer to GET instead of the state
}

func (f *feedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path != "/switch" {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodPut {
		f.puts++
		if r.Header.Get("Authorization") != "Bearer s3cret-token" {
			http.Error(w, "not with "+r.Header.Get("Authorization"), http.StatusUnauthorized)
			return
		}
		var b struct {
			Attached string `json:"attached"`
		}
		if json.NewDecoder(r.Body).Decode(&b) != nil {
			http.Error(w, "bad", http.StatusBadRequest)
			return
		}
		if !f.stuck {
			f.attached = b.Attached
		}
		if f.lost {
			panic(http.ErrAbortHandler)
		}
	}
	if f.get != "" {
		_, _ = w.Write([]byte(f.get))
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"attached": f.attached})
}

func newFeed(t *testing.T, f *feedServer, token string) *Feed {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	t.Setenv("FEED_TOKEN", token)
	feed, err := NewFeed(config.Upstream{Name: "airline", Switch: config.FeedSwitch{URL: srv.URL + "/switch", Token: "env:FEED_TOKEN"}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = feed.Close() })
	return feed
}

func TestFeedMovesOnceAndReadsBack(t *testing.T) {
	f := &feedServer{attached: "primary"}
	feed := newFeed(t, f, "s3cret-token")
	for _, site := range []string{"standby", "standby", "", ""} {
		ev, err := feed.Attach(t.Context(), site)
		if err != nil || len(ev) == 0 {
			t.Fatalf("Attach(%q) = %v, %v", site, ev, err)
		}
		if got, err := feed.Attached(t.Context()); err != nil || got != site {
			t.Fatalf("attached to %q (%v), want %q", got, err, site)
		}
	}
	if f.puts != 2 {
		t.Errorf("%d changes were sent, want 2: the others were so already", f.puts)
	}
}

func TestFeedFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		f     *feedServer
		token string
		want  error
	}{
		{"wrong token", &feedServer{attached: "primary"}, "wrong-token", ErrCredential},
		{"takes the change and does nothing", &feedServer{attached: "primary", stuck: true}, "s3cret-token", ErrFailed},
		{"garbage", &feedServer{get: "<html>"}, "s3cret-token", ErrUnreachable},
		{"no such field", &feedServer{get: "{}"}, "s3cret-token", ErrUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newFeed(t, c.f, c.token).Attach(t.Context(), "standby")
			if !errors.Is(err, c.want) {
				t.Fatalf("Attach = %v, want %v", err, c.want)
			}
			if strings.Contains(err.Error(), c.token) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func TestFeedLostAnswerIsDecidedByReading(t *testing.T) {
	f := &feedServer{attached: "primary", lost: true}
	ev, err := newFeed(t, f, "s3cret-token").Attach(t.Context(), "standby")
	if err != nil || !strings.Contains(strings.Join(ev, " "), "standby") {
		t.Fatalf("Attach = %v, %v; the change was made, only its answer was lost", ev, err)
	}
}

func TestFeedDownIsUnreachable(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	feed, err := NewFeed(config.Upstream{Name: "airline", Switch: config.FeedSwitch{URL: srv.URL}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := feed.Attached(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Fatalf("Attached = %v, want ErrUnreachable", err)
	}
	if _, err := NewFeed(config.Upstream{Name: "airline"}, Options{}); !errors.Is(err, ErrConfig) {
		t.Fatalf("a feed without a url: %v, want ErrConfig", err)
	}
}
