//go:build integration

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// TLS is what a server shows over TLS, and whose client certificates it believes, in PEM.
type TLS struct {
	CA, Cert, Key []byte
	// Wants: a client must show a certificate of CA.
	Wants bool
}

// TLSFiles are the paths of those on the server's host.
type TLSFiles struct{ CA, Cert, Key string }

func tlsFiles(dir string) TLSFiles {
	return TLSFiles{CA: filepath.Join(dir, "tls-ca.pem"), Cert: filepath.Join(dir, "tls-cert.pem"), Key: filepath.Join(dir, "tls-key.pem")}
}

func (f TLSFiles) write(t TLS) error {
	return errors.Join(serverFile(f.CA, string(t.CA)), serverFile(f.Cert, string(t.Cert)), serverFile(f.Key, string(t.Key)))
}

// appendTo adds lines to a configuration that is written already.
func appendTo(path, lines string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return serverFile(path, string(b)+lines)
}

// StartSecureStores is StartStores with servers that also speak TLS. They are linked
// without it.
func StartSecureStores(ctx context.Context, base string, t TLS) (*Stores, error) {
	return startStores(ctx, base, &t)
}

// secure makes a server that has not been started yet speak TLS on its port.
func (m *Maria) secure(t TLS) error {
	m.TLS = tlsFiles(m.dir)
	return errors.Join(m.TLS.write(t), appendTo(filepath.Join(m.dir, "my.cnf"), sslLines(m.TLS)))
}

func sslLines(f TLSFiles) string {
	return fmt.Sprintf("ssl-ca=%s\nssl-cert=%s\nssl-key=%s\n", f.CA, f.Cert, f.Key)
}

// Present shows t to whoever connects from now on. That a certificate is wanted is the
// accounts' to say: those of the probe and of control are given what t says.
func (m *Maria) Present(ctx context.Context, t TLS) error {
	if err := m.TLS.write(t); err != nil {
		return err
	}
	require := map[bool]string{true: "X509", false: "NONE"}[t.Wants]
	return m.Locally(ctx, "FLUSH SSL", "ALTER USER 'probe'@'127.0.0.1' REQUIRE "+require, "ALTER USER 'control'@'127.0.0.1' REQUIRE "+require)
}

// secure makes a server that has not been started yet speak TLS on a second port.
func (r *Redis) secure(dir string, t TLS, port int) error {
	r.TLS, r.TLSAddress = tlsFiles(dir), local(port)
	return errors.Join(r.TLS.write(t), appendTo(filepath.Join(dir, "redis.conf"), fmt.Sprintf(
		"tls-port %d\ntls-ca-cert-file %s\ntls-cert-file %s\ntls-key-file %s\ntls-auth-clients no\n", port, r.TLS.CA, r.TLS.Cert, r.TLS.Key)))
}

// Present shows t to whoever connects from now on.
func (r *Redis) Present(ctx context.Context, t TLS) error {
	if err := r.TLS.write(t); err != nil {
		return err
	}
	return r.client.Do(ctx, "CONFIG", "SET", "tls-ca-cert-file", r.TLS.CA, "tls-cert-file", r.TLS.Cert, "tls-key-file", r.TLS.Key,
		"tls-auth-clients", map[bool]string{true: "yes", false: "no"}[t.Wants]).Err()
}

// SwapPorts speaks TLS from now on where there was none, and the other way round;
// connections that stand go on as they are.
func (r *Redis) SwapPorts(ctx context.Context) error {
	_, plain, err := split(r.Address)
	if err != nil {
		return err
	}
	_, secure, err := split(r.TLSAddress)
	if err != nil {
		return err
	}
	set := func(key string, port int) error { return r.client.Do(ctx, "CONFIG", "SET", key, port).Err() }
	if err := errors.Join(set("tls-port", 0), set("port", secure), set("tls-port", plain)); err != nil {
		return err
	}
	r.Address, r.TLSAddress = r.TLSAddress, r.Address
	_ = r.client.Close()
	r.client = redisAdmin(r.Address, r.Password)
	return r.client.Ping(ctx).Err()
}

// Secure makes a server that has not been started yet speak TLS, as far as its yaSSL does:
// up to version 1.1, with keys of RSA alone.
func (m *MySQL) Secure(t TLS) error {
	f := tlsFiles(m.dir)
	return errors.Join(f.write(t), appendTo(filepath.Join(m.dir, "my.cnf"), sslLines(f)))
}
