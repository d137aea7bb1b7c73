package mysqld_test

import (
	"crypto/rand"
	"io"
	"net"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
)

// FuzzLogin: whatever a client says instead of a login, it is not let in, and the server
// goes on.
func FuzzLogin(f *testing.F) {
	s, err := mysqld.Start(mysqld.Options{ServerID: 1, Users: map[string]mysqld.Account{
		"eight": {Password: rand.Text(), Plugin: mysqld.Sha2Plugin}, "old": {Password: rand.Text()},
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	login := func(user, plugin string, proof byte) []byte {
		b := append([]byte{0x00, 0x82, 0x08, 0x00, 0, 0, 0, 1, 45}, make([]byte, 23)...)
		b = append(append(b, user...), 0, proof)
		b = append(append(b, make([]byte, proof)...), plugin...)
		b = append(b, 0)
		return append([]byte{byte(len(b)), 0, 0, 1}, b...)
	}
	f.Add(login("old", "mysql_native_password", 20))
	f.Add(login("eight", mysqld.Sha2Plugin, 32))
	f.Add(append(login("eight", mysqld.Sha2Plugin, 32), 1, 0, 0, 3, 2))
	f.Add(append(login("old", mysqld.Sha2Plugin, 0), 0, 0, 0, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d net.Dialer
		c, err := d.DialContext(t.Context(), "tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		_, _ = c.Write(b)
		_ = c.(*net.TCPConn).CloseWrite()
		var head [5]byte
		for i := 0; ; i++ { // the greeting, and then what is said to the login
			if _, err := io.ReadFull(c, head[:]); err != nil {
				return
			}
			if i > 0 && head[4] == 0 {
				t.Fatalf("%q is let in", b)
			}
			if _, err := io.CopyN(io.Discard, c, int64(head[0])|int64(head[1])<<8|int64(head[2])<<16-1); err != nil {
				return
			}
		}
	})
}
