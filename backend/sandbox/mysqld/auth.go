package mysqld

import (
	"cmp"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // mysql_native_password is made of it
	"crypto/subtle"
	"encoding/binary"
	"net"
)

const nativePlugin = "mysql_native_password"

// Account is one user of a server. Every account may read.
type Account struct {
	Password string
	// Plugin is how the account proves its password: "" is mysql_native_password, the other
	// is Sha2Plugin.
	Plugin string
	// ReadOnlyAdmin: may write although the server is read-only, and may do
	// everything that administers the server.
	ReadOnlyAdmin bool
	// ReadOnly: may only read and look at the state (SELECT, BINLOG MONITOR, REPLICA
	// MONITOR).
	ReadOnly bool
}

func (a Account) plugin() string { return cmp.Or(a.Plugin, nativePlugin) }

// SetPassword changes the password of a user that is there, as ALTER USER does: sessions
// that stand are not asked again.
func (s *Server) SetPassword(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if acc, ok := s.users[user]; ok {
		acc.Password = password
		s.users[user] = acc
		delete(s.digests, user)
	}
}

// accountOf is the account of a user. Of one that is not there it is what nobody can prove
// to be, by the way that the greeting names: names must not be found out by trying.
func (s *Server) accountOf(user string) Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	acc, ok := s.users[user]
	if !ok {
		acc = Account{Password: rand.Text(), Plugin: s.opt.Greets}
	}
	return acc
}

// scramble is the proof of a password for a challenge.
func scramble(password string, challenge []byte) []byte {
	if password == "" {
		return nil
	}
	one := sha1.Sum([]byte(password)) //nolint:gosec // the protocol's
	two := sha1.Sum(one[:])           //nolint:gosec // the protocol's
	h := sha1.New()                   //nolint:gosec // the protocol's
	h.Write(challenge)
	h.Write(two[:])
	out := h.Sum(nil)
	for i := range out {
		out[i] ^= one[i]
	}
	return out
}

// newChallenge makes 20 bytes without zeros.
func newChallenge() []byte {
	c := make([]byte, 20)
	_, _ = rand.Read(c) // never fails
	for i := range c {
		c[i] = c[i]%94 + 33
	}
	return c
}

// handshake greets the client and checks who it is.
func (ss *session) handshake() error {
	challenge := newChallenge()
	b := []byte{10}
	b = append(b, "5.5.5-"+Version...)
	b = append(b, 0)
	b = binary.LittleEndian.AppendUint32(b, ss.id)
	b = append(b, challenge[:8]...)
	b = append(b, 0)
	caps, speaks := uint32(serverCaps), ss.srv.tls.Load()
	if speaks != nil {
		caps |= capSSL
		ss.unproven = speaks.x509
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(caps&0xffff)) //nolint:gosec // the lower half
	b = append(b, 45)                                            // utf8mb4_general_ci
	b = binary.LittleEndian.AppendUint16(b, statusAutocommit)
	b = binary.LittleEndian.AppendUint16(b, uint16(caps>>16)) //nolint:gosec // the upper half
	b = append(b, 21)
	b = append(b, make([]byte, 10)...)
	b = append(b, challenge[8:]...)
	b = append(b, 0)
	greets := cmp.Or(ss.srv.opt.Greets, nativePlugin)
	b = append(b, greets...)
	b = append(b, 0)
	if err := ss.sendNow(b); err != nil {
		return err
	}
	p, err := ss.wire.read()
	if err == nil && speaks != nil && len(p) == sslRequest {
		p, err = ss.secure(speaks)
	}
	if err != nil {
		return err
	}
	r := &parser{b: p}
	ss.caps = uint32(r.num(4)) //nolint:gosec // four bytes
	r.take(4 + 1 + 23)
	if r.bad || ss.caps&capProtocol41 == 0 {
		return errorf(1043, "08S01", "Bad handshake")
	}
	user := r.nul()
	var proof []byte
	if ss.caps&capPluginAuthLen != 0 {
		proof = []byte(r.lenStr())
	} else {
		proof = r.take(int(r.num(1))) //nolint:gosec // one byte
	}
	db, plugin := "", greets
	if ss.caps&capConnectWithDB != 0 {
		db = r.nul()
	}
	if ss.caps&capPluginAuth != 0 {
		plugin = r.nul()
	}
	acc := ss.srv.accountOf(user)
	if plugin != acc.plugin() {
		if proof, err = ss.switchAuth(acc.plugin(), challenge); err != nil {
			return err
		}
	}
	var ok bool
	if acc.plugin() == Sha2Plugin {
		if ok, err = ss.sha2(user, acc, proof, challenge); err != nil {
			return err
		}
	} else {
		ok = subtle.ConstantTimeCompare(scramble(acc.Password, challenge), proof) == 1
	}
	if !ok || ss.unproven {
		using := "YES"
		if len(proof) == 0 {
			using = "NO"
		}
		return errorf(1045, "28000", "Access denied for user '%s'@'%s' (using password: %s)", user, ss.host(), using)
	}
	return ss.login(user, acc, db)
}

// switchAuth asks the client to prove itself in another way than it began.
func (ss *session) switchAuth(plugin string, challenge []byte) ([]byte, error) {
	b := append([]byte{0xfe}, plugin...)
	b = append(b, 0)
	b = append(b, challenge...)
	if err := ss.sendNow(append(b, 0)); err != nil {
		return nil, err
	}
	return ss.wire.read()
}

// login enters the database asked for, as somebody who is known.
func (ss *session) login(user string, acc Account, db string) error {
	if !acc.ReadOnlyAdmin && ss.srv.crowded() {
		return errorf(1040, "08004", "Too many connections")
	}
	ss.user, ss.account = user, acc
	ss.loggedIn.Store(user)
	if db != "" {
		return ss.use(db)
	}
	return nil
}

func (ss *session) host() string {
	h, _, err := net.SplitHostPort(ss.wire.conn.RemoteAddr().String())
	if err != nil {
		return "localhost"
	}
	return h
}
