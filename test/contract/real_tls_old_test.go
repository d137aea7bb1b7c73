//go:build integration

package contract_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
	"github.com/dutyops/dutyops/test/lab"
)

// MySQL 5.6 as Oracle built it speaks TLS up to version 1.1 only: probe and driver say so,
// and nobody logs in.
func TestRealMySQL56SpeaksOldTLS(t *testing.T) {
	ctx, dir := labDir(t)
	m, err := lab.NewMySQL(ctx, dir, "primary", 1)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := rsaPair(t)
	if err := m.Secure(lab.TLS{CA: cert, Cert: cert, Key: key}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if have, err := m.Query(t.Context(), "SELECT @@have_ssl"); err != nil || have != "YES" {
		t.Fatalf("have_ssl is %q, %v: what is asked is not there", have, err)
	}
	ca := trusttest.File(t, t.TempDir(), "ca.pem", cert)
	const said = "it speaks no TLS of version 1.2 or newer"
	a := open(t, probes.Target{
		Name: "primary/data/mysql", Kind: "mysql", Address: m.Address, User: "probe",
		Password: func() (string, error) { return m.Passwords["probe"], nil }, TLS: &trust.Settings{CA: ca},
	}).Probe(t.Context())
	if a.Status != probes.StatusDown || a.Detail != "TLS: "+said {
		t.Errorf("%s %q\n%s", a.Status, a.Detail, strings.Join(a.Transcript, "\n"))
	}
	e := replication.Endpoint{Site: m.Site, Platform: failoverplan.Business, Name: "mysql", Kind: failoverplan.MySQL, Config: config.Component{
		Address: m.Address, Control: config.Account{User: "control", Password: secretFile(t, m.Passwords["control"])}, TLS: &config.TLS{CA: config.File(ca)},
	}}
	if _, _, err := openStore(t, e, 20*time.Second).IsSource(t.Context()); err == nil || !strings.Contains(err.Error(), said) {
		t.Errorf("the driver: %v", err)
	}
	if user, err := m.Query(t.Context(), "SELECT GROUP_CONCAT(user) FROM information_schema.processlist WHERE user <> 'root'"); err != nil || user != "" {
		t.Errorf("%q is logged in, %v", user, err)
	}
}

// rsaPair is a certificate for this host, signed with itself, and its key, as yaSSL reads them.
func rsaPair(t *testing.T) (cert, key []byte) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
}
