//go:build integration

package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
)

// rabbitSecure lets a node speak TLS beside plain AMQP, log clients in by their certificates'
// common name, and read certificates anew with every handshake.
const rabbitSecure = `listeners.ssl.1 = 127.0.0.1:%[1]d
ssl_options.cacertfile = %[2]s
ssl_options.certfile = %[3]s
ssl_options.keyfile = %[4]s
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
ssl_cert_login_from = common_name
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
management.ssl.ip = 127.0.0.1
management.ssl.port = %[5]d
management.ssl.cacertfile = %[2]s
management.ssl.certfile = %[3]s
management.ssl.keyfile = %[4]s
`

// rabbitStrict starts a further listener, which lets in only whom it knows by a certificate.
const rabbitStrict = `{ok, O} = application:get_env(rabbit, ssl_options), ` +
	`ok = rabbit_networking:start_ssl_listener({"127.0.0.1", %d}, [{fail_if_no_peer_cert, true} | proplists:delete(fail_if_no_peer_cert, O)], 2).`

// SecureRabbit is a node that speaks TLS.
type SecureRabbit struct {
	*Rabbit
	// Secure is host:port for AMQP over TLS, Strict the same for clients with a certificate
	// only, Management the address of the management interface.
	Secure, Strict, Management string

	tls    TLSFiles
	strict int
}

// NewSecureRabbit is NewRabbit for a node that speaks TLS, and shows t.
func NewSecureRabbit(ctx context.Context, dir, site string, t TLS, queues ...string) (*SecureRabbit, error) {
	r, err := NewRabbit(ctx, dir, site, queues...)
	if err != nil {
		return nil, err
	}
	ports, err := loopbackPorts(ctx, 3)
	if err != nil {
		return nil, err
	}
	d := r.proc.dir
	s := &SecureRabbit{Rabbit: r, Secure: local(ports[0]), Strict: local(ports[1]), strict: ports[1], Management: "https://" + local(ports[2]), tls: tlsFiles(d)}
	r.proc.env = append(r.proc.env, "RABBITMQ_SERVER_START_ARGS=-ssl bypass_pem_cache true")
	return s, errors.Join(s.tls.write(t),
		appendTo(filepath.Join(d, "rabbitmq.conf"), fmt.Sprintf(rabbitSecure, ports[0], s.tls.CA, s.tls.Cert, s.tls.Key, ports[2])),
		serverFile(filepath.Join(d, "enabled_plugins"), "[rabbitmq_management,rabbitmq_auth_mechanism_ssl].\n"))
}

// Start brings the node up with both of its listeners for TLS. Nothing may knock at them before
// clients do: with a connection that ends before its handshake, Erlang keeps the authorities
// that it has read for good.
func (s *SecureRabbit) Start(ctx context.Context) error {
	if err := s.Rabbit.Start(ctx); err != nil {
		return err
	}
	return s.Ctl(ctx, "eval", fmt.Sprintf(rabbitStrict, s.strict))
}

// Present shows t to whoever connects from now on.
func (s *SecureRabbit) Present(t TLS) error { return s.tls.write(t) }

// Know makes an account without a password: it is known by the common name of a certificate.
func (s *SecureRabbit) Know(ctx context.Context, name string) error {
	return errors.Join(
		s.manage(ctx, http.MethodPut, "/api/users/"+name, map[string]string{"password_hash": "", "tags": "monitoring"}, nil),
		s.manage(ctx, http.MethodPut, "/api/permissions/%2F/"+name, map[string]string{"configure": "", "write": "", "read": ".*"}, nil))
}
