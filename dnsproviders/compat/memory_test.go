package compat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libdns/libdns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

// memory is a libdns provider that keeps its records in memory and has bad days.
type memory struct {
	zone   *dnstest.Zone
	secret string

	mu    sync.Mutex
	calls []string
	fault *fault
	// appends: SetRecords adds to a set instead of setting it, as some modules do.
	appends bool
	// stale is how many readings after a write still show the zone before it.
	stale  int
	before *dnstest.Zone
}

// fault spoils the call number at (1 = the first); kind is one of those below. applied: a
// write is carried out all the same.
type fault struct {
	at      int
	kind    string
	applied bool
}

const (
	lost    = "lost"    // an error that says nothing
	refused = "refused" // an error that Classify knows
	denied  = "denied"
	slow    = "slow" // no answer in time; said at once, so that no write lands after the test's next look
	panics  = "panics"
	echo    = "echo" // an error with the secret in it
)

var errs = map[string]error{lost: errors.New("EOF"), refused: errors.New("E-REJECTED"), denied: errors.New("E-DENIED"), slow: context.DeadlineExceeded}

func (m *memory) enter(call string) (f *fault, err error) {
	m.mu.Lock()
	m.calls = append(m.calls, call)
	n := len(m.calls)
	f = m.fault
	m.mu.Unlock()
	if f == nil || f.at != n {
		return nil, nil
	}
	switch f.kind {
	case panics:
		panic("nil map")
	case echo:
		return f, errors.New("bad token " + m.secret)
	}
	return f, errs[f.kind]
}

func (m *memory) GetRecords(_ context.Context, zone string) ([]libdns.Record, error) {
	if _, err := m.enter("get"); err != nil {
		return nil, err
	}
	z := m.zone
	m.mu.Lock()
	if m.stale > 0 && m.before != nil {
		m.stale--
		z = m.before
	}
	m.mu.Unlock()
	out := []libdns.Record{libdns.RR{Name: "@", Type: "TXT", Data: "hello", TTL: time.Minute}, nil}
	for _, r := range z.Records() {
		out = append(out, libdns.RR{Name: libdns.RelativeName(r.Name+".", zone), Type: r.Type, Data: r.Content, TTL: time.Duration(r.TTL) * time.Second})
	}
	return out, nil
}

func (m *memory) write(call, zone string, recs []libdns.Record, values func(have, given []string) []string) ([]libdns.Record, error) {
	rr := recs[0].RR()
	name := dnsproviders.CanonicalName(libdns.AbsoluteName(rr.Name, zone))
	var given []string
	for _, r := range recs {
		given = append(given, r.RR().Data)
	}
	f, err := m.enter(fmt.Sprint(call, " ", name, " ", rr.Type, " ", given))
	if err != nil && !f.applied {
		return nil, err
	}
	m.mu.Lock()
	m.before = m.zone.Copy()
	m.mu.Unlock()
	have, ttl := m.zone.Get(name, rr.Type)
	if call == "set" {
		ttl = seconds(rr.TTL)
	}
	m.zone.Set(name, rr.Type, ttl, values(have, given)...)
	return recs, err
}

func (m *memory) SetRecords(_ context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return m.write("set", zone, recs, func(have, given []string) []string {
		if m.appends {
			return append(have, given...)
		}
		return given
	})
}

func (m *memory) DeleteRecords(_ context.Context, zone string, recs []libdns.Record) ([]libdns.Record, error) {
	return m.write("delete", zone, recs, func(have, given []string) []string {
		return slices.DeleteFunc(have, func(v string) bool { return slices.Contains(given, v) })
	})
}

// setOnly hides DeleteRecords.
type setOnly struct{ Backend }

// rig is a provider on the memory module, on a clock that waits advance at once.
func rig(t testing.TB, tune func(*Options)) (*suite.Rig, *memory, *Provider) {
	t.Helper()
	m := &memory{zone: dnstest.NewZone(suite.Zone), secret: "very-secret"}
	c := &suite.Clock{}
	o := Options{
		Module: Module{
			Name: "memory", MultiValue: true, Open: func(Settings) Backend { return m },
			Classify: func(err error) (error, bool) {
				switch {
				case errors.Is(err, errs[refused]):
					return dnsproviders.ErrRejected, true
				case errors.Is(err, errs[denied]):
					return dnsproviders.ErrForbidden, true
				}
				return nil, false
			},
		},
		Secret: func() (string, error) { return m.secret, nil }, OnRetry: func(n effort.Notice) { c.OnRetry(n) },
	}
	if tune != nil {
		tune(&o)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.effort.Now, p.effort.Sleep = c.Now, c.Sleep
	return &suite.Rig{Clock: c, Zone: m.zone, Provider: p, Secret: m.secret}, m, p
}

func (m *memory) log() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.calls
	m.calls = nil
	return l
}
