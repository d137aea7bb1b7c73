package dnstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/miekg/dns"
)

// secret is what a fake accepts; it may change while the fake serves.
type secret struct{ now atomic.Pointer[string] }

func (s *secret) set(to string) { s.now.Store(&to) }
func (s *secret) get() string   { return *s.now.Load() }

// Rotate makes key the only one that is accepted from now on.
func (p *PowerDNS) Rotate(key string) { p.key.set(key) }

// Rotate makes token the only one that is accepted from now on.
func (c *Cloudflare) Rotate(token string) { c.token.set(token) }

// Rotate makes the access key the only one that is accepted from now on.
func (a *Route53) Rotate(accessKeyID, secretAccessKey string) {
	a.key.set(accessKeyID + "\n" + secretAccessKey)
}

// Rotate makes the key the only one that is accepted from now on; not while a request runs.
func (v *Vendor) Rotate(keyID, secret string) { v.KeyID, v.Secret = keyID, secret }

// Rotate makes the raw secret the only one of the key's name from now on.
func (a *Authority) Rotate(secret []byte) { a.tsig.secret.set(string(secret)) }

// signed tells whether a request bears the AWS4-HMAC-SHA256 signature that the key makes
// of it. Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
func signed(r *http.Request, body []byte, accessKeyID, secretAccessKey string) bool {
	given := r.Header.Get("Authorization")
	_, rest, _ := strings.Cut(given, "SignedHeaders=")
	list, _, _ := strings.Cut(rest, ",")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	scope := strings.Split(given, "/") // ...KEY/date/region/service/aws4_request,...
	if err != nil || len(scope) < 4 {
		return false
	}
	same := r.Clone(r.Context())
	same.URL.Scheme, same.URL.Host = "http", r.Host
	headers := strings.Split(list, ";")
	for h := range same.Header {
		if !slices.Contains(headers, strings.ToLower(h)) {
			same.Header.Del(h)
		}
	}
	sum := sha256.Sum256(body)
	key := aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secretAccessKey}
	if v4.NewSigner().SignHTTP(r.Context(), key, same, hex.EncodeToString(sum[:]), scope[3], scope[2], at) != nil {
		return false
	}
	return hmac.Equal([]byte(same.Header.Get("Authorization")), []byte(given))
}

// tsigKey is the only key of an Authority, as a dns.TsigProvider.
type tsigKey struct {
	name   string
	secret secret
}

// Generate makes the MAC of a message.
func (k *tsigKey) Generate(msg []byte, t *dns.TSIG) ([]byte, error) {
	if k.name != t.Hdr.Name {
		return nil, dns.ErrSecret
	}
	sum, ok := map[string]func() hash.Hash{
		dns.HmacSHA256: sha256.New, dns.HmacSHA384: sha512.New384, dns.HmacSHA512: sha512.New,
	}[dns.CanonicalName(t.Algorithm)]
	if !ok {
		return nil, dns.ErrKeyAlg
	}
	h := hmac.New(sum, []byte(k.secret.get()))
	h.Write(msg)
	return h.Sum(nil), nil
}

// Verify holds the MAC of a message to what it should be.
func (k *tsigKey) Verify(msg []byte, t *dns.TSIG) error {
	want, err := k.Generate(msg, t)
	if err != nil {
		return err
	}
	if mac, err := hex.DecodeString(t.MAC); err != nil || !hmac.Equal(want, mac) {
		return dns.ErrSig
	}
	return nil
}
