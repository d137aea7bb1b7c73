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
