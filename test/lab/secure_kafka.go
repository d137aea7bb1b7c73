//go:build integration

package lab

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaSecure adds listeners with TLS to one without, which is the administrator's: SECURE
// and STRICT ask for SASL, and STRICT for a client certificate as well; MUTUAL for the
// certificate alone. Of two network threads each takes over a new certificate in its own time.
const kafkaSecure = `listeners=PLAINTEXT://127.0.0.1:%[1]d,SECURE://127.0.0.1:%[2]d,STRICT://127.0.0.1:%[3]d,MUTUAL://127.0.0.1:%[4]d,SIMPLE://127.0.0.1:%[5]d,CONTROLLER://127.0.0.1:%[6]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d,SECURE://127.0.0.1:%[2]d,STRICT://127.0.0.1:%[3]d,MUTUAL://127.0.0.1:%[4]d,SIMPLE://127.0.0.1:%[5]d
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,STRICT:SASL_SSL,MUTUAL:SSL,SIMPLE:SASL_SSL,CONTROLLER:PLAINTEXT
ssl.keystore.type=PEM
ssl.keystore.location=%[7]s
ssl.truststore.type=PEM
ssl.truststore.location=%[8]s
ssl.allow.dn.changes=true
ssl.allow.san.changes=true
num.network.threads=1
listener.name.strict.ssl.client.auth=required
listener.name.mutual.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN
listener.name.simple.sasl.enabled.mechanisms=PLAIN
listener.name.simple.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_plain="%[9]s";
`

// kafkaSecureScram follows for every listener that knows SCRAM. It takes PLAIN as well, with
// another password: whoever shows that one has let a refused SCRAM be followed by it.
const kafkaSecureScram = `listener.name.%[1]s.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.%[1]s.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.%[1]s.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_scram256="%[2]s";
`

// SecureKafka is a broker with listeners that speak TLS.
type SecureKafka struct {
	*Kafka
	// Secure takes SCRAM, Strict SCRAM from clients with a certificate only, Mutual a
	// certificate alone, Simple PLAIN.
	Secure, Strict, Mutual, Simple string
	// Passwords by account: scram256 and scram512 have one mechanism each, plain the third;
	// trap is scram256's by PLAIN.
	Passwords map[string]string

	tls   TLSFiles
	store string // certificate and key in one file
}

// NewSecureKafka is NewKafka for a broker that speaks TLS, and shows t.
func NewSecureKafka(ctx context.Context, dir, site string, t TLS) (*SecureKafka, error) {
	k, err := NewKafka(ctx, dir, site)
	if err != nil {
		return nil, err
	}
	ports, err := loopbackPorts(ctx, 4)
	if err != nil {
		return nil, err
	}
	_, plain, err := split(k.Address)
	if err != nil {
		return nil, err
	}
	s := &SecureKafka{
		Kafka: k, Secure: local(ports[0]), Strict: local(ports[1]), Mutual: local(ports[2]), Simple: local(ports[3]),
		Passwords: map[string]string{}, tls: tlsFiles(k.dir), store: filepath.Join(k.dir, "tls-store.pem"),
	}
	k.proc.listens = []string{s.Secure, s.Strict, s.Mutual, s.Simple}
	for _, a := range []string{"scram256", "scram512", "plain", "trap"} {
		s.Passwords[a] = secret()
	}
	lines := fmt.Sprintf(kafkaSecure, plain, ports[0], ports[1], ports[2], ports[3], k.controller, s.store, s.tls.CA, s.Passwords["plain"])
	for _, listener := range []string{"secure", "strict"} {
		lines += fmt.Sprintf(kafkaSecureScram, listener, s.Passwords["trap"])
	}
	return s, errors.Join(s.write(t), appendTo(filepath.Join(k.dir, "server.properties"), lines))
}

func (s *SecureKafka) write(t TLS) error {
	return errors.Join(s.tls.write(t), serverFile(s.store, string(t.Key)+string(t.Cert)))
}

// Start brings the broker up and makes its SCRAM accounts.
func (s *SecureKafka) Start(ctx context.Context) error {
	if err := s.Kafka.Start(ctx); err != nil {
		return err
	}
	return s.admin(func(a *kadm.Client) error {
		got, err := a.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{
			{User: "scram256", Mechanism: kadm.ScramSha256, Iterations: 4096, Password: s.Passwords["scram256"]},
			{User: "scram512", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: s.Passwords["scram512"]},
		})
		if err != nil {
			return err
		}
		return got.Error()
	})
}

// Present shows t to whoever connects from now on: a broker reads its stores anew when it is
// told where they are.
func (s *SecureKafka) Present(ctx context.Context, t TLS) error {
	if err := s.write(t); err != nil {
		return err
	}
	var set []kadm.AlterConfig
	for _, listener := range []string{"secure", "strict", "mutual", "simple"} {
		for key, value := range map[string]string{
			"ssl.keystore.type": "PEM", "ssl.keystore.location": s.store, "ssl.truststore.type": "PEM", "ssl.truststore.location": s.tls.CA,
		} {
			set = append(set, kadm.AlterConfig{Op: kadm.SetConfig, Name: "listener.name." + listener + "." + key, Value: &value})
		}
	}
	err := s.admin(func(a *kadm.Client) error {
		got, err := a.AlterBrokerConfigs(ctx, set, 1)
		if err != nil {
			return err
		}
		for _, r := range got {
			if r.Err != nil {
				return fmt.Errorf("show another certificate: %w (%s)", r.Err, r.ErrMessage)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return awaitShown(ctx, t.Cert, s.Secure, s.Strict, s.Mutual, s.Simple)
}

func (s *SecureKafka) admin(do func(*kadm.Client) error) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(s.Address), kgo.DisableClientMetrics())
	if err != nil {
		return err
	}
	defer c.Close()
	return do(kadm.NewClient(c))
}
