package backend

import (
	"testing"

	"github.com/dutyops/dutyops/backend/config"
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
