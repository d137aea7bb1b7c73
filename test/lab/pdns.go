//go:build integration

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/miekg/dns"
)

const pdnsSchema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"

// PowerDNS is a PowerDNS authoritative server with its HTTP API; it takes dynamic updates
// for the zones of Serve too. It has no zone at its start.
type PowerDNS struct {
	*NameServer
	// URL and APIKey are its HTTP API's.
	URL, APIKey string
}

const pdnsConf = `launch=gsqlite3
gsqlite3-database=%[1]s/pdns.sqlite3
gsqlite3-pragma-synchronous=0
gsqlite3-dnssec=yes
local-address=127.0.0.1
local-port=%[2]d
socket-dir=%[1]s
daemon=no
guardian=no
disable-syslog=yes
write-pid=no
security-poll-suffix=
api=yes
api-key=%[4]s
webserver=yes
webserver-address=127.0.0.1
webserver-port=%[3]d
webserver-allow-from=127.0.0.1
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
dnsupdate=yes
allow-dnsupdate-from=127.0.0.1/32
`

// PowerDNS starts a PowerDNS server without zones.
func (n *NameServers) PowerDNS() *PowerDNS {
	n.t.Helper()
	dir, port, key := n.place("pdns")
	web, err := freePort(n.t.Context(), "127.0.0.1")
	if err != nil {
		n.t.Fatal(err)
	}
	p := &PowerDNS{NameServer: &NameServer{Addr: local(port), Key: key}, URL: "http://" + local(web), APIKey: secret()}
	if err := serverFile(filepath.Join(dir, "pdns.conf"), fmt.Sprintf(pdnsConf, dir, port, web, p.APIKey)); err != nil {
		n.t.Fatal(err)
	}
	if err := run(n.t.Context(), dir, "sqlite3", filepath.Join(dir, "pdns.sqlite3"), ".read "+pdnsSchema); err != nil {
		n.t.Fatal(err, "(Debian's pdns-backend-sqlite3: test/lab/install.sh)")
	}
	p.proc = &proc{name: "pdns_server", dir: dir, args: []string{"pdns_server", "--config-dir=" + dir}, ready: p.ready}
	n.begin(p.NameServer, nil)
	return p
}

// ready: the DNS side comes up after the web server.
func (p *PowerDNS) ready(ctx context.Context) error {
	if _, _, err := p.Call(ctx, http.MethodGet, "/zones", nil); err != nil {
		return err
	}
	c := dns.Client{Timeout: 200 * time.Millisecond}
	_, _, err := c.ExchangeContext(ctx, new(dns.Msg).SetQuestion("ready.test.", dns.TypeSOA), p.Addr)
	return err
}

// Call asks the HTTP API. path begins after /servers/localhost. The error is about the
// call, not about the status.
func (p *PowerDNS) Call(ctx context.Context, method, path string, body any) (status int, text string, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(ctx, method, p.URL+"/api/v1/servers/localhost"+path, bytes.NewReader(raw))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("X-Api-Key", p.APIKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(answer), err
}

// Serve makes a zone without names and lets KeyName change it by dynamic updates.
func (p *PowerDNS) Serve(ctx context.Context, zone string) error {
	zone = dns.Fqdn(zone)
	for _, x := range []struct {
		path string
		body any
	}{
		{"/zones", map[string]any{"name": zone, "kind": "Native", "nameservers": []string{"ns1." + zone}, "soa_edit_api": "INCREASE"}},
		{"/tsigkeys", map[string]any{"name": KeyName, "algorithm": "hmac-sha256", "key": p.Key}},
		{"/zones/" + zone + "/metadata", map[string]any{"kind": "TSIG-ALLOW-DNSUPDATE", "metadata": []string{KeyName}}},
		{"/zones/" + zone + "/metadata", map[string]any{"kind": "SOA-EDIT-DNSUPDATE", "metadata": []string{"INCREASE"}}},
	} {
		status, text, err := p.Call(ctx, http.MethodPost, x.path, x.body)
		if err == nil && status > 299 {
			err = errors.New(text)
		}
		if err != nil {
			return fmt.Errorf("PowerDNS %s: %w", x.path, err)
		}
	}
	return nil
}
