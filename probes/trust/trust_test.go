package trust_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// echo answers what it is sent; the server behind a TLS front.
func echo(t *testing.T) string {
	t.Helper()
	return serve(t, func(c net.Conn) { _, _ = io.Copy(c, c) })
}

func serve(t *testing.T, fn func(net.Conn)) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				fn(c)
			}()
		}
	}()
	return ln.Addr().String()
}

// talk says hello over a new connection and wants it back.
func talk(t *testing.T, c *trust.Client, addr string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := c.Secure(d.DialContext)(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "hello"); err != nil {
		return err
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != "hello" {
		t.Errorf("got %q", got)
	}
	return nil
}

func TestWhatGoesWrongIsNamed(t *testing.T) {
	ca, other := trusttest.NewCA(t, "Duty Test CA"), trusttest.NewCA(t, "Other CA")
	dir := t.TempDir()
	caFile := trusttest.File(t, dir, "ca.pem", ca.PEM)
	good := ca.Issue(t, trusttest.Leaf{})
	mine := ca.Issue(t, trusttest.Leaf{Subject: "duty-console", Names: []string{"duty-console"}})
	foreign := other.Issue(t, trusttest.Leaf{Subject: "stranger", Names: []string{"stranger"}})
	now := time.Now()
	with := func(p trusttest.Pair) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{p.TLS}} }
	mutual := func(max uint16) *tls.Config {
		cfg := with(good)
		cfg.ClientAuth, cfg.ClientCAs, cfg.MaxVersion = tls.RequireAndVerifyClientCert, ca.Pool(), max
		return cfg
	}
	show := func(name string, p trusttest.Pair) trust.Settings {
		return trust.Settings{CA: caFile, Cert: trusttest.File(t, dir, name, p.Cert), Key: func() (string, error) { return string(p.Key), nil }}
	}
	served := with(other.Issue(t, trusttest.Leaf{}))
	served.Certificates[0].Certificate = append(served.Certificates[0].Certificate, other.DER())
	trusted := trust.Settings{CA: caFile}
	back := echo(t)
	for _, tc := range []struct {
		name   string
		server *tls.Config
		s      trust.Settings
		kind   trust.Kind
		text   string
	}{
		{"all well", with(good), trusted, trust.NoKind, ""},
		{"expired", with(ca.Issue(t, trusttest.Leaf{From: now.AddDate(0, 0, -90), To: now.AddDate(0, 0, -6)})), trusted, trust.Expired, "the certificate of localhost, 127.0.0.1 has expired on " + now.AddDate(0, 0, -6).UTC().Format("2006-01-02")},
		{"not yet valid", with(ca.Issue(t, trusttest.Leaf{From: now.AddDate(0, 0, 3)})), trusted, trust.NotYetValid, "is this host's clock right?"},
		{"wrong name", with(ca.Issue(t, trusttest.Leaf{Names: []string{"a.example", "b.example"}})), trusted, trust.WrongName, "is for a.example, b.example, not for 127.0.0.1 (tls.server_name sets the name)"},
		{"the name that is set", with(ca.Issue(t, trusttest.Leaf{Names: []string{"a.example"}})), trust.Settings{CA: caFile, ServerName: "a.example"}, trust.NoKind, ""},
		{"unknown authority", with(other.Issue(t, trusttest.Leaf{})), trusted, trust.UnknownCA, "signed by Other CA, which tls.ca does not hold"},
		{"unknown authority that is served too", served, trusted, trust.UnknownCA, "signed by Other CA, which tls.ca does not hold"},
		{"unknown to the host", with(good), trust.Settings{}, trust.UnknownCA, "signed by Duty Test CA, which this host does not trust (tls.ca names a file of authorities)"},
		{"self-signed", with(ca.Issue(t, trusttest.Leaf{Self: true})), trusted, trust.UnknownCA, "signed by itself"},
		{"not checked", with(other.Issue(t, trusttest.Leaf{To: now.Add(-time.Minute)})), trust.Settings{Insecure: true}, trust.NoKind, ""},
		{"client certificate shown", mutual(0), show("mine.pem", mine), trust.NoKind, ""},
		{"client certificate wanted, TLS 1.3", mutual(tls.VersionTLS13), trusted, trust.WantsCertificate, "wants a client certificate, none is configured (tls.cert, tls.key)"},
		{"client certificate wanted, TLS 1.2", mutual(tls.VersionTLS12), trusted, trust.WantsCertificate, "wants a client certificate"},
		{"client certificate refused, TLS 1.3", mutual(tls.VersionTLS13), show("foreign.pem", foreign), trust.RefusesCertificate, "refuses our client certificate (stranger, ends "},
		{"client certificate refused, TLS 1.2", mutual(tls.VersionTLS12), show("foreign.pem", foreign), trust.RefusesCertificate, "refuses our client certificate (stranger, ends "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := trust.New(tc.s, nil)
			err := talk(t, c, trusttest.Front(t, back, tc.server))
			kind, text := c.Explain(err)
			if kind != tc.kind || !strings.Contains(text, tc.text) || (tc.kind == trust.NoKind) != (err == nil) {
				t.Fatalf("%q %q (%v), want %q with %q", kind, text, err, tc.kind, tc.text)
			}
			if err == nil && c.Peer() == nil {
				t.Error("the certificate seen is not remembered")
			}
			if strings.ContainsAny(text, "\n\r") {
				t.Errorf("more than a line: %q", text)
			}
		})
	}
}

func TestPlainTextAndTLSMixedUp(t *testing.T) {
	c := trust.New(trust.Settings{}, nil)
	for name, tc := range map[string]struct {
		serve func(net.Conn)
		kind  trust.Kind
	}{
		"a plain server that speaks first": {func(c net.Conn) { _, _ = io.WriteString(c, "220 hello\r\n"); _, _ = io.Copy(io.Discard, c) }, trust.NotTLS},
		"a plain server that hangs up":     {func(c net.Conn) { _, _ = c.Read(make([]byte, 512)) }, trust.Unfinished},
	} {
		err := talk(t, c, serve(t, tc.serve))
		if kind, text := c.Explain(err); kind != tc.kind || !strings.Contains(text, "is it the") {
			t.Errorf("%s: %q %q (%v), want %q", name, kind, text, err, tc.kind)
		}
	}
	alert := serve(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 5)); _, _ = c.Write([]byte{21, 3, 1, 0, 2, 2, 70}) })
	if err := talk(t, nil, alert); !errors.Is(err, trust.ErrTLSThere) || trust.KindOf(err) != trust.TLSThere {
		t.Errorf("plain text to a TLS server: %v", err)
	}
}

// TestFilesAreReadAgain: certificates are rotated while the console runs; a file that is
// half-way there does not take away what worked.
func TestFilesAreReadAgain(t *testing.T) {
	first, second := trusttest.NewCA(t, "first"), trusttest.NewCA(t, "second")
	dir := t.TempDir()
	caFile := trusttest.File(t, dir, "ca.pem", first.PEM)
	certFile, key := trusttest.File(t, dir, "cert.pem", nil), ""
	back := echo(t)
	server := func(ca *trusttest.CA) string {
		p := ca.Issue(t, trusttest.Leaf{})
		return trusttest.Front(t, back, &tls.Config{Certificates: []tls.Certificate{p.TLS}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()})
	}
	old, fresh := server(first), server(second)
	clock := time.Now()
	write := func(path string, data []byte) {
		trusttest.File(t, dir, path[len(dir)+1:], data)
		clock = clock.Add(time.Second) // a file system may keep whole seconds
		if err := os.Chtimes(path, clock, clock); err != nil {
			t.Fatal(err)
		}
	}
	p1, p2 := first.Issue(t, trusttest.Leaf{}), second.Issue(t, trusttest.Leaf{})
	write(certFile, p1.Cert)
	key = string(p1.Key)
	c := trust.New(trust.Settings{CA: caFile, Cert: certFile, Key: func() (string, error) { return key, nil }}, nil)
	if err := talk(t, c, old); err != nil {
		t.Fatal(err)
	}
	write(certFile, p2.Cert) // the key comes later
	if err := talk(t, c, old); err != nil {
		t.Errorf("half a rotation takes away what worked: %v", err)
	}
	if err := c.Trouble(); err == nil || !strings.Contains(err.Error(), "do not make a pair") {
		t.Errorf("trouble %v", err)
	}
	if err := os.Rename(caFile, caFile+".away"); err != nil {
		t.Fatal(err)
	}
	if err := talk(t, c, old); err != nil || c.Trouble() == nil {
		t.Errorf("a CA file that is away for a moment: %v, trouble %v", err, c.Trouble())
	}
	key = string(p2.Key)
	write(caFile, second.PEM)
	if err := talk(t, c, fresh); err != nil || c.Trouble() != nil {
		t.Errorf("after the rotation: %v, trouble %v", err, c.Trouble())
	}
	if err := talk(t, c, old); trust.KindOf(err) != trust.UnknownCA {
		t.Errorf("the old authority is still believed: %v", err)
	}
}

// TestAChangedKeyIsNoticed: the key alone was replaced, so that the pair on disk is none any
// more; what worked stays in use, and that is told before a restart would find out.
func TestAChangedKeyIsNoticed(t *testing.T) {
	ca, dir := trusttest.NewCA(t, "ca"), t.TempDir()
	server := ca.Issue(t, trusttest.Leaf{})
	addr := trusttest.Front(t, echo(t), &tls.Config{Certificates: []tls.Certificate{server.TLS}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()})
	mine, foreign := ca.Issue(t, trusttest.Leaf{}), ca.Issue(t, trusttest.Leaf{})
	clock := time.Now()
	write := func(key []byte) (path string) {
		path = trusttest.File(t, dir, "key.pem", key)
		clock = clock.Add(time.Second) // a file system may keep whole seconds
		if err := os.Chtimes(path, clock, clock); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keyFile, asked := write(mine.Key), 0
	c := trust.New(trust.Settings{
		CA: trusttest.File(t, dir, "ca.pem", ca.PEM), Cert: trusttest.File(t, dir, "cert.pem", mine.Cert), KeyFile: keyFile,
		Key: func() (string, error) {
			asked++
			b, err := os.ReadFile(keyFile)
			return string(b), err
		},
	}, nil)
	for range 2 {
		if err := talk(t, c, addr); err != nil || c.Trouble() != nil || asked != 1 {
			t.Fatalf("%v, trouble %v, read %d times", err, c.Trouble(), asked)
		}
	}
	write(foreign.Key)
	if err := talk(t, c, addr); err != nil {
		t.Errorf("what worked was taken away: %v", err)
	}
	if err := c.Trouble(); err == nil || !strings.Contains(err.Error(), "do not make a pair") {
		t.Errorf("trouble %v", err)
	}
	write(mine.Key)
	if err := talk(t, c, addr); err != nil || c.Trouble() != nil {
		t.Errorf("the right one again: %v, trouble %v", err, c.Trouble())
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if err := talk(t, c, addr); err != nil || c.Trouble() == nil || !strings.Contains(c.Trouble().Error(), "tls.key") {
		t.Errorf("the key is gone: %v, trouble %v", err, c.Trouble())
	}
}

func TestSettingsThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	ca := trusttest.NewCA(t, "CA")
	p, q := ca.Issue(t, trusttest.Leaf{}), ca.Issue(t, trusttest.Leaf{})
	cert := trusttest.File(t, dir, "cert.pem", p.Cert)
	for name, tc := range map[string]struct {
		s    trust.Settings
		text string
	}{
		"no such CA":     {trust.Settings{CA: dir + "/none.pem"}, "tls.ca: stat "},
		"no certificate": {trust.Settings{CA: trusttest.File(t, dir, "x", []byte("hello"))}, "holds no PEM certificate"},
		"no key":         {trust.Settings{Cert: cert}, "tls.key is missing"},
		"another key":    {trust.Settings{Cert: cert, Key: func() (string, error) { return string(q.Key), nil }}, "do not make a pair"},
		"garbage as key": {trust.Settings{Cert: cert, Key: func() (string, error) { return "s3cret-garbage", nil }}, "do not make a pair"},
	} {
		_, err := trust.New(tc.s, nil).Config("127.0.0.1:1")
		if !errors.Is(err, trust.ErrSettings) || !strings.Contains(err.Error(), tc.text) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", name, err, tc.text)
		}
	}
}

func TestPeerEndsWithTheFirstThatEnds(t *testing.T) {
	ca := trusttest.NewCA(t, "CA")
	dir := t.TempDir()
	soon := time.Now().AddDate(0, 0, 12).Truncate(time.Second)
	server := ca.Issue(t, trusttest.Leaf{To: soon})
	mine := ca.Issue(t, trusttest.Leaf{Subject: "me", To: soon.AddDate(0, 0, -2)})
	front := trusttest.Front(t, echo(t), &tls.Config{Certificates: []tls.Certificate{server.TLS}, ClientAuth: tls.RequestClientCert})
	caFile := trusttest.File(t, dir, "ca.pem", ca.PEM)
	c := trust.New(trust.Settings{CA: caFile}, nil)
	if err := talk(t, c, front); err != nil {
		t.Fatal(err)
	}
	if p := c.Peer(); !p.Ends.Equal(soon) || p.Ours || p.Issuer != "CA" || p.Subject != "localhost, 127.0.0.1" {
		t.Errorf("%+v", p)
	}
	c = trust.New(trust.Settings{CA: caFile, Cert: trusttest.File(t, dir, "me.pem", mine.Cert), Key: func() (string, error) { return string(mine.Key), nil }}, nil)
	if err := talk(t, c, front); err != nil {
		t.Fatal(err)
	}
	if p := c.Peer(); !p.Ends.Equal(soon.AddDate(0, 0, -2)) || !p.Ours {
		t.Errorf("%+v, want our own certificate's end", p)
	}
}

// TestOldServersAreNamed: yaSSL answers an offer of TLS 1.2 with a ServerHello of 1.0, where
// others send an alert.
func TestOldServersAreNamed(t *testing.T) {
	hello := append([]byte{22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1}, make([]byte, 32+1)...) // random, no session
	hello = append(hello, 0, 0x2f, 0)                                                  // TLS_RSA_WITH_AES_128_CBC_SHA
	addr := serve(t, func(c net.Conn) {
		_, _ = c.Write(hello)
		_, _ = io.Copy(io.Discard, c)
	})
	for name, settings := range map[string]trust.Settings{"checked": {}, "not checked": {Insecure: true}} {
		c := trust.New(settings, nil)
		err := talk(t, c, addr)
		if kind, text := c.Explain(err); kind != trust.Other || text != "it speaks no TLS of version 1.2 or newer" {
			t.Errorf("%s: %q %q (%v)", name, kind, text, err)
		}
	}
}
