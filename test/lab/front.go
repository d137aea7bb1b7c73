//go:build integration

package lab

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // nginx's way to keep a password, in a folder of this process
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"syscall"
	"time"
)

// Front is an nginx that speaks TLS and asks for a password or an API key, in front of a
// server that does neither.
type Front struct {
	// URL takes passwords and API keys, Strict the same from clients with a certificate only.
	URL, Strict string
	// User and Password, or APIKey in its place.
	User, Password, APIKey string

	proc *proc
	tls  TLSFiles
}

const frontConf = nginxHead + `  client_max_body_size 0;
  ssl_certificate %[2]s;
  ssl_certificate_key %[3]s;
  ssl_client_certificate %[4]s;
  map_hash_bucket_size 256;
  map $http_authorization $realm {
    "ApiKey %[5]s" off;
    default security;
  }
  map $realm $passed {
    off "";
    default $http_authorization;
  }
  auth_basic $realm;
  auth_basic_user_file %[1]s/htpasswd;
  proxy_read_timeout 60s;
  server {
    listen 127.0.0.1:%[6]d ssl;
    location / { proxy_pass %[8]s; proxy_set_header Authorization ""; }
  }
  server {
    listen 127.0.0.1:%[7]d ssl;
    ssl_verify_client on;
    location / { proxy_pass %[8]s; proxy_set_header Authorization ""; }
  }
}
`

// NewFront prepares an nginx in front of the server at url, which shows t.
func NewFront(ctx context.Context, dir, site, url string, t TLS) (*Front, error) {
	ports, err := loopbackPorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	d, err := serverDir(dir, site+"-front")
	if err != nil {
		return nil, err
	}
	f := &Front{
		URL: "https://" + local(ports[0]), Strict: "https://" + local(ports[1]), User: "probe", Password: secret(), APIKey: base64.StdEncoding.EncodeToString([]byte("id:" + secret())), tls: tlsFiles(d),
	}
	conf := filepath.Join(d, "nginx.conf")
	sum := sha1.Sum([]byte(f.Password)) //nolint:gosec // see above
	err = errors.Join(f.tls.write(t),
		serverFile(conf, fmt.Sprintf(frontConf, d, f.tls.Cert, f.tls.Key, f.tls.CA, f.APIKey, ports[0], ports[1], url)),
		serverFile(filepath.Join(d, "htpasswd"), f.User+":{SHA}"+base64.StdEncoding.EncodeToString(sum[:])+"\n"))
	f.proc = &proc{
		name: "front", dir: d, args: []string{"nginx", "-e", "stderr", "-p", d, "-c", conf},
		ready: func(ctx context.Context) error { return answers(ctx, local(ports[0])) },
	}
	return f, err
}

// Start brings the front up.
func (f *Front) Start(ctx context.Context) error { return f.proc.start(ctx) }

// Stop ends it.
func (f *Front) Stop() { f.proc.stop(syscall.SIGTERM) }

// Present shows t to whoever connects from now on.
func (f *Front) Present(ctx context.Context, t TLS) error {
	if err := f.tls.write(t); err != nil {
		return err
	}
	f.Stop() // a reload would leave the old worker at the door for a moment
	return f.Start(ctx)
}

func answers(ctx context.Context, address string) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}

// awaitShown waits until the servers at the addresses show the certificate.
func awaitShown(ctx context.Context, cert []byte, addresses ...string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, a := range addresses {
		for {
			err := shows(ctx, a, cert)
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s does not show the new certificate: %w", a, err)
			case <-tick.C:
			}
		}
	}
	return nil
}

// shows is nil when the server at address shows the certificate.
func shows(ctx context.Context, address string, cert []byte) error {
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it is compared
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	block, _ := pem.Decode(cert)
	if block == nil {
		return errors.New("no certificate to compare with")
	}
	if t, ok := c.(*tls.Conn); !ok || !bytes.Equal(t.ConnectionState().PeerCertificates[0].Raw, block.Bytes) {
		return errors.New("another certificate is shown")
	}
	return nil
}
