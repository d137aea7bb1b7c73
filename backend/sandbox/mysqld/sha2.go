package mysqld

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the protocol's OAEP is made of it
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"sync"
)

// Sha2Plugin is the way of logging in that MySQL 8 gives its accounts (MySQL source
// documentation, "Caching_sha2_password information"). MariaDB 10.11 has none of it: such
// an account of this server is MySQL's, the rest of the conversation stays MariaDB's.
const Sha2Plugin = "caching_sha2_password"

// What is said of it after the proof: alone in a packet by the client, behind moreData by
// the server.
const (
	moreData       = 0x01
	sha2AskKey     = 0x02
	sha2FastOK     = 0x03
	sha2FullNeeded = 0x04
)

// digest is SHA256(SHA256(password)): what a server remembers of an account that has
// shown its password since the server began.
type digest [sha256.Size]byte

func digestOf(password string) digest {
	one := sha256.Sum256([]byte(password))
	return sha256.Sum256(one[:])
}

// proves says whether proof is XOR(SHA256(password), SHA256(digest + challenge)): whoever
// knows the digest alone cannot make it.
func (d digest) proves(proof, challenge []byte) bool {
	if len(proof) != sha256.Size {
		return false
	}
	mask := sha256.Sum256(append(slices.Clone(d[:]), challenge...))
	var one digest
	subtle.XORBytes(one[:], proof, mask[:])
	two := sha256.Sum256(one[:])
	return subtle.ConstantTimeCompare(two[:], d[:]) == 1
}

// ForgetLogins empties the cache of accounts that logged in with their password, as FLUSH
// PRIVILEGES and a restart do: the next login of each wants the password itself.
func (s *Server) ForgetLogins() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.digests)
}

// PasswordsShown is how often a client has shown a password itself so far, as it is or
// encrypted, and whether or not it was right.
func (s *Server) PasswordsShown() uint64 { return s.shown.Load() }

// remembered is what the cache holds of user.
func (s *Server) remembered(user string) (digest, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.digests[user]
	return d, ok
}

// remember keeps that user has shown password, unless it was changed meanwhile.
func (s *Server) remember(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[user].Password == password {
		s.digests[user] = digestOf(password)
	}
}

// sha2 hears the client out; true when it has proven to know acc's password.
func (ss *session) sha2(user string, acc Account, proof, challenge []byte) (bool, error) {
	if len(proof) == 0 || len(proof) == 1 && proof[0] == 0 {
		return acc.Password == "", nil
	}
	if len(proof) != sha256.Size {
		return false, nil
	}
	if d, ok := ss.srv.remembered(user); ok && d.proves(proof, challenge) {
		return true, ss.sendNow([]byte{moreData, sha2FastOK})
	}
	// also when the proof is wrong: what is remembered may be old
	if err := ss.sendNow([]byte{moreData, sha2FullNeeded}); err != nil {
		return false, err
	}
	shown, err := ss.shown(challenge)
	if err != nil {
		return false, err
	}
	n := len(shown) - 1 // the zero at its end
	if n < 0 || shown[n] != 0 || subtle.ConstantTimeCompare(shown[:n], []byte(acc.Password)) != 1 {
		return false, nil
	}
	ss.srv.remember(user, acc.Password)
	return true, nil
}

// shown reads the password itself: as it is over TLS, else encrypted for the server's key,
// which the client may ask for. What cannot be decrypted is no password.
func (ss *session) shown(challenge []byte) ([]byte, error) {
	p, err := ss.wire.read()
	if err != nil {
		return nil, err
	}
	if ss.secured {
		ss.srv.shown.Add(1)
		return p, nil
	}
	key, public := ss.srv.rsa()
	if len(p) == 1 && p[0] == sha2AskKey {
		if err := ss.sendNow(append([]byte{moreData}, public...)); err != nil {
			return nil, err
		}
		if p, err = ss.wire.read(); err != nil {
			return nil, err
		}
	}
	ss.srv.shown.Add(1)
	p, err = rsa.DecryptOAEP(sha1.New(), nil, key, p, nil) //nolint:gosec // the protocol's
	if err != nil {
		return nil, nil //nolint:nilerr // a wrong password, as far as the client is told
	}
	for i := range p {
		p[i] ^= challenge[i%len(challenge)]
	}
	return p, nil
}

// newRSA makes the key pair when somebody first asks for it: it takes its time.
func newRSA() func() (*rsa.PrivateKey, []byte) {
	return sync.OnceValues(func() (*rsa.PrivateKey, []byte) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err) // never: the source of randomness does not fail
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			panic(err) // never: it is an RSA key
		}
		return key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	})
}
