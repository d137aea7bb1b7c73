package bizd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Budgets of one answer. What does not answer a health query within healthBudget
// counts as broken; what users can do without gets less, so that it does not take
// the answer beyond a prober's patience. Users wait for readBudget at most.
const (
	healthBudget = 500 * time.Millisecond
	asideBudget  = 250 * time.Millisecond
	readBudget   = 800 * time.Millisecond
)

// service is an HTTP server with background work, and how both end.
type service struct {
	lis    net.Listener
	srv    *http.Server
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
	err    error
}

func newService(what, listen string) (*service, error) {
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot listen on %s (is the port in use?): %w", what, listen, err)
	}
	s := &service{lis: l}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// serve begins to answer; handlers see a context that ends with Close.
func (s *service) serve(h http.Handler) {
	s.srv = &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second,
		BaseContext: func(net.Listener) context.Context { return s.ctx },
	}
	s.wg.Go(func() {
		if err := s.srv.Serve(s.lis); !errors.Is(err, http.ErrServerClosed) {
			s.err = err
		}
	})
}

// Addr is where it listens, host:port.
func (s *service) Addr() string { return s.lis.Addr().String() }

// URL is its base URL.
func (s *service) URL() string { return "http://" + s.Addr() }

// close ends the server and the background work. It may be called more than once.
func (s *service) close(release func()) error {
	s.once.Do(func() {
		s.cancel()
		if s.srv != nil {
			_ = s.srv.Close() // the listener was closed before: nothing is lost
		} else {
			_ = s.lis.Close()
		}
		s.wg.Wait()
		if release != nil {
			release()
		}
	})
	return s.err
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nobody left to tell
}

// health is the answer of /healthz.
type health struct {
	// Status is "ok", "degraded" while a part that users can do without has trouble,
	// or "unavailable".
	Status string `json:"status"`
	// Parts tells "ok" or why not of each.
	Parts map[string]string `json:"parts"`
}

// part is something that a subsystem works with.
type part struct {
	ask func(context.Context) error
	// needed: users are not served without it.
	needed bool
}

// check asks all parts at the same time. Only a needed one makes the subsystem
// unavailable: the others have health of their own, where trouble is told as theirs.
func check(ctx context.Context, parts map[string]part) (int, health) {
	ctx, cancel := context.WithTimeout(ctx, healthBudget)
	defer cancel()
	h := health{Status: "ok", Parts: map[string]string{}}
	status := http.StatusOK
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name, p := range parts {
		wg.Go(func() {
			ctx := ctx
			if !p.needed {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, asideBudget)
				defer cancel()
			}
			err := p.ask(ctx)
			mu.Lock()
			defer mu.Unlock()
			h.Parts[name] = "ok"
			if err == nil {
				return
			}
			h.Parts[name] = err.Error()
			switch {
			case p.needed:
				status, h.Status = http.StatusServiceUnavailable, "unavailable"
			case status == http.StatusOK:
				h.Status = "degraded"
			}
		})
	}
	wg.Wait()
	return status, h
}
