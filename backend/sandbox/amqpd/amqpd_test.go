package amqpd

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// wantCode fails unless the error is AMQP's with the given code.
func wantCode(t *testing.T, err error, code int) {
	t.Helper()
	var ae *amqp.Error
	if !errors.As(err, &ae) || ae.Code != code {
		t.Fatalf("error is %v, want code %d", err, code)
	}
}

func TestLogin(t *testing.T) {
	w := start(t)
	c := w.connect()
	if v := c.Properties["version"]; v != productVersion {
		t.Errorf("version %v", v)
	}
	_, err := w.dial(w.password+"x", "/")
	wantCode(t, err, 403)
	_, err = w.dial("", "/")
	wantCode(t, err, 403)
	if _, err = w.dial(w.password, "elsewhere"); err == nil {
		t.Error("a virtual host that does not exist was opened")
	}
}

func TestMissingQueueClosesOnlyItsChannel(t *testing.T) {
	w := start(t)
	c := w.connect()
	ch := channelOf(t, c)
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	_, err := ch.QueueDeclarePassive("nothing", false, false, false, false, nil)
	wantCode(t, err, 404)
	if e := next(t, closed); !strings.Contains(e.Reason, "no queue 'nothing' in vhost '/'") {
		t.Errorf("reason %q", e.Reason)
	}
	ch = channelOf(t, c) // the connection lives
	declare(t, ch, "something", nil)
	publish(t, ch, "", "something", "a", "b")
	q, err := ch.QueueDeclarePassive("something", false, false, false, false, nil)
	if err != nil || q.Messages != 2 || q.Consumers != 0 {
		t.Errorf("passive: %+v, %v", q, err)
	}
	if err := ch.Close(); err != nil {
		t.Error(err)
	}
}

func TestDeclareAgain(t *testing.T) {
	w := start(t)
	c := w.connect()
	ch := channelOf(t, c)
	declare(t, ch, "q", amqp.Table{"x-max-length": int32(5)})
	declare(t, ch, "q", amqp.Table{"x-max-length": int64(5)}) // the same number
	_, err := ch.QueueDeclare("q", true, false, false, false, amqp.Table{"x-max-length": int32(6)})
	wantCode(t, err, 406)
	_, err = channelOf(t, c).QueueDeclare("q", false, false, false, false, amqp.Table{"x-max-length": int32(5)})
	wantCode(t, err, 406)
	_, err = channelOf(t, c).QueueDeclare("amq.mine", true, false, false, false, nil)
	wantCode(t, err, 403)
	q := declare(t, channelOf(t, c), "", nil)
	if !strings.HasPrefix(q.Name, "amq.gen-") {
		t.Errorf("generated name %q", q.Name)
	}
}

func TestExclusiveQueueGoesWithItsConnection(t *testing.T) {
	w := start(t)
	a, b := w.connect(), w.connect()
	if _, err := channelOf(t, a).QueueDeclare("mine", false, false, true, false, nil); err != nil {
		t.Fatal(err)
	}
	_, err := channelOf(t, b).QueueDeclarePassive("mine", false, false, false, false, nil)
	wantCode(t, err, 405)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = channelOf(t, b).QueueDeclarePassive("mine", false, false, false, false, nil)
	wantCode(t, err, 404)
}

func TestMaxLengthDropsTheOldest(t *testing.T) {
	w := start(t)
	ch := w.channel()
	declare(t, ch, "short", amqp.Table{"x-max-length": int32(3)})
	publish(t, ch, "", "short", "1", "2", "3", "4", "5")
	var got []string
	for m := get(t, ch, "short"); m != ""; m = get(t, ch, "short") {
		got = append(got, m)
	}
	if !slices.Equal(got, []string{"3", "4", "5"}) {
		t.Errorf("kept %v", got)
	}
}

func TestConfirms(t *testing.T) {
	w := start(t)
	ch := w.channel()
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	declare(t, ch, "q", nil)
	declare(t, ch, "one", amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	for i, want := range []bool{true, true, false} {
		d, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", []string{"q", "one", "one"}[i], false, false, amqp.Publishing{Body: []byte("x")})
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := d.WaitContext(t.Context()); err != nil || ok != want {
			t.Errorf("publication %d: %v, %v; want %v", i, ok, err, want)
		}
	}
}

func TestMandatoryReturns(t *testing.T) {
	w := start(t)
	ch := w.channel()
	returns := ch.NotifyReturn(make(chan amqp.Return, 1))
	err := ch.PublishWithContext(t.Context(), "", "nowhere", true, false, amqp.Publishing{MessageId: "m1", Body: []byte("back")})
	if err != nil {
		t.Fatal(err)
	}
	if r := next(t, returns); r.ReplyCode != 312 || r.RoutingKey != "nowhere" || r.MessageId != "m1" || string(r.Body) != "back" {
		t.Errorf("returned %+v", r)
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	publish(t, ch, "no-exchange", "k", "x")
	wantCode(t, next(t, closed), 404)
}

func TestPropertiesAndLargeBodies(t *testing.T) {
	w := start(t)
	ch := w.channel()
	declare(t, ch, "q", nil)
	body := bytes.Repeat([]byte("0123456789"), 50_000) // several frames
	err := ch.PublishWithContext(t.Context(), "", "q", false, false, amqp.Publishing{
		ContentType: "application/json", MessageId: "id", Headers: amqp.Table{"seq": int64(7)}, Body: body,
	})
	if err != nil {
		t.Fatal(err)
	}
	d, ok, err := ch.Get("q", false)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if !bytes.Equal(d.Body, body) || d.ContentType != "application/json" || d.MessageId != "id" || d.Headers["seq"] != int64(7) {
		t.Errorf("%d bytes, %q, %q, %v", len(d.Body), d.ContentType, d.MessageId, d.Headers)
	}
}

func TestExchanges(t *testing.T) {
	w := start(t)
	c := w.connect()
	ch := channelOf(t, c)
	for _, kind := range []string{"direct", "fanout"} {
		if err := ch.ExchangeDeclare("x-"+kind, kind, true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	declare(t, ch, "a", nil)
	declare(t, ch, "b", nil)
	for _, bind := range [][3]string{{"a", "ka", "x-direct"}, {"b", "kb", "x-direct"}, {"a", "", "x-fanout"}, {"b", "", "x-fanout"}, {"b", "other", "x-fanout"}} {
		for range 2 { // binding twice is binding once
			if err := ch.QueueBind(bind[0], bind[1], bind[2], false, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish(t, ch, "x-direct", "ka", "direct")
	publish(t, ch, "x-direct", "kc", "lost")
	publish(t, ch, "x-fanout", "any", "all")
	for _, q := range []string{"a:direct", "a:all", "a:", "b:all", "b:"} {
		name, want, _ := strings.Cut(q, ":")
		if m := get(t, ch, name); m != want {
			t.Errorf("queue %s gave %q, want %q", name, m, want)
		}
	}
	if err := ch.QueueUnbind("a", "ka", "x-direct", nil); err != nil {
		t.Fatal(err)
	}
	publish(t, ch, "x-direct", "ka", "unbound")
	if m := get(t, ch, "a"); m != "" {
		t.Errorf("unbound queue got %q", m)
	}
	if err := ch.ExchangeDelete("x-direct", false, false); err != nil {
		t.Fatal(err)
	}
	wantCode(t, ch.ExchangeDeclarePassive("x-direct", "direct", true, false, false, false, nil), 404)
	wantCode(t, channelOf(t, c).ExchangeDeclare("x-fanout", "direct", true, false, false, false, nil), 406)
}

func TestPurgeAndDelete(t *testing.T) {
	w := start(t)
	c := w.connect()
	ch := channelOf(t, c)
	declare(t, ch, "q", nil)
	publish(t, ch, "", "q", "1", "2", "3")
	if n, err := ch.QueuePurge("q", false); n != 3 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	publish(t, ch, "", "q", "4")
	_, err := ch.QueueDelete("q", false, true, false)
	wantCode(t, err, 406)
	if n, err := channelOf(t, c).QueueDelete("q", false, false, false); n != 1 || err != nil {
		t.Errorf("deleted with %d, %v", n, err)
	}
	_, err = channelOf(t, c).QueueDeclarePassive("q", true, false, false, false, nil)
	wantCode(t, err, 404)
	w.s.b.mu.Lock()
	defer w.s.b.mu.Unlock()
	if w.s.b.memory != 0 {
		t.Errorf("%d bytes are still counted", w.s.b.memory)
	}
}

func TestMalformedArgumentsCloseTheConnection(t *testing.T) {
	for i, b := range [][]byte{nil, {0, 0}, {0, 0, 9, 'x'}, append([]byte{0, 0, 1, 'q', 0}, 0, 0, 0, 3, 1, 'k', '?')} {
		a := &args{b: b}
		a.short()
		a.shortstr()
		a.bit()
		a.table()
		var pe *protocolError
		if !errors.As(a.err, &pe) || !pe.hard || pe.code != codeSyntax {
			t.Errorf("case %d: %v", i, a.err)
		}
	}
	deep := amqp.Table{}
	for range 20 {
		deep = amqp.Table{"in": deep}
	}
	w := start(t)
	_, err := w.channel().QueueDeclare("q", false, false, false, false, deep)
	wantCode(t, err, codeSyntax)
}

func TestCloseTellsClients(t *testing.T) {
	w := start(t)
	closed := w.connect().NotifyClose(make(chan *amqp.Error, 1))
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, next(t, closed), 320)
	if _, err := w.dial(w.password, "/"); err == nil {
		t.Error("a closed broker takes logins")
	}
	s, err := Start(Options{Listen: w.s.Addr(), ManagementListen: strings.TrimPrefix(w.s.ManagementURL(), "http://")})
	if err != nil {
		t.Fatal(fmt.Errorf("the same addresses again: %w", err))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
