package config

import "testing"

func TestProviderDefaults(t *testing.T) {
	c := &Config{DNS: DNS{Providers: []Provider{{Kind: KindPowerDNS}, {Kind: KindRoute53}, {Kind: KindPowerDNS, ServerID: "ns2"}, {Kind: KindRoute53, Region: "cn-northwest-1"}, {Kind: KindCloudflare}}}}
	c.applyDefaults()
	var got []string
	for _, p := range c.DNS.Providers {
		got = append(got, p.ServerID+"|"+p.Region)
	}
	want := []string{"localhost|", "|us-east-1", "ns2|", "|cn-northwest-1", "|"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("provider %d: %q, want %q", i, got[i], want[i])
		}
	}
}
