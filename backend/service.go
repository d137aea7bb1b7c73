package backend

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"strconv"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/secure"
	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/probes/front"
	"github.com/dutyops/dutyops/probes/trust"
)

// serviceCaller calls the names as dns.service says; nil when it says nothing.
func (e *Engine) serviceCaller() switching.Caller {
	s := e.cfg.DNS.Service
	if s.Scheme == "" {
		return nil
	}
	var believe trust.Settings
	if t := secure.Settings(s.TLS); t != nil {
		believe = *t
	}
	client := func(header string) *front.Client {
		return front.New(front.Settings{
			HTTPS: s.Scheme == "https", Port: s.Port, Path: s.Path, ExpectStatus: s.ExpectStatus, SiteHeader: header,
			TLS: believe, Timeout: s.Timeout.D(), Now: e.now,
		})
	}
	clients := map[string]*front.Client{"": client("")}
	for _, site := range e.cfg.Sites {
		clients[site.Name] = client(site.Gateway.SiteHeader)
	}
	silent := map[string]bool{}
	for _, d := range e.cfg.Domains {
		silent[d.Name] = d.Service != nil && !*d.Service
	}
	return func(ctx context.Context, name string, addr netip.Addr) (switching.Called, bool) {
		if silent[name] {
			return switching.Called{}, false
		}
		site := e.siteOf([]string{addr.String()})
		if site == "foreign" {
			site = ""
		}
		c := clients[site]
		a := c.Ask(ctx, name, e.reach(site, addr, c.Port()))
		return switching.Called{
			State: string(a.State), Status: a.Status, Site: site, ServedBy: a.Site,
			TLS: string(a.TLS), TLSUntil: a.Ends, Took: a.Took, Err: a.Err,
		}, true
	}
}

// reach is where an address is called, host:port.
func (e *Engine) reach(site string, addr netip.Addr, port int) string {
	here := net.JoinHostPort(addr.String(), strconv.Itoa(port))
	if e.cfg.DNS.Service.Reach != config.ReachGateway {
		return here
	}
	s, ok := e.cfg.SiteNamed(site)
	if !ok {
		return here
	}
	u, err := url.Parse(s.Gateway.URL)
	if err != nil || u.Host == "" {
		return here
	}
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}
