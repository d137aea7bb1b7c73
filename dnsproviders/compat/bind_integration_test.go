//go:build integration

package compat

import (
	"errors"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
	"github.com/dutyops/dutyops/test/lab"
)

func onBIND(t testing.TB, b *lab.NameServer, secret string) *Provider {
	t.Helper()
	m, ok := Named("rfc2136")
	if !ok {
		t.Fatal("module rfc2136 is not compiled in")
	}
	p, err := New(Options{
		Module: m, Settings: Settings{Server: b.Addr, KeyName: lab.KeyName, KeyAlgorithm: "hmac-sha256"},
		Secret: func() (string, error) { return secret, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func server(s *lab.NameServer) suite.Server {
	return suite.Server{Addr: s.Addr, Key: lab.KeyName, Secret: s.Key}
}

// The module rfc2136 on a real server: the whole table, with its stops.
func TestTableOnBIND(t *testing.T) {
	b := lab.ForDNS(t).BIND(lab.Zoned{Name: suite.Zone})
	s := server(b)
	suite.Table(t, func(t *testing.T, name string, sets []suite.Set) suite.Bed {
		s.Fill(t, name, sets)
		return suite.Bed{Provider: onBIND(t, b, b.Key), Look: s.Look}
	}, stops)
}

func TestErrorsOnBIND(t *testing.T) {
	b := lab.ForDNS(t).BIND(lab.Zoned{Name: suite.Zone})
	s := server(b)
	n := "www." + suite.Zone
	s.Fill(t, n, []suite.Set{{Type: "A", TTL: 60, Values: []string{suite.OldV4}}})
	changes := []dnsproviders.Change{suite.Change(n, "A", 60, []string{suite.OldV4}, []string{suite.NewV4})}
	stranger := strings.Repeat("QUFB", 11)
	if _, err := onBIND(t, b, stranger).Apply(t.Context(), suite.Zone, changes); !errors.Is(err, dnsproviders.ErrAuth) || strings.Contains(err.Error(), stranger) {
		t.Errorf("a wrong key: %v", err)
	}
	if _, err := onBIND(t, b, b.Key).Read(t.Context(), "other.test", nil); err == nil {
		t.Error("another zone was read")
	} else {
		t.Log(err)
	}
	rc, err := onBIND(t, b, b.Key).Apply(t.Context(), suite.Zone, changes)
	if err != nil || rc.Changed != 1 || rc.APICalls != 3 {
		t.Errorf("%+v, %v", rc, err)
	}
}
