package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// Kind says in which way TLS failed.
type Kind string

// The kinds. NoKind is an error that TLS has no part in.
const (
	NoKind             Kind = ""
	Expired            Kind = "expired"
	NotYetValid        Kind = "not-yet-valid"
	WrongName          Kind = "wrong-name"
	UnknownCA          Kind = "unknown-ca"
	WantsCertificate   Kind = "wants-client-certificate"
	RefusesCertificate Kind = "refuses-client-certificate"
	// NotTLS: a plain-text server where TLS was expected. TLSThere: the reverse.
	NotTLS   Kind = "not-tls"
	TLSThere Kind = "tls-there"
	// Unfinished: the handshake was cut off or not answered.
	Unfinished Kind = "unfinished"
	Other      Kind = "other"
)

// KindOf is the kind of an error of any layer above a Client's connection.
func KindOf(err error) Kind {
	k, _ := (*Client)(nil).Explain(err)
	return k
}

// Explain says in one line what went wrong, for a person; NoKind and "" when TLS has no
// part in it. It never repeats key material.
func (c *Client) Explain(err error) (Kind, string) {
	var he *HandshakeError
	if errors.As(err, &he) {
		return he.Kind, he.text
	}
	return c.explain(err, false)
}

func (c *Client) explain(err error, inHandshake bool) (Kind, string) {
	var (
		unknownCA x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		host      x509.HostnameError
		record    tls.RecordHeaderError
		verify    *tls.CertificateVerificationError
	)
	switch {
	case err == nil:
		return NoKind, ""
	case errors.Is(err, ErrTLSThere):
		return TLSThere, "it speaks TLS there: give it tls in the configuration (https:// in a URL)"
	case errors.As(err, &host):
		return WrongName, c.wrongName(host)
	case errors.As(err, &invalid):
		return c.invalid(invalid)
	case errors.As(err, &unknownCA):
		alone := !errors.As(err, &verify) || len(verify.UnverifiedCertificates) == 0 || verify.UnverifiedCertificates[0].Equal(unknownCA.Cert)
		return UnknownCA, c.unknownCA(unknownCA.Cert, alone)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return NotTLS, "it does not speak TLS there: is it the plain-text port?"
	case errors.As(err, &verify):
		return Other, "its certificate cannot be checked: " + verify.Err.Error()
	}
	if strings.Contains(err.Error(), tooOld) {
		return Other, onlyOld
	}
	if k, text := c.alert(err); k != NoKind {
		return k, text
	}
	if !inHandshake {
		return NoKind, ""
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Unfinished, "the TLS handshake was not answered: is it the TLS port?"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return Unfinished, "it closed the connection in the TLS handshake: is it the TLS port?"
	}
	return Other, strings.TrimPrefix(err.Error(), "tls: ")
}

func (c *Client) clock() time.Time {
	if c == nil {
		return time.Now()
	}
	return c.now()
}

func (c *Client) invalid(e x509.CertificateInvalidError) (Kind, string) {
	if e.Reason != x509.Expired || e.Cert == nil {
		return Other, "its certificate cannot be used: " + strings.TrimPrefix(e.Error(), "x509: ")
	}
	now := c.clock()
	if now.Before(e.Cert.NotBefore) {
		return NotYetValid, fmt.Sprintf("the certificate of %s is not valid before %s (in %s): is this host's clock right?",
			namesOf(e.Cert), stampText(e.Cert.NotBefore), Span(e.Cert.NotBefore.Sub(now)))
	}
	return Expired, fmt.Sprintf("the certificate of %s has expired on %s (%s ago)", namesOf(e.Cert), stampText(e.Cert.NotAfter), Span(now.Sub(e.Cert.NotAfter)))
}

func (c *Client) wrongName(e x509.HostnameError) string {
	return fmt.Sprintf("the certificate is for %s, not for %s (tls.server_name sets the name)", namesOf(e.Certificate), e.Host)
}

// unknownCA names who signed cert. alone: it is the server's own, and not an authority that
// was served with it, as OpenSSL's servers do.
func (c *Client) unknownCA(cert *x509.Certificate, alone bool) string {
	who := "nobody known"
	if cert != nil {
		who = person(cert.Issuer.CommonName, cert.Issuer.String())
		if alone && cert.Issuer.String() == cert.Subject.String() {
			who = "itself"
		}
	}
	if c != nil && c.s.CA != "" {
		return fmt.Sprintf("the certificate is signed by %s, which tls.ca does not hold", who)
	}
	return fmt.Sprintf("the certificate is signed by %s, which this host does not trust (tls.ca names a file of authorities)", who)
}

const (
	wantsCertificate   = "it wants a client certificate, none is configured (tls.cert, tls.key)"
	refusesCertificate = "it refuses our client certificate (%s): %s"
)

// ours is our client certificate for people, "" without one.
func (c *Client) ours() string {
	if c == nil {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair == nil || c.pair.Leaf == nil {
		return ""
	}
	return fmt.Sprintf("%s, ends %s", namesOf(c.pair.Leaf), stampText(c.pair.Leaf.NotAfter))
}

// remote is how crypto/tls begins the text of an alert that the other side sent; its
// type is not exported, and some clients keep the text only.
const remote = "remote error: tls: "

// tooOld is what crypto/tls says of a server that answers with an older version than it was
// offered, instead of an alert; the error has no type.
const tooOld = "tls: server selected unsupported protocol version"

const onlyOld = "it speaks no TLS of version 1.2 or newer"

// alert explains what the server sent instead of going on.
func (c *Client) alert(err error) (Kind, string) {
	_, said, ok := strings.Cut(err.Error(), remote)
	if !ok {
		return NoKind, ""
	}
	if end := strings.IndexAny(said, "\n\""); end >= 0 { // some clients quote the text
		said = said[:end]
	}
	asked, ours := c != nil && c.asked.Load(), c.ours()
	about := false
	for _, w := range []string{"bad certificate", "unsupported certificate", "revoked certificate", "expired certificate", "unknown certificate", "access denied"} {
		about = about || strings.HasPrefix(said, w)
	}
	switch {
	case strings.HasPrefix(said, "certificate required"), ours == "" && (about || asked):
		return WantsCertificate, wantsCertificate
	case about, asked:
		return RefusesCertificate, fmt.Sprintf(refusesCertificate, ours, said)
	case strings.HasPrefix(said, "protocol version"):
		return Other, onlyOld
	}
	return Other, "it ended the TLS connection: " + said
}

// namesOf lists the names that a certificate is for.
func namesOf(x *x509.Certificate) string {
	names := append([]string{}, x.DNSNames...)
	for _, ip := range x.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return person(x.Subject.CommonName, "no name")
	}
	const most = 4
	if n := len(names) - most; n > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", n))
	}
	return short(strings.Join(names, ", "))
}

func person(name, otherwise string) string {
	if name == "" {
		name = otherwise
	}
	return short(name)
}

// short keeps a name of somebody else's making on one line.
func short(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '.'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return s
}

func stampText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// Span writes a long duration as a person says it: "12 days", "3 h", "5 min".
func Span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", int(d/time.Hour))
	default:
		return fmt.Sprintf("%d min", max(int(d/time.Minute), 0))
	}
}
