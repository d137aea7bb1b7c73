//go:build integration

package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
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
	port, err := freePort(ctx, gatewayAddress["primary"], gatewayAddress["standby"])
	if err != nil {
		return err
	}
	l.Port = port
	g, gctx := errgroup.WithContext(ctx)
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
		g.Go(func() error { return gw.Start(gctx) })
	}
	if l.DNS, err = newDNS(ctx, l.Dir, gatewayAddress["primary"]); err != nil {
		return err
	}
	g.Go(func() error { return l.DNS.start(gctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	if err := l.writeConfig(); err != nil {
		return err
	}
	l.Users = StartUsers(l.DNS.Resolver, port, domains)
	return Await(ctx, 10*time.Second, "users are served", func(context.Context) string {
		if s := l.Users.Seen(); s.Now != "primary" {
			return "served by " + s.Now + ": " + s.LastError
		}
		return ""
	})
}

// siteView and view are what the template sees.
type siteView struct {
	Name, Title, GatewayV4, GatewayURL, MonitoringURL, MariaDB, Redis, MessagesURL string

	Weight int
}

type view struct {
	Home, Zone, Authority, KeyName, Resolver, Secrets, TTL string

	Sites   []siteView
	Domains []Domain
}

func (l *Lab) writeConfig() error {
	secrets := filepath.Join(l.Dir, "secrets")
	if err := os.Mkdir(secrets, 0o700); err != nil {
		return err
	}
	files := map[string]string{"tsig": l.DNS.TSIG, "redis": l.Primary.Redis.Password}
	v := view{
		Home: l.Primary.Name, Zone: Zone, Authority: l.DNS.Authority, KeyName: KeyName, Resolver: l.DNS.Resolver,
		Secrets: secrets, TTL: TTL.String(), Domains: domains,
	}
	for i, s := range []*Site{l.Primary, l.Standby} {
		for _, a := range []string{"probe", "control", "repl"} {
			files[s.Name+"-"+a] = s.Maria.Passwords[a]
		}
		v.Sites = append(v.Sites, siteView{
			Name: s.Name, Title: []string{"Main machine room", "Standby machine room"}[i], Weight: 100 - 10*i,
			GatewayV4: gatewayAddress[s.Name], GatewayURL: l.Gateways[s.Name].URL, MonitoringURL: l.business[s.Name].URL,
			MariaDB: s.Maria.Address, Redis: s.Redis.Address, MessagesURL: l.business[s.Name].MessagesURL,
		})
	}
	for name, value := range files {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(value+"\n"), 0o600); err != nil {
			return err
		}
	}
	text, err := configTemplate()
	if err != nil {
		return err
	}
	t, err := template.New("dutyops.yaml").Option("missingkey=error").Parse(text)
	if err != nil {
		return fmt.Errorf("examples/real-lab: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, v); err != nil {
		return fmt.Errorf("examples/real-lab: %w", err)
	}
	l.Config = filepath.Join(l.Dir, "dutyops.yaml")
	return os.WriteFile(l.Config, out.Bytes(), 0o600)
}

// configTemplate reads examples/real-lab of the repository that we were started in.
func configTemplate() (string, error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(root, "examples", "real-lab", "dutyops.yaml.tmpl"))
	return string(b), err
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
