package amqpd

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestDiskAlarmHoldsPublishers(t *testing.T) {
	w := start(t)
	conn := w.connect()
	word := conn.NotifyBlocked(make(chan amqp.Blocking, 4))
	ch := channelOf(t, conn)
	must(t, ch.Confirm(false))
	reader := w.channel() // does not publish: never blocked
	declare(t, reader, "q", nil)
	put := func() *amqp.DeferredConfirmation {
		t.Helper()
		d, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", "q", false, false, amqp.Publishing{Body: []byte("m")})
		must(t, err)
		return d
	}
	if ok, err := put().WaitContext(t.Context()); !ok || err != nil {
		t.Fatal(ok, err)
	}

	w.s.SetDiskAlarm(true)
	if b := next(t, word); !b.Active || b.Reason != "low on disk" {
		t.Errorf("told %+v", b)
	}
	for _, path := range []string{"/api/health/checks/alarms", "/api/health/checks/local-alarms"} {
		code, doc := w.ask(path, w.password)
		list, _ := doc["alarms"].([]any)
		if code != http.StatusServiceUnavailable || len(list) != 1 {
			t.Fatalf("%s: %d %v", path, code, doc)
		}
		if a, _ := list[0].(map[string]any); a["resource"] != "disk space" || a["node"] != "rabbit@test" {
			t.Errorf("alarm %v", a)
		}
	}
	held := put()
	if m := get(t, reader, "q"); m != "m" {
		t.Errorf("reading in an alarm gave %q", m)
	}
	// A newcomer learns of the alarm when it publishes.
	late := w.connect()
	lateWord := late.NotifyBlocked(make(chan amqp.Blocking, 4))
	publish(t, channelOf(t, late), "", "q", "late")
	if b := next(t, lateWord); !b.Active {
		t.Errorf("newcomer told %+v", b)
	}
	if m := get(t, reader, "q"); m != "" || held.Acked() {
		t.Errorf("published in an alarm: %q, confirmed %v", m, held.Acked())
	}

	w.s.SetDiskAlarm(false)
	if b := next(t, word); b.Active {
		t.Errorf("told %+v", b)
	}
	if ok, err := held.WaitContext(t.Context()); !ok || err != nil {
		t.Errorf("held publication: %v, %v", ok, err)
	}
	if code, _ := w.ask("/api/health/checks/alarms", w.password); code != http.StatusOK {
		t.Errorf("health after the alarm %d", code)
	}
}

// Closing does not wait for an alarm to clear.
func TestCloseWithHeldPublisher(t *testing.T) {
	w := start(t)
	conn := w.connect()
	word := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	w.s.SetDiskAlarm(true)
	publish(t, channelOf(t, conn), "", "q", "m")
	next(t, word)
	must(t, w.s.Close())
}

func TestMemoryIsBounded(t *testing.T) {
	b := newBroker()
	q, err := newQueue(b, "q", nil)
	must(t, err)
	m := &message{body: make([]byte, 1<<20)}
	for range memoryHigh >> 20 {
		q.push(m)
	}
	if !b.memoryAlarm || b.cleared == nil {
		t.Fatal("no alarm with the memory full")
	}
	cleared := b.cleared
	for range (memoryHigh-memoryLow)>>20 + 1 {
		b.use(-q.pop().m.size())
	}
	<-cleared
	if b.memoryAlarm || len(b.alarms()) != 0 {
		t.Error("the alarm stays with memory free")
	}
}

// silent logs in over a pipe, asking for a heartbeat, and returns its end of it.
func silent(t *testing.T, s *Server, password string, beat uint16) (net.Conn, *bufio.Reader) {
	t.Helper()
	mine, theirs := net.Pipe()
	c := s.admit(theirs)
	if c == nil {
		t.Fatal("not admitted")
	}
	s.wg.Go(c.serve)
	r := bufio.NewReader(mine)
	var buf []byte
	say := func(b []byte) {
		t.Helper()
		if _, err := mine.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(method uint32) {
		t.Helper()
		f, err := readFrame(r, &buf)
		if err != nil || binary.BigEndian.Uint32(f.payload) != method {
			t.Fatalf("heard %v, %v; want method %x", f, err, method)
		}
	}
	say([]byte("AMQP\x00\x00\x09\x01"))
	hear(connectionStart)
	say(appendMethod(nil, 0, connectionStartOk, table{}, "PLAIN", longstr("\x00duty\x00"+password), "en_US"))
	hear(connectionTune)
	say(appendMethod(nil, 0, connectionTuneOk, uint16(0), uint32(0), beat))
	say(appendMethod(nil, 0, connectionOpen, "/", "", uint8(0)))
	hear(connectionOpenOk)
	return mine, r
}

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{o: Options{Users: map[string]string{"duty": "x"}}, b: newBroker()}
		mine, r := silent(t, s, "x", 10)
		defer mine.Close()
		begin := time.Now()
		beats := 0
		var buf []byte
		for {
			f, err := readFrame(r, &buf)
			if err != nil {
				break // the broker gave the silent peer up
			}
			if f.typ != frameHeartbeat {
				t.Fatalf("frame %+v", f)
			}
			beats++
		}
		// The clock is the bubble's, so these are exact.
		if took := time.Since(begin); took != 20*time.Second || beats < 3 || beats > 4 {
			t.Errorf("given up after %v with %d heartbeats", took, beats)
		}
		s.wg.Wait()
		if len(s.b.conns) != 0 {
			t.Error("the connection is still counted")
		}
	})
}

func TestNoHeartbeatMeansNoGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{o: Options{Users: map[string]string{"duty": "x"}}, b: newBroker()}
		mine, r := silent(t, s, "x", 0)
		time.Sleep(time.Hour) // the bubble's clock
		if _, err := mine.Write(appendMethod(nil, 1, channelOpen, "")); err != nil {
			t.Fatal(err)
		}
		var buf []byte
		if f, err := readFrame(r, &buf); err != nil || binary.BigEndian.Uint32(f.payload) != channelOpenOk {
			t.Errorf("after an hour: %+v, %v", f, err)
		}
		_ = mine.Close()
		s.wg.Wait()
	})
}

func TestStrangersAreSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{b: newBroker()}
		for _, first := range []string{"GET / HT", ""} {
			mine, theirs := net.Pipe()
			s.wg.Go(s.admit(theirs).serve)
			if _, err := io.WriteString(mine, first); err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(mine) // ends at once, or after handshakeTime
			if want := first != ""; strings.HasPrefix(string(b), "AMQP") != want {
				t.Errorf("%q is answered %q", first, b)
			}
			_ = mine.Close()
			s.wg.Wait()
		}
	})
}

// A frame larger than agreed, and frames that do not fit, end the connection with
// the code for it.
func TestWrongFrames(t *testing.T) {
	for name, c := range map[string]struct {
		say  []byte
		code uint16
	}{
		"too large":      {[]byte{frameMethod, 0, 1, 0x7f, 0, 0, 0}, codeFrame},
		"no channel":     {appendMethod(nil, 5, basicGet, uint16(0), "q", false), codeChannel},
		"no such method": {appendMethod(appendMethod(nil, 1, channelOpen, ""), 1, 90<<16|10), codeNotImplemented},
		"short method":   {[]byte{frameMethod, 0, 0, 0, 0, 0, 1, 9, frameEnd}, codeSyntax},
		"body alone":     {append(appendMethod(nil, 1, channelOpen, ""), frameBody, 0, 1, 0, 0, 0, 1, 'x', frameEnd), codeUnexpected},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &Server{o: Options{Users: map[string]string{"duty": "x"}}, b: newBroker()}
				mine, r := silent(t, s, "x", 0)
				if _, err := mine.Write(c.say); err != nil {
					t.Fatal(err)
				}
				var buf []byte
				for {
					f, err := readFrame(r, &buf)
					if err != nil {
						t.Fatalf("ended without a word: %v", err)
					}
					if binary.BigEndian.Uint32(f.payload) == connectionClose {
						if code := binary.BigEndian.Uint16(f.payload[4:]); code != c.code {
							t.Errorf("code %d, want %d", code, c.code)
						}
						break
					}
				}
				if _, err := mine.Write(appendMethod(nil, 0, connectionCloseOk)); err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, r)
				_ = mine.Close()
				s.wg.Wait()
			})
		})
	}
}
