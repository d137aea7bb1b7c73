//go:build integration

package lab

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Users call the lab all the time, as users do: they resolve a name through Unbound, call
// the gateway they get, and look whether flights come back. Safe for concurrent use.
type Users struct {
	mu     sync.Mutex
	seen   Seen
	bad    time.Time // since when calls fail; zero while they work
	cancel context.CancelFunc
	done   chan struct{}
}

// Seen is what users have seen so far.
type Seen struct {
	Requests, Failed int
	ServedBy         map[string]int
	// Now is the site of the last good answer; "none" while calls fail.
	Now           string
	LongestOutage time.Duration
	LastError     string
}

// StartUsers begins to call. resolver is host:port; the gateways listen on port.
func StartUsers(resolver string, port int, names []Domain) *Users {
	ctx, cancel := context.WithCancel(context.Background())
	u := &Users{cancel: cancel, done: make(chan struct{}), seen: Seen{ServedBy: map[string]int{}, Now: "none"}}
	go func() {
		defer close(u.done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			site, err := Call(ctx, resolver, port, names[i%len(names)].Name)
			if ctx.Err() == nil {
				u.note(site, err, time.Now())
			}
		}
	}()
	return u
}

func (u *Users) note(site string, err error, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen.Requests++
	if err != nil {
		u.seen.Failed++
		u.seen.Now, u.seen.LastError = "none", err.Error()
		if u.bad.IsZero() {
			u.bad = at
		}
	} else {
		u.seen.ServedBy[site]++
		u.seen.Now = site
	}
	if !u.bad.IsZero() {
		u.seen.LongestOutage = max(u.seen.LongestOutage, at.Sub(u.bad))
	}
	if err == nil {
		u.bad = time.Time{}
	}
}

// Seen returns a copy.
func (u *Users) Seen() Seen {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.seen
	s.ServedBy = maps.Clone(s.ServedBy)
	return s
}

// Stop ends the calls and waits for the last one.
func (u *Users) Stop() {
	u.cancel()
	<-u.done
}

// Call resolves name at resolver, asks the gateway found there for flights, and tells
// which site answered.
func Call(ctx context.Context, resolver string, port int, name string) (site string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	addrs, err := Lookup(ctx, resolver, name)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", name, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(name, strconv.Itoa(port))+"/monitoring/flights", nil)
	if err != nil {
		return "", err
	}
	d := net.Dialer{}
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, net.JoinHostPort(addrs[0], strconv.Itoa(port)))
	}}
	defer tr.CloseIdleConnections()
	a, err := tr.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = a.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if a.StatusCode != http.StatusOK || len(body) == 0 || body[0] != '[' {
		return "", fmt.Errorf("%s at %s: %s", name, addrs[0], a.Status)
	}
	return a.Header.Get("X-Site"), nil
}
