package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Settings say how a server's certificate is checked and which certificate is shown to
// it. The zero value checks against the host's own authorities and shows none.
type Settings struct {
	// CA is a PEM file of the authorities that are believed, instead of the host's.
	CA string
	// Cert is a PEM file with the client certificate and its chain; Key reads the private
	// key, as PEM. Key is asked again whenever Cert has changed, or KeyFile, the file that it
	// reads if it reads one.
	Cert    string
	Key     func() (string, error)
	KeyFile string
	// ServerName is the name that the certificate must carry; default the host asked.
	ServerName string
	// Insecure believes any certificate: whoever is in between can read and answer.
	Insecure bool
}

// ErrSettings is wrapped by every failure on our own side: a file that cannot be read,
// a key that does not fit. Nothing has been asked then.
var ErrSettings = errors.New("cannot use the TLS settings")

// maxFile bounds what is read as certificates.
const maxFile = 1 << 20

// Client makes TLS configurations for one target and remembers what its server showed.
// Safe for concurrent use. A nil Client answers Explain as one without settings.
type Client struct {
	s   Settings
	now func() time.Time

	mu      sync.Mutex
	roots   *x509.CertPool
	rootsOf stamp
	pair    *tls.Certificate
	pairOf  [2]stamp // of the certificate and the key
	trouble error

	asked atomic.Bool // the server has asked for a client certificate
	seen  map[string]sighting
}

// sighting is what the server at one address showed, and when. A target may have several
// (brokers, a management port).
type sighting struct {
	*Certificate
	at time.Time
}

// seenFor is how long a certificate counts that has not been shown again: the address may
// not belong to the target any more. maxSeen bounds the addresses.
const (
	seenFor = 10 * time.Minute
	maxSeen = 256
)

// Certificate is what is worth knowing of a server's certificate.
type Certificate struct {
	// Subject and Issuer are names for people.
	Subject, Issuer string
	// Ends is the earliest end of the certificate, what it was served with, and our own
	// client certificate; Ours says that it is the latter.
	Ends time.Time
	Ours bool
}

// New makes a client. Nothing is read before the first handshake. now may be nil.
func New(s Settings, now func() time.Time) *Client {
	if now == nil {
		now = time.Now
	}
	return &Client{s: s, now: now}
}

// Peer is what the server showed at its last handshake that succeeded; of several
// addresses the certificate that ends first. nil when none was seen for a while.
func (c *Client) Peer() *Certificate {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var first *Certificate
	for host, x := range c.seen {
		if c.now().Sub(x.at) > seenFor {
			delete(c.seen, host)
			continue
		}
		if first == nil || x.Ends.Before(first.Ends) || x.Ends.Equal(first.Ends) && x.Subject < first.Subject {
			first = x.Certificate
		}
	}
	return first
}

// OwnEnds is when our own client certificate ends; zero without one. It reads the files.
// Errors wrap ErrSettings.
func (c *Client) OwnEnds() (time.Time, error) {
	if _, err := c.Config(""); err != nil {
		return time.Time{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair == nil || c.pair.Leaf == nil {
		return time.Time{}, nil
	}
	return c.pair.Leaf.NotAfter, nil
}

// Trouble is why changed files could not be taken over; what was read before is still
// in use then. nil when all is well.
func (c *Client) Trouble() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trouble
}

// Config returns the configuration for one handshake with host (a port is cut off).
// Files that have changed are read again; while a changed file cannot be used, what was
// read before stays in use and Trouble says so. Errors wrap ErrSettings.
func (c *Client) Config(host string) (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trouble = nil
	if err := c.loadRoots(); err != nil {
		if c.roots == nil {
			return nil, fmt.Errorf("%w: %w", ErrSettings, err)
		}
		c.trouble = err
	}
	if err := c.loadPair(); err != nil {
		if c.pair == nil {
			return nil, fmt.Errorf("%w: %w", ErrSettings, err)
		}
		c.trouble = err
	}
	name := c.s.ServerName
	if name == "" {
		name = host
		if h, _, err := net.SplitHostPort(host); err == nil {
			name = h
		}
	}
	pair := c.pair
	c.asked.Store(false)
	return &tls.Config{
		ServerName: name, RootCAs: c.roots, MinVersion: tls.VersionTLS12, Time: c.now,
		InsecureSkipVerify: c.s.Insecure, //nolint:gosec // the operator's own choice; doctor warns of it
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c.asked.Store(true)
			if pair == nil {
				return &tls.Certificate{}, nil
			}
			return pair, nil // shown even to authorities it is not from: the refusal explains more
		},
		VerifyConnection: func(st tls.ConnectionState) error {
			c.remember(host, st, pair)
			return nil
		},
	}, nil
}

func (c *Client) remember(host string, st tls.ConnectionState, pair *tls.Certificate) {
	if len(st.PeerCertificates) == 0 {
		return
	}
	leaf := st.PeerCertificates[0]
	seen := &Certificate{Subject: namesOf(leaf), Issuer: person(leaf.Issuer.CommonName, leaf.Issuer.String()), Ends: leaf.NotAfter}
	for _, x := range st.PeerCertificates[1:] {
		if x.NotAfter.Before(seen.Ends) {
			seen.Ends = x.NotAfter
		}
	}
	if pair != nil && pair.Leaf != nil && pair.Leaf.NotAfter.Before(seen.Ends) {
		seen.Ends, seen.Ours = pair.Leaf.NotAfter, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil || len(c.seen) >= maxSeen {
		c.seen = map[string]sighting{}
	}
	c.seen[host] = sighting{seen, c.now()}
}

// stamp tells whether a file has changed.
type stamp struct {
	at   time.Time
	size int64
}

func stampOf(path string) (stamp, error) {
	i, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{i.ModTime(), i.Size()}, nil
}

func (c *Client) loadRoots() error {
	if c.s.CA == "" {
		return nil
	}
	st, err := stampOf(c.s.CA)
	if err != nil {
		return fmt.Errorf("tls.ca: %w", err)
	}
	if c.roots != nil && st == c.rootsOf {
		return nil
	}
	pem, err := read(c.s.CA)
	if err != nil {
		return fmt.Errorf("tls.ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("tls.ca: %s holds no PEM certificate", c.s.CA)
	}
	c.roots, c.rootsOf = pool, st
	return nil
}

func (c *Client) loadPair() error {
	if c.s.Cert == "" {
		return nil
	}
	var st [2]stamp
	var err error
	if st[0], err = stampOf(c.s.Cert); err != nil {
		return fmt.Errorf("tls.cert: %w", err)
	}
	if c.s.KeyFile != "" {
		if st[1], err = stampOf(c.s.KeyFile); err != nil {
			return fmt.Errorf("tls.key: %w", err)
		}
	}
	if c.pair != nil && st == c.pairOf {
		return nil
	}
	cert, err := read(c.s.Cert)
	if err != nil {
		return fmt.Errorf("tls.cert: %w", err)
	}
	if c.s.Key == nil {
		return errors.New("tls.key is missing")
	}
	key, err := c.s.Key()
	if err != nil {
		return fmt.Errorf("tls.key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, []byte(key))
	if err != nil {
		// the library's texts name what is missing, never what was read
		return fmt.Errorf("tls.cert and tls.key do not make a pair: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
	c.pair, c.pairOf = &pair, st
	return nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		return nil, fmt.Errorf("%s is larger than 1 MiB: is it the right file?", path)
	}
	return b, err
}
