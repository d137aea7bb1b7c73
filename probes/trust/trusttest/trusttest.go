package trusttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// CA is an authority of one test.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	PEM  []byte
}

// Leaf is what a certificate shall say. The zero value is for 127.0.0.1 and localhost,
// valid from an hour ago for a year.
type Leaf struct {
	Subject  string
	Names    []string // host names and addresses
	From, To time.Time
	// Self signs it with itself.
	Self bool
}

// Pair is a certificate with its key.
type Pair struct {
	TLS       tls.Certificate
	Cert, Key []byte // PEM
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic(err) // no randomness: nothing of a test can be right
	}
	return n
}

// NewCA makes an authority; name is what people read.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if x, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &CA{cert: x, key: key, PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// Pool is the authority as what a server believes.
func (ca *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.cert)
	return p
}

// DER is the authority's own certificate, for servers that show it after theirs.
func (ca *CA) DER() []byte { return ca.cert.Raw }

// Issue makes a certificate for servers and clients.
func (ca *CA) Issue(t testing.TB, l Leaf) Pair {
	t.Helper()
	if l.Subject == "" {
		l.Subject = "server"
	}
	if l.Names == nil {
		l.Names = []string{"127.0.0.1", "localhost"}
	}
	if l.From.IsZero() {
		l.From = time.Now().Add(-time.Hour)
	}
	if l.To.IsZero() {
		l.To = time.Now().AddDate(1, 0, 0)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: l.Subject}, NotBefore: l.From, NotAfter: l.To,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, n := range l.Names {
		if ip := net.ParseIP(n); ip != nil {
			x.IPAddresses = append(x.IPAddresses, ip)
		} else {
			x.DNSNames = append(x.DNSNames, n)
		}
	}
	parent, signer := ca.cert, ca.key
	if l.Self {
		parent, signer = x, key
	}
	der, err := x509.CreateCertificate(rand.Reader, x, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}
	if p.TLS, err = tls.X509KeyPair(p.Cert, p.Key); err != nil {
		t.Fatal(err)
	}
	return p
}

// File writes data into dir under name, for the test's own account only.
func File(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Front listens with TLS until the test ends and hands what it decrypts to the server at
// behind; it returns its address.
func Front(t testing.TB, behind string, cfg *tls.Config) string {
	t.Helper()
	var lc net.ListenConfig
	plain, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := tls.NewListener(plain, cfg)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		open = map[net.Conn]bool{}
	)
	keep := func(c net.Conn, yes bool) {
		mu.Lock()
		defer mu.Unlock()
		if yes {
			open[c] = true
			return
		}
		delete(open, c)
		_ = c.Close()
	}
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			keep(c, true)
			wg.Go(func() {
				defer keep(c, false)
				var d net.Dialer
				b, err := d.DialContext(t.Context(), "tcp", behind)
				if err != nil {
					return
				}
				keep(b, true)
				defer keep(b, false)
				wg.Go(func() {
					_, _ = io.Copy(c, b)
					_ = c.Close()
				})
				_, _ = io.Copy(b, c)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return plain.Addr().String()
}
