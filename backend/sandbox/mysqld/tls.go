package mysqld

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
)

// sslRequest is how long a login is that stops before the user: TLS begins after it.
const sslRequest = 32

// offer is how a server speaks TLS.
type offer struct {
	cfg  *tls.Config
	x509 bool
}

// SetTLS offers TLS to those who connect from now on; nil offers none, which is how a
// server begins. cfg says whose client certificates are believed. With x509 every account
// wants one, as REQUIRE X509 does: whoever shows none is refused like a wrong password.
func (s *Server) SetTLS(cfg *tls.Config, x509 bool) {
	if cfg == nil {
		s.tls.Store(nil)
		return
	}
	s.tls.Store(&offer{cfg, x509})
}

// secure goes on over TLS, and reads the login that comes then.
func (ss *session) secure(o *offer) ([]byte, error) {
	w := ss.wire
	t := tls.Server(ahead{w.conn, w.r}, o.cfg)
	if err := t.HandshakeContext(ss.ctx); err != nil {
		return nil, err
	}
	ss.secured = true
	ss.unproven = o.x509 && len(t.ConnectionState().PeerCertificates) == 0
	w.mu.Lock()
	w.r, w.w = bufio.NewReaderSize(t, 2<<10), bufio.NewWriterSize(t, 2<<10)
	w.mu.Unlock()
	return w.read()
}

// ahead is a connection of which something is read already.
type ahead struct {
	net.Conn
	r io.Reader
}

func (a ahead) Read(p []byte) (int, error) { return a.r.Read(p) }
