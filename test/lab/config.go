//go:build integration

package lab

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// view is what the templates of examples/ see.
type view struct {
	Home, Zone, Authority, KeyName, Resolver, Secrets, TTL, Savepoints string

	Sites   []siteView
	Domains []Domain
	Feeds   []feedView
}

type siteView struct {
	Name, Title, GatewayV4, GatewayURL, MonitoringURL, MariaDB, Redis, MessagesURL string

	Weight int
	// Archive and Data are the whole stack's; empty in the small lab.
	Archive string
	Data    *dataView
}

type dataView struct {
	Peer, Kafka, Connect, MySQL, Search, Flink, Rabbit, RabbitURL string

	JobArgs []string
	// Mirrors are the connectors that copy from the peer.
	Mirrors []string
}

type feedView struct {
	Name, Title, URL string
	Kinds            []string
}

// view is the small lab's, with its secrets by file name.
func (l *Lab) view() (v view, secrets map[string]string) {
	secrets = map[string]string{"tsig": l.DNS.TSIG, "redis": l.Primary.Redis.Password}
	v = view{
		Home: l.Primary.Name, Zone: Zone, Authority: l.DNS.Authority, KeyName: KeyName, Resolver: l.DNS.Resolver,
		Secrets: filepath.Join(l.Dir, "secrets"), TTL: TTL.String(), Savepoints: filepath.Join(l.Dir, "savepoints"), Domains: domains,
	}
	for i, s := range []*Site{l.Primary, l.Standby} {
		for _, a := range []string{"probe", "control", "repl"} {
			secrets[s.Name+"-"+a] = s.Maria.Passwords[a]
		}
		v.Sites = append(v.Sites, siteView{
			Name: s.Name, Title: []string{"Main machine room", "Standby machine room"}[i], Weight: 100 - 10*i,
			GatewayV4: gatewayAddress[s.Name], GatewayURL: l.Gateways[s.Name].URL, MonitoringURL: l.business[s.Name].URL,
			MariaDB: s.Maria.Address, Redis: s.Redis.Address, MessagesURL: l.business[s.Name].MessagesURL,
		})
	}
	return v, secrets
}

// writeConfig writes the secrets, each into a file of its own, and the dutyops.yaml that
// refers to them, from a template below examples/.
func (l *Lab) writeConfig(example string, v view, secrets map[string]string) error {
	if err := os.Mkdir(v.Secrets, 0o700); err != nil {
		return err
	}
	for name, value := range secrets {
		if err := os.WriteFile(filepath.Join(v.Secrets, name), []byte(value+"\n"), 0o600); err != nil {
			return err
		}
	}
	root, err := repository()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(root, "examples", example, "dutyops.yaml.tmpl")) //nolint:gosec // the repository's own
	if err != nil {
		return err
	}
	t, err := template.New("dutyops.yaml").Option("missingkey=error").Parse(string(text))
	if err != nil {
		return fmt.Errorf("examples/%s: %w", example, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, v); err != nil {
		return fmt.Errorf("examples/%s: %w", example, err)
	}
	l.Config = filepath.Join(l.Dir, "dutyops.yaml")
	return os.WriteFile(l.Config, out.Bytes(), 0o600)
}
