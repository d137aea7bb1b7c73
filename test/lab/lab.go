//go:build integration

package lab

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// Gateway addresses: real ones, and what DNS carries. The whole of 127/8 is loopback.
var gatewayAddress = map[string]string{"primary": "127.0.0.11", "standby": "127.0.0.12"}

// Lab is both sites, their DNS and the people who use them.
type Lab struct {
	*Stores
	DNS      *DNS
	Gateways map[string]*Gateway
	Users    *Users
	// Port is where both gateways listen.
	Port int
	// Config is the dutyops.yaml that points at all of it.
	Config string
	// Domains that users enter.
	Domains []Domain
	// Took is from the first process to everything ready.
	Took time.Duration

	business map[string]*business
}

// Start brings the lab up in a new folder below base ("" = the system's). Close ends and
// removes everything; nothing survives the process even when it is killed, but the folder.
func Start(ctx context.Context, base string) (*Lab, error) {
	began := time.Now()
	stores, err := StartStores(ctx, base)
	if err != nil {
		return nil, err
	}
	l := &Lab{Stores: stores, Gateways: map[string]*Gateway{}, business: map[string]*business{}, Domains: domains}
	if err := l.start(ctx); err != nil {
		l.Close()
		return nil, err
	}
	l.Took = time.Since(began)
	return l, nil
}

func (l *Lab) start(ctx context.Context) error {
	if err := l.prepare(ctx); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, gw := range l.Gateways {
		g.Go(func() error { return gw.Start(gctx) })
	}
	g.Go(func() error { return l.DNS.start(gctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	v, secrets := l.view()
	if err := l.writeConfig("real-lab", v, secrets); err != nil {
		return err
	}
	return l.admit(ctx)
}

// prepare makes the business services, which wait for their stores, and what the gateways
// and DNS need; no server runs yet.
func (l *Lab) prepare(ctx context.Context) error {
	port, err := freePort(ctx, gatewayAddress["primary"], gatewayAddress["standby"])
	if err != nil {
		return err
	}
	l.Port = port
	for _, site := range []*Site{l.Primary, l.Standby} {
		b, err := startBusiness(ctx, site)
		if err != nil {
			return err
		}
		l.business[site.Name] = b
		gw, err := newGateway(l.Dir, site.Name, gatewayAddress[site.Name], port, b.URL)
		if err != nil {
			return err
		}
		l.Gateways[site.Name] = gw
	}
	l.DNS, err = newDNS(ctx, l.Dir, gatewayAddress["primary"])
	return err
}

// admit lets users in and waits until they are served.
func (l *Lab) admit(ctx context.Context) error {
	l.Users = StartUsers(l.DNS.Resolver, l.Port, domains)
	return Await(ctx, 30*time.Second, "users are served", func(context.Context) string {
		if s := l.Users.Seen(); s.Now != "primary" {
			return "served by " + s.Now + ": " + s.LastError
		}
		return ""
	})
}

// Close ends everything and removes the folder.
func (l *Lab) Close() {
	if l.Users != nil {
		l.Users.Stop()
	}
	if l.DNS != nil {
		l.DNS.close()
	}
	for _, g := range l.Gateways {
		g.close()
	}
	for _, b := range l.business {
		b.close()
	}
	l.Stores.Close()
}
