package replication

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
	"github.com/dutyops/dutyops/backend/sandbox/redisd"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// tlsWorld is an authority, a certificate of it, and the files that configurations name.
type tlsWorld struct {
	server      *tls.Config
	ca, foreign config.File
}

func newTLSWorld(t *testing.T) tlsWorld {
	t.Helper()
	ca, other := trusttest.NewCA(t, "Duty Test CA"), trusttest.NewCA(t, "Other CA")
	dir := t.TempDir()
	return tlsWorld{
		server:  &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{}).TLS}, MinVersion: tls.VersionTLS12},
		ca:      config.File(trusttest.File(t, dir, "ca.pem", ca.PEM)),
		foreign: config.File(trusttest.File(t, dir, "other.pem", other.PEM)),
	}
}

// mysqlDoor greets as a MySQL server does, with TLS or without, and counts the logins that
// reach it: a login carries the account.
type mysqlDoor struct {
	addr string
	tls  *tls.Config

	mu     sync.Mutex
	logins int
}

func openDoor(t *testing.T, cfg *tls.Config) *mysqlDoor {
	t.Helper()
	d := &mysqlDoor{tls: cfg}
	d.addr = serving(t, d.serve)
	return d
}

// serve speaks Protocol::HandshakeV10 of the vendor's protocol page up to the login.
func (d *mysqlDoor) serve(c net.Conn) {
	caps := uint32(1 | 1<<9 | 1<<15 | 1<<19) // long password, protocol 4.1, secure connection, plugin auth
	if d.tls != nil {
		caps |= 1 << 11
	}
	b := append([]byte{10}, "10.11.6-MariaDB\x00"...)
	b = append(b, 1, 0, 0, 0)
	b = append(b, "12345678\x00"...)
	b = append(b, byte(caps), byte(caps>>8), 45, 2, 0, byte(caps>>16), byte(caps>>24), 21)
	b = append(b, make([]byte, 10)...)
	b = append(b, "123456789012\x00mysql_native_password\x00"...)
	if _, err := c.Write(append([]byte{byte(len(b)), byte(len(b) >> 8), 0, 0}, b...)); err != nil {
		return
	}
	r := io.Reader(c) // unbuffered: what follows an SSLRequest is the handshake's
	packet := func() int {
		head := make([]byte, 4)
		if _, err := io.ReadFull(r, head); err != nil {
			return 0
		}
		n := int(head[0]) | int(head[1])<<8
		if _, err := io.CopyN(io.Discard, r, int64(n)); err != nil {
			return 0
		}
		return n
	}
	n := packet()
	if n == 32 && d.tls != nil { // SSLRequest: the login follows encrypted
		s := tls.Server(c, d.tls)
		r = s
		n = packet()
	}
	if n > 0 {
		d.mu.Lock()
		d.logins++
		d.mu.Unlock()
	}
}

// TestMySQLControlOverTLS: the control account is never shown to a server that cannot
// prove who it is, nor without TLS where the configuration asks for it.
func TestMySQLControlOverTLS(t *testing.T) {
	t.Setenv("PW", "s3cret-control")
	w := newTLSWorld(t)
	for _, c := range []struct {
		name   string
		server *tls.Config
		ours   *config.TLS
		text   string
		logins bool
	}{
		{"believed", w.server, &config.TLS{CA: w.ca}, "", true},
		{"unknown authority", w.server, &config.TLS{CA: w.foreign}, "signed by Duty Test CA, which tls.ca does not hold", false},
		{"another name", w.server, &config.TLS{CA: w.ca, ServerName: "db.example"}, "not for db.example", false},
		{"the server offers none", nil, &config.TLS{CA: w.ca}, "does not offer TLS", false},
		{"our file is missing", w.server, &config.TLS{CA: w.ca + ".gone"}, "tls.ca", false},
		{"not asked for", nil, nil, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openDoor(t, c.server)
			s, err := Open(Endpoint{Site: "primary", Platform: failoverplan.Data, Name: "mysql", Kind: failoverplan.MySQL, Config: config.Component{
				Address: d.addr, User: "control", Password: "env:PW", TLS: c.ours,
			}}, Options{Timeout: 20 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			_, _, err = s.IsSource(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v, want %q", err, c.text) // the door never lets anybody in
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if (d.logins > 0) != c.logins {
				t.Errorf("%d logins reached the server", d.logins)
			}
		})
	}
}

// TestMySQLLinkOverTLS: a source that is asked over TLS is followed over TLS.
func TestMySQLLinkOverTLS(t *testing.T) {
	for _, c := range []struct {
		version string
		source  config.Component
		want    string
	}{
		{maria, config.Component{TLS: &config.TLS{}}, "MASTER_SSL=1, MASTER_SSL_VERIFY_SERVER_CERT=1"},
		{maria, config.Component{TLS: &config.TLS{InsecureSkipVerify: true}}, "MASTER_SSL=1, MASTER_SSL_VERIFY_SERVER_CERT=0"},
		{
			mysql8,
			config.Component{Replication: config.Replication{TLS: &config.ReplicationTLS{CA: "/etc/my'sql/ca.pem", Cert: "/c.pem", Key: "/k.pem"}}},
			"SOURCE_SSL=1, SOURCE_SSL_VERIFY_SERVER_CERT=1, SOURCE_SSL_CA='/etc/my''sql/ca.pem', SOURCE_SSL_CERT='/c.pem', SOURCE_SSL_KEY='/k.pem'",
		},
	} {
		t.Run(c.want, func(t *testing.T) {
			pos := "1-1-100"
			if c.version == mysql8 {
				pos = uuidA + ":1-100"
			}
			p := &fakeMySQL{version: c.version, pos: pos}
			a, _, _, eb := pairOf(t, p, &fakeMySQL{version: c.version, pos: pos})
			plain := eb
			if _, err := a.Follow(t.Context(), plain); err != nil {
				t.Fatal(err)
			}
			eb.Config.TLS, eb.Config.Replication.TLS = c.source.TLS, c.source.Replication.TLS
			if ok, ev, err := a.Follows(t.Context(), eb); err != nil || ok || !strings.Contains(ev, "not with TLS as configured") {
				t.Errorf("a link without TLS counts: %v %q %v", ok, ev, err)
			}
			ev, err := a.Follow(t.Context(), eb)
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(p.log, "\n"); !strings.Contains(all, c.want) {
				t.Errorf("want %s in\n%s", c.want, all)
			}
			if !strings.Contains(strings.Join(ev, "\n"), "over TLS") {
				t.Errorf("the evidence does not tell: %v", ev)
			}
			n := len(p.log)
			if _, err := a.Follow(t.Context(), eb); err != nil || len(p.log) != n {
				t.Errorf("again: %v, %v; want nothing done", err, p.log[n:])
			}
			if ok, ev, err := a.Follows(t.Context(), eb); err != nil || !ok {
				t.Errorf("Follows = %v (%s), %v", ok, ev, err)
			}
			if ok, _, err := a.Follows(t.Context(), plain); err != nil || !ok {
				t.Errorf("a better link than asked for does not count: %v, %v", ok, err)
			}
			// A source without tls is reached without, whatever the server was told of another.
			if _, err := a.Promote(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Follow(t.Context(), plain); err != nil || p.link["Master_SSL_Allowed"] != "No" {
				t.Errorf("%v, SSL %q, want No", err, p.link["Master_SSL_Allowed"])
			}
		})
	}
}

func TestRedisControlOverTLS(t *testing.T) {
	w := newTLSWorld(t)
	srv, err := redisd.Start(redisd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close() }()
	front := trusttest.Front(t, srv.Addr(), w.server)
	for _, c := range []struct {
		name, addr string
		ours       *config.TLS
		text       string
	}{
		{"believed", front, &config.TLS{CA: w.ca}, ""},
		{"unknown authority", front, &config.TLS{CA: w.foreign}, "signed by Duty Test CA, which tls.ca does not hold"},
		{"a plain server", srv.Addr(), &config.TLS{CA: w.ca}, "is it the"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asksFor(t, failoverplan.Redis, config.Component{Address: c.addr, TLS: c.ours}, c.text)
		})
	}
}

// asksFor asks a store whether it is the source: it is told, or why it was not asked.
func asksFor(t *testing.T, kind failoverplan.ComponentKind, c config.Component, text string) {
	t.Helper()
	s, err := Open(Endpoint{Site: "primary", Platform: failoverplan.Data, Name: string(kind), Kind: kind, Config: c}, Options{Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	_, _, err = s.IsSource(t.Context())
	if (text == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("%v, want %q", err, text)
	}
}

// TestHTTPControlOverTLS: the account goes to a server that is believed, or nowhere.
func TestHTTPControlOverTLS(t *testing.T) {
	t.Setenv("PW", "s3cret-control")
	w := newTLSWorld(t)
	var mu sync.Mutex
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		_, _ = rw.Write([]byte("{}"))
	}))
	defer srv.Close()
	plain := strings.TrimPrefix(srv.URL, "http://")
	front := trusttest.Front(t, plain, w.server)
	for _, c := range []struct {
		name, url string
		ours      *config.TLS
		text      string
	}{
		{"believed", "https://" + front, &config.TLS{CA: w.ca}, ""},
		{"unknown authority", "https://" + front, &config.TLS{CA: w.foreign}, "TLS: the certificate is signed by Duty Test CA, which tls.ca does not hold"},
		{"unknown to this host", "https://" + front, nil, "which this host does not trust"},
		{"a plain server", "https://" + plain, &config.TLS{CA: w.ca}, "it does not speak TLS there"},
		{"plain http all the same", srv.URL, &config.TLS{CA: w.ca}, "nothing is sent without TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mu.Lock()
			asked = 0
			mu.Unlock()
			h, err := newHTTPServer(Endpoint{Config: config.Component{URL: c.url, User: "control", Password: "env:PW", TLS: c.ours}}, Options{Timeout: 20 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer h.close()
			err = h.call(t.Context(), http.MethodGet, "/", nil, nil)
			if (c.text == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v, want %q", err, c.text)
			}
			mu.Lock()
			defer mu.Unlock()
			if (asked > 0) != (c.text == "") {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

// TestMySQLControlCertificate: a server that wants a client certificate says so by refusing
// the login, and one that refuses ours by hanging up; both are told as what they are.
func TestMySQLControlCertificate(t *testing.T) {
	t.Setenv("PW", "s3cret-control")
	ca, other, dir := trusttest.NewCA(t, "Duty Test CA"), trusttest.NewCA(t, "Other CA"), t.TempDir()
	srv, err := mysqld.Start(mysqld.Options{ServerID: 1, Users: map[string]mysqld.Account{"control": {Password: "s3cret-control", ReadOnlyAdmin: true}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close() }()
	srv.SetTLS(&tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, trusttest.Leaf{}).TLS}, MinVersion: tls.VersionTLS12, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: ca.Pool(),
	}, true)
	root := config.File(trusttest.File(t, dir, "ca.pem", ca.PEM))
	shown := func(name string, by *trusttest.CA) *config.TLS {
		p := by.Issue(t, trusttest.Leaf{Subject: name})
		return &config.TLS{CA: root, Cert: config.File(trusttest.File(t, dir, name, p.Cert)), Key: config.Secret("file:" + trusttest.File(t, dir, name+".key", p.Key))}
	}
	for name, c := range map[string]struct {
		ours *config.TLS
		text string
	}{
		"the right one": {shown("mine", ca), ""},
		"none":          {&config.TLS{CA: root}, "it wants a client certificate, none is configured: tls.cert, tls.key"},
		"a foreign one": {shown("foreign", other), "TLS: it refuses our client certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			asksFor(t, failoverplan.MySQL, config.Component{Address: srv.Addr(), User: "control", Password: "env:PW", TLS: c.ours}, c.text)
		})
	}
}

// TestRedisLinkOverTLS: a link that stands without TLS does not count, and one that cannot
// be cut leaves all as it was, or the next try would take it for secured.
func TestRedisLinkOverTLS(t *testing.T) {
	w := newTLSWorld(t)
	var at [2]*redisd.Server
	for i := range at {
		var err error
		if at[i], err = redisd.Start(redisd.Options{TLS: true}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = at[i].Close() })
	}
	source := Endpoint{Site: "primary", Platform: failoverplan.Data, Name: "redis", Kind: failoverplan.Redis, Config: config.Component{Address: at[0].Addr()}}
	s, err := Open(Endpoint{Site: "standby", Platform: failoverplan.Data, Name: "redis", Kind: failoverplan.Redis, Config: config.Component{Address: at[1].Addr()}}, Options{Timeout: 20 * time.Second, Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Follow(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	source.Config.Replication.Address = at[0].Addr()
	source.Config.Address, source.Config.TLS = trusttest.Front(t, at[0].Addr(), w.server), &config.TLS{CA: w.ca}
	for range 2 {
		if ok, seen, err := s.Follows(t.Context(), source); err != nil || ok || !strings.Contains(seen, "not with TLS as configured") {
			t.Errorf("a link without TLS counts: %v %q %v", ok, seen, err)
		}
		if ev, err := s.Follow(t.Context(), source); err == nil || !strings.Contains(err.Error(), "CLIENT KILL TYPE master") { // the sandbox's server has no such command
			t.Errorf("%v, %v", ev, err)
		}
	}
	rdb := s.(*redisStore).rdb
	if err := rdb.ConfigSet(t.Context(), "tls-replication", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	if ok, seen, err := s.Follows(t.Context(), source); err != nil || !ok {
		t.Errorf("Follows = %v (%s), %v", ok, seen, err)
	}
}
