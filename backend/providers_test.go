package backend

import (
	"testing"

	"github.com/dutyops/dutyops/backend/config"
)

// Every access-key kind of the configuration opens the provider that its card names.
func TestAccessKeyProvidersOpen(t *testing.T) {
	t.Setenv("DUTYOPS_TEST_KEY", "not-a-real-key")
	e := &Engine{}
	for _, kind := range []string{config.KindDNSPod, config.KindAliDNS} {
		p := config.Provider{Name: "x", Kind: kind, AccessKeyID: "id", AccessKeySecret: "env:DUTYOPS_TEST_KEY"}
		got, err := e.openProvider(p)
		if err != nil {
			t.Fatal(err)
		}
		if c := got.Capabilities(); c.Kind != kind || c.Atomic {
			t.Errorf("%s: card %+v", kind, c)
		}
	}
	if _, err := e.openProvider(config.Provider{Kind: "route66"}); err == nil {
		t.Error("an unknown kind was opened")
	}
}
