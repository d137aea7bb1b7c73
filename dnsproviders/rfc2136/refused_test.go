package rfc2136

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders"
)

// mute lets the server act and keeps its answer.
type mute struct{ dns.ResponseWriter }

func (mute) WriteMsg(*dns.Msg) error { return nil }

func TestUpdateAnsweredBadlyOnce(t *testing.T) {
	type hook func(w dns.ResponseWriter, r *dns.Msg, serve func(dns.ResponseWriter))
	code := func(c int) hook {
		return func(w dns.ResponseWriter, r *dns.Msg, _ func(dns.ResponseWriter)) {
			m := new(dns.Msg)
			m.SetRcode(r, c)
			_ = w.WriteMsg(m)
		}
	}
	drop := func(w dns.ResponseWriter, _ *dns.Msg, _ func(dns.ResponseWriter)) { _ = w.Close() }
	dropAfter := func(w dns.ResponseWriter, _ *dns.Msg, serve func(dns.ResponseWriter)) { serve(mute{w}); _ = w.Close() }
	hangAfter := func(w dns.ResponseWriter, _ *dns.Msg, serve func(dns.ResponseWriter)) { serve(mute{w}) }
	hang := func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter)) {}
	garbage := func(w dns.ResponseWriter, _ *dns.Msg, serve func(dns.ResponseWriter)) {
		serve(mute{w})
		_, _ = w.Write([]byte("\x01\x02garbage that is no message at all"))
	}
	unsigned := func(w dns.ResponseWriter, r *dns.Msg, serve func(dns.ResponseWriter)) {
		serve(mute{w})
		m := new(dns.Msg)
		m.SetReply(r)
		_ = w.WriteMsg(m)
	}
	lie := func(w dns.ResponseWriter, r *dns.Msg, _ func(dns.ResponseWriter)) { // unsigned success, nothing done
		m := new(dns.Msg)
		m.SetReply(r)
		_ = w.WriteMsg(m)
	}
	for _, tc := range []struct {
		name    string
		h       hook
		always  bool
		want    error // nil: carried out in the end
		retries int32
	}{
		{"drop", drop, false, nil, 1},
		{"drop after apply", dropAfter, false, nil, 0},
		{"hang", hang, false, nil, 1},
		{"hang after apply", hangAfter, false, nil, 0},
		{"garbage", garbage, false, nil, 0},
		{"unsigned success", unsigned, false, nil, 0},
		{"a lie", lie, false, nil, 1},
		{"servfail", code(dns.RcodeServerFailure), false, nil, 1},
		{"refused", code(dns.RcodeRefused), false, dnsproviders.ErrForbidden, 0},
		{"notimp", code(dns.RcodeNotImplemented), false, dnsproviders.ErrRejected, 0},
		{"formerr", code(dns.RcodeFormatError), false, dnsproviders.ErrRejected, 0},
		{"notzone", code(dns.RcodeNotZone), false, dnsproviders.ErrRejected, 0},
		{"drop always", drop, true, dnsproviders.ErrUncertain, 1},
		{"servfail always", code(dns.RcodeServerFailure), true, dnsproviders.ErrUnavailable, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opt := Options{}
			if strings.HasPrefix(tc.name, "hang") {
				opt.Timeout = 100 * time.Millisecond
			}
			r := newRig(t, opt)
			changes := r.names(4, true)
			var seen atomic.Int32
			r.auth.Hook(func(w dns.ResponseWriter, m *dns.Msg, serve func(dns.ResponseWriter)) {
				if m.Opcode == dns.OpcodeUpdate && (seen.Add(1) == 1 || tc.always) {
					tc.h(w, m, serve)
					return
				}
				serve(w)
			})
			_, err := r.p.Apply(t.Context(), zoneName, changes)
			if tc.want == nil {
				if err != nil || r.standing(changes) != "new" {
					t.Errorf("%v, zone %s; want done", err, r.standing(changes))
				}
			} else {
				r.wellFormed(err, tc.want)
				if s := r.standing(changes); s != "old" {
					t.Error(s)
				}
			}
			if n := r.tries.Load(); n != tc.retries {
				t.Errorf("%d retries, want %d", n, tc.retries)
			}
		})
	}
}

func TestLostAnswerAndNoReadBack(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(2, false)
	r.auth.Hook(func(w dns.ResponseWriter, m *dns.Msg, serve func(dns.ResponseWriter)) {
		if m.Opcode == dns.OpcodeUpdate {
			serve(mute{w})
		}
		_ = w.Close()
	})
	_, err := r.p.Apply(t.Context(), zoneName, changes)
	r.wellFormed(err, dnsproviders.ErrUncertain)
	if s := r.standing(changes); s != "new" {
		t.Error(s)
	}
}

func TestWrongKey(t *testing.T) {
	other := make([]byte, 32)
	if _, err := rand.Read(other); err != nil {
		t.Fatal(err)
	}
	wrong := base64.StdEncoding.EncodeToString(other)
	r := newRig(t, Options{KeySecret: func() (string, error) { return wrong, nil }})
	changes := r.names(1, false)
	_, err := r.p.Apply(t.Context(), zoneName, changes)
	r.wellFormed(err, dnsproviders.ErrAuth)
	if strings.Contains(err.Error(), wrong) {
		t.Error("the key is in the error")
	}
	_, err = r.p.Read(t.Context(), zoneName, []string{"h0000." + zoneName})
	r.wellFormed(err, dnsproviders.ErrAuth)
	if s := r.standing(changes); s != "old" {
		t.Error(s)
	}
	r = newRig(t, Options{KeySecret: func() (string, error) { return "not base64!", nil }})
	_, err = r.p.Read(t.Context(), zoneName, nil)
	r.wellFormed(err, dnsproviders.ErrAuth)
	if strings.Contains(fmt.Sprintf("%+v", err), "not base64!") {
		t.Error("the key is in the error")
	}
}

func TestWrongZoneAndNobodyListening(t *testing.T) {
	r := newRig(t, Options{Budget: time.Second})
	c := change("www.other.test", "A", []string{oldV4}, []string{newV4})
	if _, err := r.p.Apply(t.Context(), "other.test", []dnsproviders.Change{c}); !errors.Is(err, dnsproviders.ErrNotFound) {
		t.Errorf("signed NOTAUTH: %v", err)
	}
	if _, err := r.p.Read(t.Context(), zoneName, []string{"www.other.test"}); !errors.Is(err, dnsproviders.ErrRejected) {
		t.Errorf("outside the zone: %v", err)
	}
	changes := r.names(1, false)
	r.auth.Close()
	_, err := r.p.Apply(t.Context(), zoneName, changes)
	r.wellFormed(err, dnsproviders.ErrUnavailable)
	_, err = r.p.Read(t.Context(), zoneName, []string{"h0000." + zoneName})
	r.wellFormed(err, dnsproviders.ErrUnavailable)
}

func TestNotAuthoritativeIsNoAnswer(t *testing.T) {
	r := newRig(t, Options{})
	r.auth.Hook(func(w dns.ResponseWriter, m *dns.Msg, _ func(dns.ResponseWriter)) {
		x := new(dns.Msg)
		x.SetReply(m)
		_ = w.WriteMsg(x)
	})
	_, err := r.p.Read(t.Context(), zoneName, []string{"www." + zoneName})
	r.wellFormed(err, dnsproviders.ErrNotFound)
}

func TestCancelled(t *testing.T) {
	r := newRig(t, Options{})
	changes := r.names(1, false)
	ctx, cancel := context.WithCancel(t.Context())
	r.auth.Hook(func(dns.ResponseWriter, *dns.Msg, func(dns.ResponseWriter)) { cancel() })
	if _, err := r.p.Read(ctx, zoneName, []string{"h0000." + zoneName}); !errors.Is(err, context.Canceled) && !errors.Is(err, dnsproviders.ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	if _, err := r.p.Apply(ctx, zoneName, changes); !errors.Is(err, context.Canceled) || r.standing(changes) != "old" {
		t.Errorf("apply: %v", err)
	}
}

func TestNewRefusesWrongOptions(t *testing.T) {
	sec := func() (string, error) { return "", nil }
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{Options{Server: "ns1", KeyName: "k", KeySecret: sec}, "host:port"},
		{Options{Server: "ns1:53", KeySecret: sec}, "key_name"},
		{Options{Server: "ns1:53", KeyName: "k"}, "unsigned"},
		{Options{Server: "ns1:53", KeyName: "k", KeySecret: sec, KeyAlgorithm: "hmac-sha1"}, "RFC 8945"},
		{Options{Server: "ns1:53", KeyName: "k", KeySecret: sec, KeyAlgorithm: "hmac-md5"}, "RFC 8945"},
		{Options{Server: "ns1:53", KeyName: "k", KeySecret: sec, KeyAlgorithm: "rot13"}, "expected"},
	} {
		if _, err := New(tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %q", tc.o.KeyAlgorithm, err, tc.want)
		}
	}
	for _, a := range []string{"", "hmac-sha256", "HMAC-SHA512."} {
		if _, err := New(Options{Server: "ns1:53", KeyName: "k", KeySecret: sec, KeyAlgorithm: a}); err != nil {
			t.Error(err)
		}
	}
}
