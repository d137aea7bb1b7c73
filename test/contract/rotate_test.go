package contract_test

import (
	"crypto/tls"
	"net/url"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/backend/sandbox/redisd"
	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
	"github.com/dutyops/dutyops/test/contract"
)

func (c *component) Rotate(password string) error {
	if c.rotate == nil {
		return contract.ErrCannot
	}
	return c.rotate(password)
}

func (c *component) Cut() {
	if c.line == nil { // they end when they are renewed
		return
	}
	for _, l := range append([]*link.Link{c.line}, c.more...) {
		l.Set(link.Down)
		l.Set(link.Pass)
	}
}

func (c *component) Secure(t *testing.T, cfg *tls.Config) error {
	t.Helper()
	if c.starttls != nil {
		c.starttls(cfg, false)
		return nil
	}
	for _, l := range append([]*link.Link{c.line}, c.more...) {
		l.SetTarget(trusttest.Front(t, l.Target(), cfg))
	}
	if u, err := url.Parse(c.target.URL); err == nil && u.Scheme == "http" {
		u.Scheme = "https"
		c.target.URL = u.String()
	}
	return nil
}

// Present secures the component once; what it shows can be changed after that.
func (c *component) Present(t *testing.T, s contract.Shown) error {
	t.Helper()
	cfg := &tls.Config{Certificates: []tls.Certificate{s.Pair.TLS}, MinVersion: tls.VersionTLS12}
	if s.Wants {
		cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, s.CA.Pool()
	}
	if c.starttls != nil { // as MySQL does: who shows none gets as far as the login
		cfg.ClientAuth, cfg.ClientCAs = tls.VerifyClientCertIfGiven, s.CA.Pool()
		c.starttls(cfg, s.Wants)
		return nil
	}
	if c.shows.Swap(cfg) != nil {
		return nil
	}
	return c.Secure(t, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.shows.Load(), nil }})
}

// guarded puts a proxy that wants a password behind the component's line.
func (c *component) guarded(t *testing.T) {
	pw := secret()
	front, set := contract.PasswordFront(t, "http://"+c.line.Target(), "duty", pw)
	c.line.SetTarget(hostOf(front))
	c.target.User, c.target.Password = "duty", func() (string, error) { return pw, nil }
	c.rotate = func(password string) error { set(password); return nil }
}

// rotating is a backend with a password before every kind.
type rotating struct {
	contract.Backend
	kafka func(t *testing.T) (contract.Component, error) // which has a login of its own
}

func (r rotating) Start(t *testing.T, kind string, role probes.Role) (contract.Component, error) {
	t.Helper()
	if kind == "kafka" {
		return r.kafka(t)
	}
	comp, err := r.Backend.Start(t, kind, role)
	c, ok := comp.(*component)
	if err == nil && ok && c.rotate == nil {
		c.guarded(t)
	}
	return comp, err
}

// guardedKafka is a broker that wants a login by SCRAM.
func guardedKafka(t *testing.T) (contract.Component, error) {
	pw := secret()
	c := &component{kind: "kafka"}
	k, err := kafkad.Start(kafkad.Options{
		User: "duty", Password: pw, Topics: map[string]int32{"flight.messages": 2},
		Advertise: func(real string) (string, error) {
			var err error
			if c.line, err = link.New(real); err != nil {
				return "", err
			}
			return c.line.Addr(), nil
		},
	})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = k.Close(); _ = c.line.Close() })
	now := pw
	c.target = probes.Target{
		Brokers: k.Brokers(), Topics: []string{"flight.messages"}, User: "duty", Password: func() (string, error) { return pw, nil },
	}
	c.rotate = func(password string) error {
		login := scram.Auth{User: "duty", Pass: now}.AsSha256Mechanism()
		err := contract.AlterSCRAM(t.Context(), "duty", password, kgo.SeedBrokers(k.Brokers()...), kgo.SASL(login))
		if err == nil {
			now = password
		}
		return err
	}
	return c, nil
}

// cutter ends whatever goes over a line.
func cutter(l *link.Link) func() {
	return func() {
		l.Set(link.Down)
		l.Set(link.Pass)
	}
}

func TestSandboxMySQLRenewsLinks(t *testing.T) {
	pw, copies := secret(), secret()
	source, _, err := mysqlServer(t, 1, false, pw)
	if err != nil {
		t.Fatal(err)
	}
	replica, db, err := mysqlServer(t, 2, true, pw)
	if err != nil {
		t.Fatal(err)
	}
	source.SetPassword("app", copies)
	line, err := link.New(source.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.Close() })
	p := contract.RenewPair{
		A: mysqlEndpoint("primary", source.Addr(), secretFile(t, pw)), B: mysqlEndpoint("standby", replica.Addr(), secretFile(t, pw)), Cut: cutter(line),
		Rotate: func(password string) error { source.SetPassword("app", password); return nil },
	}
	p.A.Config.Replication = config.Replication{Address: line.Addr(), User: "app", Password: secretFile(t, copies)}
	host, port := splitAddr(line.Addr())
	for _, q := range []string{
		"CHANGE MASTER TO MASTER_HOST='" + host + "', MASTER_PORT=" + port + ", MASTER_USER='app', MASTER_PASSWORD='" + copies + "', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1",
		"START REPLICA",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	contract.RenewLink(t, p)
}

func mysqlEndpoint(site, address string, password config.Secret) replication.Endpoint {
	return replication.Endpoint{
		Site: site, Platform: failoverplan.Business, Name: "mysql", Kind: failoverplan.MySQL,
		Config: config.Component{Address: address, User: "admin", Password: password},
	}
}

func TestSandboxRedisRenewsLinks(t *testing.T) {
	pw := secret()
	source, err := redisd.Start(redisd.Options{Name: "source", Password: pw})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	line, err := link.New(source.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.Close() })
	replica, err := redisd.Start(redisd.Options{Name: "replica", Password: pw, MasterAuth: pw, ReplicaOf: line.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = replica.Close() })
	p := contract.RenewPair{
		A: redisEndpoint(t, "primary", source.Addr(), pw), B: redisEndpoint(t, "standby", replica.Addr(), pw), Cut: cutter(line),
		Rotate: func(password string) error { source.SetPassword(password); return nil },
	}
	p.A.Config.Replication = config.Replication{Address: line.Addr(), Password: p.A.Config.Password}
	contract.RenewLink(t, p)
}
