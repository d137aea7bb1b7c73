package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// File is the path of a file on this host; relative to the folder of the configuration.
type File string

// TLS says how a server's certificate is checked, and which one is shown to it. Written
// as {}, the certificate is checked against this host's own authorities.
type TLS struct {
	// CA is a PEM file of the authorities that are believed; default this host's own.
	CA File `yaml:"ca"`
	// Cert is a PEM file with the client certificate and its chain, for servers that want one.
	Cert File `yaml:"cert"`
	// Key of the client certificate, in PEM; not readable for everybody.
	Key Secret `yaml:"key"`
	// ServerName is the name that the certificate must carry; default the host that is
	// asked. A gateway that is asked by address: the names that users enter.
	ServerName string `yaml:"server_name"`
	// InsecureSkipVerify believes any certificate: whoever is in between can read and
	// answer. doctor warns of it.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// ReplicationTLS says how the server at the other site checks this one when it follows
// it. The files are on that server's own host, readable for it.
type ReplicationTLS struct {
	// CA is a PEM file on the follower's host; default its own authorities.
	CA string `yaml:"ca"`
	// Cert is a PEM file on the follower's host with its client certificate.
	Cert string `yaml:"cert"`
	// Key is the file of the key of cert on the follower's host.
	Key string `yaml:"key"`
	// InsecureSkipVerify encrypts without checking who answers.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// LinkTLS is how followers reach this server: as replication.tls says, else with their
// own authorities when the component itself is asked over TLS; nil = without TLS.
func (c *Component) LinkTLS() *ReplicationTLS {
	switch {
	case c.Replication.TLS != nil:
		return c.Replication.TLS
	case c.TLS != nil:
		return &ReplicationTLS{InsecureSkipVerify: c.TLS.InsecureSkipVerify}
	}
	return nil
}

// TLSBlock is a tls: of the file and whose it is.
type TLSBlock struct {
	// Path is where it stands in the file, such as "sites[0].gateway.tls".
	Path string
	// Of names it for people: "primary/data/redis", "dns provider NAME", "upstream NAME".
	Of string
	*TLS
}

// TLSBlocks lists every tls: of the file, in its order.
func (c *Config) TLSBlocks() []TLSBlock {
	var out []TLSBlock
	add := func(path, of string, t *TLS) {
		if t != nil {
			out = append(out, TLSBlock{path + ".tls", of, t})
		}
	}
	for i, s := range c.Sites {
		at := item("sites", i)
		add(at+".gateway", s.Name+"/gateway", s.Gateway.TLS)
		for _, p := range []struct {
			name string
			of   Platform
		}{{"business", s.Business}, {"data", s.Data}} {
			for j, x := range p.of.Subsystems {
				add(item(at+"."+p.name+".subsystems", j), s.Name+"/"+p.name+"/"+x.Name, x.TLS)
			}
			for j, x := range p.of.Components {
				add(item(at+"."+p.name+".components", j), s.Name+"/"+p.name+"/"+x.Name, x.TLS)
			}
		}
	}
	for i, p := range c.DNS.Providers {
		add(item("dns.providers", i), "dns provider "+p.Name, p.TLS)
	}
	add("dns.service", "dns.service", c.DNS.Service.TLS)
	for i, u := range c.Upstreams {
		add(item("upstreams", i)+".switch", "upstream "+u.Name, u.Switch.TLS)
	}
	return out
}

// tls checks what every tls: must fulfil, without opening a file.
func (k *checker) tls() {
	for _, b := range k.c.TLSBlocks() {
		k.tlsPair(b.Path, b.Cert != "", b.Key != "")
		if b.ServerName != "" && !hostOK(b.ServerName) {
			k.add(b.Path+".server_name", fmt.Sprintf("%s.server_name: %q is no host name", b.Path, shorten(b.ServerName)), "a name or address that the certificate carries, without port", "correct it, or leave it out")
		}
		if b.InsecureSkipVerify && b.CA != "" {
			k.add(b.Path+".insecure_skip_verify", b.Path+" names authorities and turns the check off", "one of ca and insecure_skip_verify", "remove insecure_skip_verify: the certificate is checked then")
		}
	}
	for i := range k.c.Sites {
		s, at := &k.c.Sites[i], item("sites", i)
		k.tlsURL(at+".gateway", "url", s.Gateway.URL, s.Gateway.TLS)
		for name, p := range map[string]*Platform{"business": &s.Business, "data": &s.Data} {
			for j, x := range p.Subsystems {
				k.tlsURL(item(at+"."+name+".subsystems", j), "url", x.URL, x.TLS)
			}
			for j := range p.Components {
				k.tlsComponent(item(at+"."+name+".components", j), &p.Components[j])
			}
		}
	}
	for i, p := range k.c.DNS.Providers {
		k.tlsURL(item("dns.providers", i), "base_url", p.BaseURL, p.TLS)
	}
	for i, u := range k.c.Upstreams {
		k.tlsURL(item("upstreams", i)+".switch", "url", u.Switch.URL, u.Switch.TLS)
	}
}

func (k *checker) tlsComponent(path string, m *Component) {
	k.tlsURL(path, "url", m.URL, m.TLS)
	k.tlsURL(path+".replication", "url", m.Replication.URL, m.TLS)
	r := m.Replication.TLS
	if r == nil {
		return
	}
	at := path + ".replication.tls"
	if m.Kind != "mysql" {
		k.add(at, at+" does not belong to a "+m.Kind+" component", "replication.tls at mysql only", "remove it: these servers take it from their own configuration (docs/tls.md)")
		return
	}
	k.tlsPair(at, r.Cert != "", r.Key != "")
	if r.InsecureSkipVerify && r.CA != "" {
		k.add(at+".insecure_skip_verify", at+" names authorities and turns the check off", "one of ca and insecure_skip_verify", "remove insecure_skip_verify: the certificate is checked then")
	}
}

func (k *checker) tlsPair(path string, cert, key bool) {
	switch {
	case cert && !key && !k.spoilt(path+".key"):
		k.add(path+".key", path+" has a certificate but no key", "cert and key, or neither", "add \"key: file:PATH\"")
	case key && !cert:
		k.add(path+".cert", path+" has a key but no certificate", "cert and key, or neither", "add \"cert: PATH\"")
	}
}

// tlsURL: a server that is told to be asked over TLS is never asked without.
func (k *checker) tlsURL(path, key, s string, t *TLS) {
	if t == nil || !k.has(path+"."+key) {
		return
	}
	if u, err := url.Parse(s); err == nil && u.Scheme == "http" {
		k.add(path+"."+key, path+"."+key+" is plain http, but tls is configured", "https://", "write https://, or remove tls")
	}
}

// ByAddress says whether a URL names its host by address.
func ByAddress(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	_, err = netip.ParseAddr(u.Hostname())
	return err == nil
}

// CheckFiles looks at the files that tls: names: whether they can be read, hold what they
// should, fit together, and keep the key from others. The error is Problems. Load does not
// do it: a console that does not start for one certificate helps nobody, its probe says so.
func (c *Config) CheckFiles() error {
	k := &checker{decoder: newDecoder(c.Path), c: c}
	k.places = c.places
	for _, b := range c.TLSBlocks() {
		if b.CA != "" {
			pem, err := readFile(string(b.CA))
			switch {
			case err != nil:
				k.unreadable(b.Path+".ca", err)
			case !x509.NewCertPool().AppendCertsFromPEM(pem):
				k.add(b.Path+".ca", fmt.Sprintf("%s.ca: %s holds no certificate", b.Path, b.CA), "certificates in PEM (-----BEGIN CERTIFICATE-----)", "correct the path, or convert the file")
			}
		}
		if b.Cert != "" {
			k.pairOnDisk(b)
		}
	}
	if len(k.problems) == 0 {
		return nil
	}
	return k.problems.sorted()
}

// pairOnDisk checks a client certificate and its key; a key of env: or exec: may be out
// of reach of whoever checks the file, and is tried by doctor.
func (k *checker) pairOnDisk(b TLSBlock) {
	cert, err := readFile(string(b.Cert))
	if err != nil {
		k.unreadable(b.Path+".cert", err)
		return
	}
	path, ok := strings.CutPrefix(string(b.Key), "file:")
	if !ok {
		return
	}
	key, err := readFile(path)
	if err != nil {
		k.unreadable(b.Path+".key", err)
		return
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
		k.add(b.Path+".key", fmt.Sprintf("%s.key: %s is open to everybody on this host (%s)", b.Path, path, info.Mode().Perm()), "a key that its owner alone can read", "chmod 600 it, and think of it as seen")
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		// the library's texts name what is missing, never what was read
		k.add(b.Path+".cert", fmt.Sprintf("%s: cert and key do not make a pair: %s", b.Path, strings.TrimPrefix(err.Error(), "tls: ")), "a certificate and the key it was made for, both in PEM", "correct one of the paths")
	}
}

func (k *checker) unreadable(path string, err error) {
	k.add(path, fmt.Sprintf("%s: %v", path, err), "a file that dutyops can read", "correct the path (relative to the configuration's folder) or the file's rights")
}

// readFile reads a small file whole.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		return nil, errors.New(path + " is larger than 1 MiB: is it the right file?")
	}
	return b, err
}
