package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/backend/sandbox/bizd"
)

const (
	// userPatience is how long a user waits for a page.
	userPatience = time.Second
	// resolvePatience is how long a user's machine waits for one DNS answer.
	resolvePatience = 400 * time.Millisecond
)

// crowd is the synthetic users: one after the other at each station, resolving the
// station's name through the resolver every time and keeping no address.
type crowd struct {
	resolver string
	gateways map[string]string // address in DNS -> URL where that gateway answers
	every    time.Duration     // between two requests at one station
	http     *http.Client
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu       sync.Mutex
	stations map[string]*station
	servedBy map[string]int64
	lastSite string
	lastAt   time.Time
	out      int // stations in an outage
	outSince time.Time
	outTotal time.Duration
}

type station struct {
	requests, failed int64
	now              string
	problem          string
	outSince         time.Time // zero = served
	total, longest   time.Duration
}

func newCrowd(resolver string, gateways map[string]string, perSecond float64, domains map[string]string) *crowd {
	c := &crowd{
		resolver: resolver, gateways: gateways,
		every:    time.Duration(float64(time.Second) * float64(len(domains)) / perSecond),
		http:     &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 5 * time.Second}},
		stations: map[string]*station{}, servedBy: map[string]int64{},
	}
	for s := range domains {
		c.stations[s] = &station{now: "none"}
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	for i, s := range slices.Sorted(maps.Keys(domains)) {
		c.wg.Go(func() { c.run(ctx, s, domains[s], time.Duration(i)*c.every/time.Duration(len(domains))) })
	}
	return c
}

func (c *crowd) close() {
	c.cancel()
	c.wg.Wait()
	c.http.CloseIdleConnections()
}

// run is one station: a request, a pause, the other page.
func (c *crowd) run(ctx context.Context, name, domain string, after time.Duration) {
	pages := []string{"/monitoring/flights?limit=10", "/scheduling/tasks?limit=10"}
	t := time.NewTimer(after)
	defer t.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		began := time.Now()
		site, err := c.visit(ctx, domain, pages[i%len(pages)])
		if ctx.Err() != nil {
			return
		}
		c.count(name, site, err, began, time.Now())
		t.Reset(max(0, c.every-time.Since(began)))
	}
}

// visit is what one user does: resolve, connect, ask.
func (c *crowd) visit(ctx context.Context, domain, page string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, userPatience+2*resolvePatience)
	defer cancel()
	addr, err := resolve(ctx, c.resolver, domain)
	if err != nil {
		return "", err
	}
	base, ok := c.gateways[addr]
	if !ok {
		return "", fmt.Errorf("%s is the address of no gateway here", addr)
	}
	ctx, cancel2 := context.WithTimeout(ctx, userPatience)
	defer cancel2()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+page, nil)
	if err != nil {
		return "", err
	}
	req.Host = domain
	res, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	_ = res.Body.Close()
	if err != nil {
		return "", err
	}
	site := res.Header.Get("X-Site")
	// A cut-down site says what it does not offer: its users are served what there is.
	offered := res.StatusCode == http.StatusNotFound && res.Header.Get(bizd.NotOffered) != ""
	if res.StatusCode != http.StatusOK && !offered {
		return "", fmt.Errorf("%s answered %s", site, res.Status)
	}
	if site == "" {
		return "", errors.New("the answer does not name its site")
	}
	return site, nil
}

// resolve asks for the A record, twice at most; the answer is used once and forgotten.
func resolve(ctx context.Context, resolver, domain string) (string, error) {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(domain), dns.TypeA)
	c := dns.Client{Timeout: resolvePatience}
	var last error
	for range 2 {
		m, _, err := c.ExchangeContext(ctx, q, resolver)
		if err != nil {
			last = err
			continue
		}
		for _, rr := range m.Answer {
			if a, ok := rr.(*dns.A); ok {
				return a.A.String(), nil
			}
		}
		return "", fmt.Errorf("%s does not resolve (%s)", domain, dns.RcodeToString[m.Rcode])
	}
	return "", fmt.Errorf("resolver: %w", last)
}

// count books one request. An outage begins with the start of the first failed
// request at a station, and ends with the end of the next good one there.
func (c *crowd) count(name, site string, err error, began, ended time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stations[name]
	s.requests++
	if err != nil {
		s.failed++
		s.now, s.problem = "none", err.Error()
		if s.outSince.IsZero() {
			s.outSince = began
			if c.out == 0 {
				c.outSince = began
			}
			c.out++
		}
		return
	}
	c.servedBy[site]++
	s.now = site
	if !ended.Before(c.lastAt) {
		c.lastSite, c.lastAt = site, ended
	}
	if s.outSince.IsZero() {
		return
	}
	d := ended.Sub(s.outSince)
	s.total += d
	s.longest = max(s.longest, d)
	s.outSince = time.Time{}
	if c.out--; c.out == 0 {
		c.outTotal += ended.Sub(c.outSince)
	}
}

// report is the count so far; an outage that has not ended counts up to now.
func (c *crowd) report(now time.Time) Users {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := Users{ServedBy: maps.Clone(c.servedBy), Now: "none", Stations: map[string]StationUsers{}}
	total := c.outTotal
	if c.out > 0 {
		total += now.Sub(c.outSince)
	}
	u.OutageMS = total.Milliseconds()
	for name, s := range c.stations {
		sum, longest := s.total, s.longest
		if !s.outSince.IsZero() {
			d := now.Sub(s.outSince)
			sum += d
			longest = max(longest, d)
		}
		u.Requests += s.requests
		u.Failed += s.failed
		u.LongestOutageMS = max(u.LongestOutageMS, longest.Milliseconds())
		if s.now != "none" {
			u.Now = c.lastSite
		}
		u.Stations[name] = StationUsers{
			Requests: s.requests, Failed: s.failed, OutageMS: sum.Milliseconds(),
			LongestOutageMS: longest.Milliseconds(), Now: s.now, Problem: s.problem,
		}
	}
	return u
}
