package contract

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/replication"
)

// StorePair is two stores of one kind; the second follows the first.
type StorePair struct {
	A, B replication.Endpoint
	// Write puts a key into the store of the endpoint ("a" or "b"), Has looks for it there.
	Write func(store, key string) error
	Has   func(store, key string) (bool, error)
	// Brief is Write for a key whose time is over within a second; nil where there is no such.
	Brief func(store, key string) error
}

// StoreActions moves the source there and home again, and refuses a loop.
func StoreActions(t *testing.T, p StorePair) {
	t.Helper()
	a, b := store(t, p.A), store(t, p.B)
	isSource(t, a, true)
	isSource(t, b, false)
	p.write(t, "a", "k1")
	for range 2 {
		done(t, "demote a")(a.Demote(t.Context()))
	}
	isSource(t, a, false)
	if err := p.Write("a", "refused"); err == nil {
		t.Error("a demoted store takes a write")
	}
	caughtUp(t, b, p.A)
	for range 2 {
		done(t, "promote b")(b.Promote(t.Context()))
	}
	isSource(t, b, true)
	p.write(t, "b", "k2")
	for range 2 {
		done(t, "a follows")(a.Follow(t.Context(), p.B))
	}
	caughtUp(t, a, p.B)
	p.has(t, "a", "k1", "k2")
	if _, err := b.Follow(t.Context(), p.A); !errors.Is(err, replication.ErrLoop) {
		t.Errorf("following one's own replica: %v, want ErrLoop", err)
	}
	done(t, "demote b")(b.Demote(t.Context()))
	caughtUp(t, a, p.B)
	done(t, "promote a")(a.Promote(t.Context()))
	p.write(t, "a", "k3")
	done(t, "b follows")(b.Follow(t.Context(), p.A))
	caughtUp(t, b, p.A)
	p.has(t, "b", "k1", "k2", "k3")
	isSource(t, a, true)
	isSource(t, b, false)
}

// StoreHistories goes on from there: a store that was promoted and took no write follows its
// old source again; when both took writes, neither may follow the other, and keeps its own.
func StoreHistories(t *testing.T, p StorePair) {
	t.Helper()
	a, b := store(t, p.A), store(t, p.B)
	done(t, "promote b")(b.Promote(t.Context()))
	isSource(t, b, true)
	p.write(t, "a", "k4")
	done(t, "b follows again")(b.Follow(t.Context(), p.A))
	caughtUp(t, b, p.A)
	p.has(t, "b", "k3", "k4")

	if p.Brief != nil {
		p.expires(t, a, b)
	}

	done(t, "promote b again")(b.Promote(t.Context()))
	// As commands of Redis these are 28 bytes long, as two of its pings are.
	p.write(t, "a", "wa")
	p.write(t, "b", "wb")
	for _, x := range []struct {
		who   string
		s     replication.Store
		other replication.Endpoint
	}{{"a", a, p.B}, {"b", b, p.A}} {
		if ev, err := x.s.Follow(t.Context(), x.other); !errors.Is(err, replication.ErrDiverged) {
			t.Errorf("%s follows although both took writes: %v, %v", x.who, ev, err)
		}
		isSource(t, x.s, true)
		p.has(t, x.who, "w"+x.who)
	}
}

// expires: a source that takes no writes still deletes what is expired. That is no write of
// its own: the source goes there and home again.
func (p StorePair) expires(t *testing.T, a, b replication.Store) {
	t.Helper()
	if err := p.Brief("a", "brief"); err != nil {
		t.Fatal(err)
	}
	caughtUp(t, b, p.A)
	done(t, "demote a, with a key that expires")(a.Demote(t.Context()))
	done(t, "promote b")(b.Promote(t.Context()))
	eventually(t, "the key expires at a", func() string {
		if ok, err := p.Has("a", "brief"); err != nil || ok {
			return fmt.Sprint(ok, " ", err)
		}
		return ""
	})
	done(t, "a follows after it")(a.Follow(t.Context(), p.B))
	caughtUp(t, a, p.B)
	done(t, "demote b")(b.Demote(t.Context()))
	done(t, "promote a")(a.Promote(t.Context()))
	done(t, "b follows")(b.Follow(t.Context(), p.A))
	caughtUp(t, b, p.A)
}

func (p StorePair) write(t *testing.T, where, key string) {
	t.Helper()
	if err := p.Write(where, key); err != nil {
		t.Fatalf("write %s at %s: %v", key, where, err)
	}
}

func (p StorePair) has(t *testing.T, where string, keys ...string) {
	t.Helper()
	for _, k := range keys {
		if ok, err := p.Has(where, k); err != nil || !ok {
			t.Errorf("%s at %s: %v, %v", k, where, ok, err)
		}
	}
}

func caughtUp(t *testing.T, s replication.Store, source replication.Endpoint) {
	t.Helper()
	eventually(t, "catch up", func() string {
		ok, seen, err := s.CaughtUp(t.Context(), source)
		if err != nil || !ok {
			return fmt.Sprint(seen, " ", err)
		}
		return ""
	})
}

// RenewPair is two stores; B follows A over the address that A's replication names, and
// with the password in the file that it names.
type RenewPair struct {
	A, B replication.Endpoint
	// Rotate gives the account that B copies with another password at A, Cut ends the link.
	Rotate func(password string) error
	Cut    func()
}

// RenewLink changes the password of a link that stands: it knows the old one until it is told,
// and is not let in again with it.
func RenewLink(t *testing.T, p RenewPair) {
	t.Helper()
	b := store(t, p.B)
	renews, ok := b.(replication.Renewer)
	if !ok {
		t.Fatalf("%T renews no link", b)
	}
	path, _ := strings.CutPrefix(string(p.A.Config.Replication.Password), "file:")
	first, err := p.A.Config.Replication.Password.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	follows := func(what string) {
		t.Helper()
		eventually(t, what, func() string {
			if ok, seen, err := b.Follows(t.Context(), p.A); err != nil || !ok {
				return fmt.Sprint(seen, " ", err)
			}
			return ""
		})
	}
	renew := func(password string) {
		t.Helper()
		ev, err := renews.Renew(t.Context(), p.A)
		if err != nil {
			t.Fatalf("renew: %v, %v", ev, err)
		}
		if strings.Contains(strings.Join(ev, "\n"), password) {
			t.Error("the evidence shows the password")
		}
	}
	rotate := func(password string) {
		t.Helper()
		if err := errors.Join(p.Rotate(password), os.WriteFile(path, []byte(password+"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	follows("before it")
	rotate("next" + first)
	follows("a link that stands, after its password was changed")
	renew("next" + first)
	p.Cut()
	follows("the link is let in again with the password of now")
	rotate(first)
	p.Cut()
	eventually(t, "the link is refused with the old password", func() string {
		ok, seen, err := b.Follows(t.Context(), p.A)
		if err == nil && !ok {
			return ""
		}
		return fmt.Sprint(seen, " ", err)
	})
	renew(first)
	follows("a link that did not stand is let in")
}
