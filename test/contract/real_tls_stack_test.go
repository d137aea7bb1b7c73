//go:build integration

package contract_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

// TLS on the servers of the data platform: RabbitMQ, Kafka, and an nginx in front of
// OpenSearch, each started once.
func TestRealStackTrusted(t *testing.T) {
	s := startSecuredStack(t)
	t.Run("certificates", s.certificates)
	t.Run("logins", s.logins)
	t.Run("search actions", s.searchActions)
}

// certificates: what is told of them, and of passwords over TLS.
func (s *securedStack) certificates(t *testing.T) {
	if cannot := contract.RunTrust(t, s, "rabbitmq", "kafka", "elasticsearch"); len(cannot) != 0 {
		t.Errorf("no TLS is spoken by %q", cannot)
	}
}

// securedStack starts its servers when the first test needs them.
type securedStack struct {
	ctx    context.Context
	first  lab.TLS // what they show at first
	rabbit func() (*lab.SecureRabbit, error)
	kafka  func() (*lab.SecureKafka, error)
	search func() (*lab.Search, error)
	front  func() (*lab.Front, error)
	// further is a search engine that believes the authority of what is shown at first.
	further func() (*lab.Search, error)
	ca      *trusttest.CA
}

// securedServer is one of them. Who wants a certificate has an address of its own.
type securedServer struct {
	component
	present func(lab.TLS) error
	strict  probes.Target
	wants   bool
}

func (s *securedServer) Present(t *testing.T, shown contract.Shown) error {
	t.Helper()
	s.wants = shown.Wants
	return s.present(labTLS(shown))
}

func (s *securedServer) Target(contract.Fault) probes.Target {
	if s.wants {
		return s.strict
	}
	return s.target
}

func startSecuredStack(t *testing.T) *securedStack {
	t.Helper()
	ctx, dir := labDir(t)
	ca := trusttest.NewCA(t, "first")
	s := &securedStack{ctx: ctx, ca: ca, first: labTLS(contract.Shown{CA: ca, Pair: ca.Issue(t, trusttest.Leaf{})})}
	r := &stack{ctx: ctx, dir: dir}
	s.rabbit = started(t, r, "RabbitMQ with TLS", func() (*lab.SecureRabbit, error) {
		return lab.NewSecureRabbit(ctx, dir, "primary", s.first, "notifications")
	})
	kafka := started(t, r, "Kafka with TLS", func() (*lab.SecureKafka, error) { return lab.NewSecureKafka(ctx, dir, "primary", s.first) })
	s.kafka = sync.OnceValues(func() (*lab.SecureKafka, error) {
		k, err := kafka()
		if err == nil {
			err = k.CreateTopics(ctx, 1, topic)
		}
		return k, err
	})
	s.search = started(t, r, lab.OpenSearch2, func() (*lab.Search, error) { return lab.NewSearch(ctx, dir, "primary", lab.OpenSearch2) })
	s.further = started(t, r, "a second "+lab.OpenSearch2, func() (*lab.Search, error) {
		x, err := lab.NewSearch(ctx, dir, "standby", lab.OpenSearch2)
		if err != nil {
			return nil, err
		}
		return x, x.Believe(s.first.CA)
	})
	s.front = started(t, r, "nginx with TLS", func() (*lab.Front, error) {
		engine, err := s.search()
		if err != nil {
			return nil, err
		}
		return lab.NewFront(ctx, dir, "primary", engine.URL, s.first)
	})
	return s
}

func (s *securedStack) Start(t *testing.T, kind string, _ probes.Role) (contract.Component, error) {
	t.Helper()
	c := &securedServer{}
	switch kind {
	case "rabbitmq":
		r, err := s.rabbit()
		if err != nil {
			return nil, err
		}
		c.present = r.Present
		c.target = probes.Target{Address: r.Secure, URL: r.Management, User: "probe", Password: fixedTo(r.Passwords["probe"]), Queue: "notifications"}
		c.strict = c.target
		c.strict.Address = r.Strict
	case "kafka":
		k, err := s.kafka()
		if err != nil {
			return nil, err
		}
		c.present = func(x lab.TLS) error { return k.Present(s.ctx, x) }
		c.target = probes.Target{Brokers: []string{k.Secure}, Topics: []string{topic}, User: "scram256", Password: fixedTo(k.Passwords["scram256"])}
		c.strict = c.target
		c.strict.Brokers = []string{k.Strict}
	case "elasticsearch":
		f, err := s.front()
		if err != nil {
			return nil, err
		}
		c.present = func(x lab.TLS) error { return f.Present(s.ctx, x) }
		c.target = probes.Target{URL: f.URL, User: f.User, Password: fixedTo(f.Password)}
		c.strict = c.target
		c.strict.URL = f.Strict
	default:
		return nil, errors.ErrUnsupported
	}
	return c, nil
}

// files are the authority and a client certificate of it as a configuration names them.
type files struct {
	ca, cert string
	key      []byte
}

func filesOf(t *testing.T, ca *trusttest.CA, subject string) files {
	t.Helper()
	dir := t.TempDir()
	p := ca.Issue(t, trusttest.Leaf{Subject: subject})
	return files{trusttest.File(t, dir, "ca.pem", ca.PEM), trusttest.File(t, dir, "cert.pem", p.Cert), p.Key}
}

func (f files) checked() *trust.Settings { return &trust.Settings{CA: f.ca} }
func (f files) shown() *trust.Settings {
	return &trust.Settings{CA: f.ca, Cert: f.cert, Key: func() (string, error) { return string(f.key), nil }}
}

// logins: every way that docs/tls.md names.
func (s *securedStack) logins(t *testing.T) {
	r, rerr := s.rabbit()
	k, kerr := s.kafka()
	f, ferr := s.front()
	if err := errors.Join(rerr, kerr, ferr); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Present(s.first), k.Present(s.ctx, s.first), f.Present(s.ctx, s.first), r.Know(s.ctx, "console")); err != nil {
		t.Fatal(err)
	}
	console, stranger := filesOf(t, s.ca, "console"), filesOf(t, s.ca, "stranger")
	kafka := func(at, user, password string) probes.Target {
		return probes.Target{Kind: "kafka", Brokers: []string{at}, Topics: []string{topic}, User: user, Password: fixedTo(password), TLS: console.checked()}
	}
	with := func(tg probes.Target, edit func(*probes.Target)) probes.Target {
		edit(&tg)
		return tg
	}
	amqp := probes.Target{Kind: "rabbitmq", Address: r.Strict, Queue: "notifications"}
	search := probes.Target{Kind: "elasticsearch", URL: f.URL, TLS: console.checked()}
	for _, c := range []struct {
		name   string
		target probes.Target
		want   probes.Status
		detail string
	}{
		{"SCRAM-SHA-256", kafka(k.Secure, "scram256", k.Passwords["scram256"]), probes.StatusUp, "with a leader"},
		{"SCRAM-SHA-512", kafka(k.Secure, "scram512", k.Passwords["scram512"]), probes.StatusUp, "with a leader"},
		{"SCRAM-SHA-512, told", with(kafka(k.Secure, "scram512", k.Passwords["scram512"]), func(x *probes.Target) { x.SASL = "SCRAM-SHA-512" }), probes.StatusUp, "with a leader"},
		{"SCRAM with a wrong password", kafka(k.Secure, "scram512", k.Passwords["trap"]), probes.StatusUnknown, "wrong password for scram512"},
		// PLAIN would let it in.
		{"a refused SCRAM is the end", kafka(k.Secure, "scram256", k.Passwords["trap"]), probes.StatusUnknown, "wrong password for scram256"},
		{"PLAIN, told", with(kafka(k.Secure, "scram256", k.Passwords["trap"]), func(x *probes.Target) { x.SASL = "plain" }), probes.StatusUp, "with a leader"},
		{"PLAIN, where there is no SCRAM", kafka(k.Simple, "plain", k.Passwords["plain"]), probes.StatusUp, "with a leader"},
		{"PLAIN with a wrong password", kafka(k.Simple, "plain", k.Passwords["trap"]), probes.StatusUnknown, "wrong password for plain"},
		{"PLAIN, and nobody checked whom it is shown to", with(kafka(k.Simple, "plain", k.Passwords["plain"]), func(x *probes.Target) {
			x.TLS = &trust.Settings{Insecure: true}
		}), probes.StatusUnknown, "PLAIN would show it the password"},
		{"a certificate alone", probes.Target{Kind: "kafka", Brokers: []string{k.Mutual}, Topics: []string{topic}, TLS: console.shown()}, probes.StatusUp, "with a leader"},
		{"EXTERNAL", with(amqp, func(x *probes.Target) { x.TLS = console.shown() }), probes.StatusUp, ""},
		{"EXTERNAL of somebody unknown", with(amqp, func(x *probes.Target) { x.TLS = stranger.shown() }), probes.StatusUnknown, "our client certificate is no user there"},
		{"a password in place of EXTERNAL", with(amqp, func(x *probes.Target) {
			x.TLS, x.User, x.Password = console.shown(), "probe", fixedTo(r.Passwords["probe"])
		}), probes.StatusUp, ""},
		{"Basic", with(search, func(x *probes.Target) { x.User, x.Password = f.User, fixedTo(f.Password) }), probes.StatusUp, "cluster green"},
		{"Basic with a wrong password", with(search, func(x *probes.Target) { x.User, x.Password = f.User, fixedTo(f.APIKey) }), probes.StatusUnknown, "wrong password for probe"},
		{"an API key", with(search, func(x *probes.Target) { x.APIKey = fixedTo(f.APIKey) }), probes.StatusUp, "cluster green"},
		{"a wrong API key", with(search, func(x *probes.Target) { x.APIKey = fixedTo(f.Password) }), probes.StatusUnknown, "the API key is refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c.target.Name = "site/data/" + c.target.Kind
			a := open(t, c.target).Probe(ctx)
			if a.Status != c.want || !strings.Contains(a.Detail, c.detail) {
				t.Errorf("%s %q, want %s %q\n%s", a.Status, a.Detail, c.want, c.detail, strings.Join(a.Transcript, "\n"))
			}
		})
	}
}

// searchActions over TLS: through the front to the source, and from the
// target to the front, with a password and with an API key.
func (s *securedStack) searchActions(t *testing.T) {
	a, err := s.search()
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.further()
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.front()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Present(s.ctx, s.first); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ca := config.File(trusttest.File(t, dir, "ca.pem", s.ca.PEM))
	password := config.Secret("file:" + trusttest.File(t, dir, "password", []byte(f.Password)))
	key := config.Secret("file:" + trusttest.File(t, dir, "key", []byte(f.APIKey)))
	for name, login := range map[string]func(*config.Component){
		"password": func(c *config.Component) { c.User, c.Password = f.User, password },
		"API key":  func(c *config.Component) { c.APIKey = key },
	} {
		t.Run(name, func(t *testing.T) {
			for _, e := range []*lab.Search{a, b} {
				if err := call(t.Context(), e.URL+"/messages", http.MethodPut, "", "", messagesIndex); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = call(context.Background(), e.URL+"/messages", http.MethodDelete, "", "", nil) })
			}
			p := contract.SearchPair{A: searchEndpoint("primary", f.URL), B: searchEndpoint("standby", b.URL), Direct: [2]string{a.URL, b.URL}}
			p.A.Config.TLS = &config.TLS{CA: ca}
			login(&p.A.Config)
			contract.SearchActions(t, p)
		})
	}
}

func fixedTo(password string) func() (string, error) {
	return func() (string, error) { return password, nil }
}
