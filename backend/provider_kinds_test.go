package backend

import (
	"slices"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/dnsproviders/compat"
)

func TestPowerDNSAndRoute53Open(t *testing.T) {
	t.Setenv("DUTYOPS_TEST_KEY", "not-a-real-key")
	for _, tc := range []struct {
		p   config.Provider
		cas bool
	}{
		{config.Provider{Kind: config.KindPowerDNS, BaseURL: "http://127.0.0.1:8081", ServerID: "localhost", APIKey: "env:DUTYOPS_TEST_KEY"}, false},
		{config.Provider{Kind: config.KindRoute53, AccessKeyID: "id", SecretAccessKey: "env:DUTYOPS_TEST_KEY", Region: "us-east-1"}, true},
	} {
		got, err := (&Engine{}).openProvider(tc.p)
		if err != nil {
			t.Fatal(err)
		}
		if c := got.Capabilities(); c.Kind != tc.p.Kind || !c.Atomic || c.CompareAndSet != tc.cas {
			t.Errorf("%s: card %+v", tc.p.Kind, c)
		}
	}
}

// The configuration and the adapter name the same modules, and each opens with its card.
func TestLibDNSModulesOpen(t *testing.T) {
	t.Setenv("DUTYOPS_TEST_KEY", "not-a-real-key")
	if !slices.Equal(config.LibDNSModules(), compat.Names()) {
		t.Errorf("the configuration knows %v, compiled in are %v", config.LibDNSModules(), compat.Names())
	}
	for _, name := range compat.Names() {
		got, err := (&Engine{}).openProvider(config.Provider{Kind: config.KindLibDNS, Module: name, Token: "env:DUTYOPS_TEST_KEY", Server: "127.0.0.1:53"})
		if err != nil {
			t.Fatal(err)
		}
		if c := got.Capabilities(); c.Kind != config.KindLibDNS || c.Atomic || c.CompareAndSet || !strings.Contains(c.Note, "Module "+name) {
			t.Errorf("card %+v", c)
		}
	}
	if _, err := (&Engine{}).openProvider(config.Provider{Kind: config.KindLibDNS, Module: "gandi"}); err == nil || !strings.Contains(err.Error(), "desec, rfc2136") {
		t.Errorf("a module that is not compiled in: %v", err)
	}
}
