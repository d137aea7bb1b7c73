package backend

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/switching"
)

// TestServiceCaller: addresses are called at the address, or where the gateway of their
// site is reached from here; the answer is held against that site; some names have no service.
func TestServiceCaller(t *testing.T) {
	var host atomic.Value
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host.Store(r.Host + r.URL.Path)
		w.Header().Set("X-Site", "primary")
	}))
	defer gate.Close()
	u, err := url.Parse(gate.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	off := false
	cfg := &config.Config{
		Sites: []config.Site{
			{Name: "primary", Gateway: config.Gateway{IPv4: []string{"192.0.2.10"}, URL: gate.URL, SiteHeader: "X-Site"}},
			{Name: "standby", Gateway: config.Gateway{IPv4: []string{"127.0.0.1"}, URL: "https://gw.example", SiteHeader: "X-Site"}},
		},
		Domains: []config.Domain{{Name: "www.example"}, {Name: "mail.example", Service: &off}},
		DNS:     config.DNS{Service: config.Service{Scheme: "http", Port: port, Path: "/check", Reach: config.ReachGateway, Timeout: config.Duration(20 * time.Second)}},
	}
	e := &Engine{cfg: cfg, topo: cfg.Topology(), now: time.Now}
	call := e.serviceCaller()
	a, ok := call(t.Context(), "www.example", netip.MustParseAddr("192.0.2.10"))
	if !ok || a.State != switching.ServiceOK || a.Status != 200 || a.Site != "primary" || a.ServedBy != "primary" || host.Load() != "www.example:"+u.Port()+"/check" {
		t.Errorf("%+v at %s", a, host.Load())
	}
	if _, ok := call(t.Context(), "mail.example", netip.MustParseAddr("192.0.2.10")); ok {
		t.Error("a name without a service was called")
	}
	for addr, want := range map[string]string{"192.0.2.10": u.Host, "127.0.0.1": "gw.example:443", "203.0.113.5": "203.0.113.5:" + u.Port(), "2001:db8::5": "[2001:db8::5]:" + u.Port()} {
		site := e.siteOf([]string{addr})
		if got := e.reach(site, netip.MustParseAddr(addr), port); got != want {
			t.Errorf("%s of %s is called at %s, want %s", addr, site, got, want)
		}
	}
	cfg.DNS.Service.Reach = config.ReachAddress
	if a, _ := e.serviceCaller()(t.Context(), "www.example", netip.MustParseAddr("127.0.0.1")); a.State != switching.ServiceOK || a.Site != "standby" || a.ServedBy != "primary" {
		t.Errorf("%+v", a)
	}
	cfg.DNS.Service.Scheme = ""
	if e.serviceCaller() != nil {
		t.Error("nothing is configured, and names are called")
	}
}
