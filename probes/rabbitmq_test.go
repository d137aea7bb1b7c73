package probes

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeRabbit speaks the part of AMQP 0-9-1 that a probe uses.
type fakeRabbit struct {
	addr string

	mu       sync.Mutex
	user, pw string
	external bool                 // offers EXTERNAL beside PLAIN, and takes it
	queues   map[string][2]uint32 // messages, consumers
	logins   int
	mute     bool // reads the login and never answers it
	hangsUp  bool // reads the login and closes the connection
	vhostBad bool
	deaf     bool // stops answering on open connections
}

func newFakeRabbit(t testing.TB, pw string) *fakeRabbit {
	f := &fakeRabbit{user: "duty", pw: pw, queues: map[string][2]uint32{"notifications": {7, 1}}}
	f.addr = listen(t, f.serve)
	return f
}

func (f *fakeRabbit) set(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

func shortStr(s string) []byte { return append([]byte{byte(len(s))}, s...) }
func longStr(s string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)
}

func amqpSend(w io.Writer, channel, class, method uint16, args ...[]byte) error {
	body := binary.BigEndian.AppendUint16(nil, class)
	body = binary.BigEndian.AppendUint16(body, method)
	for _, a := range args {
		body = append(body, a...)
	}
	f := []byte{1}
	f = binary.BigEndian.AppendUint16(f, channel)
	f = binary.BigEndian.AppendUint32(f, uint32(len(body)))
	_, err := w.Write(append(append(f, body...), 0xce))
	return err
}

// amqpRead returns the next method frame.
func amqpRead(r io.Reader) (channel uint16, class, method uint16, args []byte, err error) {
	for {
		var h [7]byte
		if _, err = io.ReadFull(r, h[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(h[3:])+1)
		if _, err = io.ReadFull(r, body); err != nil {
			return
		}
		if h[0] != 1 {
			continue
		}
		return binary.BigEndian.Uint16(h[1:]), binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:]), body[4 : len(body)-1], nil
	}
}

func u16(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }
func u32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func (f *fakeRabbit) serve(c net.Conn) {
	r := bufio.NewReader(c)
	if _, err := io.ReadFull(r, make([]byte, 8)); err != nil {
		return
	}
	props := append(shortStr("version"), 'S')
	props = append(props, longStr("3.10.8")...)
	mechanisms := "PLAIN"
	f.mu.Lock()
	if f.external {
		mechanisms = "PLAIN EXTERNAL"
	}
	f.mu.Unlock()
	_ = amqpSend(c, 0, 10, 10, []byte{0, 9}, longStr(string(props)), longStr(mechanisms), longStr("en_US"))
	_, _, _, args, err := amqpRead(r)
	if err != nil {
		return
	}
	f.mu.Lock()
	f.logins++
	good := bytes.Contains(args, []byte("\x00"+f.user+"\x00"+f.pw)) || f.external && bytes.Contains(args, shortStr("EXTERNAL"))
	mute, vhostBad, hangsUp := f.mute, f.vhostBad, f.hangsUp
	f.mu.Unlock()
	if hangsUp {
		return
	}
	if mute {
		_, _ = io.Copy(io.Discard, r)
		return
	}
	if !good {
		_ = amqpSend(c, 0, 10, 50, u16(403), shortStr("ACCESS_REFUSED - Login was refused"), u16(0), u16(0))
		_, _ = io.Copy(io.Discard, r)
		return
	}
	_ = amqpSend(c, 0, 10, 30, u16(8), u32(131072), u16(60))
	_, _, _, _, _ = amqpRead(r) // TuneOk
	_, _, _, _, _ = amqpRead(r) // Open
	if vhostBad {
		_ = amqpSend(c, 0, 10, 50, u16(530), shortStr("NOT_ALLOWED - vhost / not found"), u16(10), u16(40))
		_, _ = io.Copy(io.Discard, r)
		return
	}
	_ = amqpSend(c, 0, 10, 41, shortStr(""))
	for {
		ch, class, method, args, err := amqpRead(r)
		if err != nil {
			return
		}
		f.mu.Lock()
		deaf := f.deaf
		f.mu.Unlock()
		if deaf {
			continue
		}
		switch {
		case class == 20 && method == 10:
			err = amqpSend(c, ch, 20, 11, longStr(""))
		case class == 20 && method == 40:
			err = amqpSend(c, ch, 20, 41)
		case class == 50 && method == 10:
			name := string(args[3 : 3+args[2]])
			f.mu.Lock()
			q, ok := f.queues[name]
			f.mu.Unlock()
			if ok {
				err = amqpSend(c, ch, 50, 11, shortStr(name), u32(q[0]), u32(q[1]))
			} else {
				err = amqpSend(c, ch, 20, 40, u16(404), shortStr("NOT_FOUND - no queue '"+name+"'"), u16(50), u16(10))
			}
		case class == 10 && method == 50:
			_ = amqpSend(c, 0, 10, 51)
			return
		}
		if err != nil {
			return
		}
	}
}

func TestRabbitMQ(t *testing.T) {
	alarm := docs{"/api/health/checks/alarms": failing{503, `{"status":"failed","reason":"There are alarms in effect in the cluster","alarms":[{"node":"rabbit@a","resource":"disk"}]}`}}
	fine := docs{"/api/health/checks/alarms": `{"status":"ok"}`}
	for _, tc := range []struct {
		name   string
		with   func(*fakeRabbit, *Target)
		mgmt   docs
		budget time.Duration
		status Status
		detail string
	}{
		{"up", nil, fine, 0, StatusUp, "takes logins, 7 messages in notifications"},
		{"no management", nil, nil, 0, StatusUp, "takes logins, 7 messages"},
		{"disk alarm", nil, alarm, 0, StatusDegraded, "takes no messages: disk alarm at rabbit@a"},
		{"no such queue", func(_ *fakeRabbit, t *Target) { t.Queue = "nope" }, fine, 0, StatusDegraded, "queue nope does not exist"},
		{"wrong password", func(f *fakeRabbit, _ *Target) { f.pw = "other" }, nil, 0, StatusUnknown, "wrong password for duty"},
		{"no such virtual host", func(f *fakeRabbit, _ *Target) { f.vhostBad = true }, nil, 0, StatusUnknown, "may not use the virtual host"},
		{"a login that never ends", func(f *fakeRabbit, _ *Target) { f.mute = true }, nil, 200 * time.Millisecond, StatusDegraded, "greets, but the login takes longer than 200 ms"},
		{"the same, and management knows why", func(f *fakeRabbit, _ *Target) { f.mute = true }, docs{"/api/health/checks/alarms": 401}, 200 * time.Millisecond, StatusUnknown, "wrong password for duty"},
		{"it hangs up at the login", func(f *fakeRabbit, _ *Target) { f.hangsUp = true }, nil, 0, StatusUnknown, "wrong password for duty"},
		{"the same, and management takes the password", func(f *fakeRabbit, _ *Target) { f.hangsUp = true }, fine, 0, StatusDown, "hangs up at the login, and the password of duty is right"},
		{"the same, and management does not", func(f *fakeRabbit, _ *Target) { f.hangsUp = true }, docs{"/api/health/checks/alarms": 401}, 0, StatusUnknown, "wrong password for duty"},
		{"something else at the place of management", nil, docs{"/api/health/checks/alarms": `<html>log in</html>`}, 0, StatusDegraded, "its management API does not answer: answers, but not as rabbitmq"},
		{"management says nothing of alarms", nil, docs{"/api/health/checks/alarms": `{}`}, 0, StatusDegraded, "no status ok in the answer about alarms"},
		{"management is gone", nil, docs{"/api/health/checks/alarms": 502}, 0, StatusDegraded, "its management API does not answer: answered 502"},
		{"management wants another account", nil, docs{"/api/health/checks/alarms": 401}, 0, StatusUp, "alarms not visible: give duty the tag monitoring"},
		{"refused over AMQP, management fine", func(_ *fakeRabbit, tg *Target) { tg.Address = nobodyListens(t) }, fine, 0, StatusDown, "refused: nothing listens"},
		{"management alone", func(_ *fakeRabbit, tg *Target) { tg.Address = "" }, fine, 0, StatusUp, "no alarm"},
		{"management alone, gone", func(_ *fakeRabbit, tg *Target) { tg.Address = "" }, docs{}, 0, StatusDown, "answered 404"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			pw := randomSecret()
			f := newFakeRabbit(t, pw)
			tg := Target{Kind: "rabbitmq", Address: f.addr, User: "duty", Password: fixed(pw), Queue: "notifications"}
			if tc.mgmt != nil {
				tg.URL = api(t, tc.mgmt)
			}
			if tc.with != nil {
				tc.with(f, &tg)
			}
			r := ask(t, must(t, tg), max(tc.budget, 0)+map[bool]time.Duration{true: defaultBudget}[tc.budget == 0])
			wantAnswer(t, r, tc.status, tc.detail)
			if tc.name == "up" && (*r.Facts.Count != 7 || r.Facts.Extra["consumers"] != "1" || r.Facts.Version != "3.10.8") {
				t.Errorf("facts %+v", r.Facts)
			}
			if r.Status != StatusUp {
				checkFit(t, r, pw)
			}
		})
	}
}

func TestRabbitMQKeepsItsConnection(t *testing.T) {
	pw := randomSecret()
	f := newFakeRabbit(t, pw)
	p := must(t, Target{Kind: "rabbitmq", Address: f.addr, User: "duty", Password: fixed(pw), Queue: "notifications"})
	for range 3 {
		wantAnswer(t, ask(t, p, defaultBudget), StatusUp, "7 messages")
	}
	f.set(func() {
		if f.logins != 1 {
			t.Errorf("%d logins for three probes, want 1", f.logins)
		}
		f.deaf = true
	})
	wantAnswer(t, ask(t, p, 150*time.Millisecond), StatusDown, "no answer within ")
	f.set(func() { f.deaf = false })
	wantAnswer(t, ask(t, p, defaultBudget), StatusUp, "7 messages")
}

func TestAlarmText(t *testing.T) {
	for body, want := range map[string]string{
		`{"alarms":[{"resource":"memory","node":"a"},{"resource":"disk space","node":"b"}]}`: "memory alarm at a, disk space alarm at b",
		`{"reason":"something"}`: "alarm: something",
		`<html>`:                 "an alarm is in effect",
	} {
		if got := alarmText([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	if got := alarmText([]byte(`{"reason":"` + strings.Repeat("x", 5000) + `"}`)); len(got) > 110 {
		t.Errorf("%d bytes of reason", len(got))
	}
}
