package amqpd

import (
	"bytes"
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

func consume(t *testing.T, ch *amqp.Channel, queue string, autoAck bool) <-chan amqp.Delivery {
	t.Helper()
	c, err := ch.ConsumeWithContext(t.Context(), queue, "", autoAck, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAckNackRequeue(t *testing.T) {
	w := start(t)
	ch := w.channel()
	declare(t, ch, "q", nil)
	must(t, ch.Qos(1, 0, false)) // one at a time keeps the order visible
	publish(t, ch, "", "q", "1", "2", "3", "4")
	in := consume(t, ch, "q", false)

	d := next(t, in)
	if string(d.Body) != "1" || d.Redelivered {
		t.Fatalf("first %q, redelivered %v", d.Body, d.Redelivered)
	}
	must(t, d.Nack(false, true))
	d = next(t, in)
	if string(d.Body) != "1" || !d.Redelivered {
		t.Fatalf("after requeue %q, redelivered %v", d.Body, d.Redelivered)
	}
	must(t, d.Ack(false))
	d = next(t, in)
	if string(d.Body) != "2" || d.Redelivered {
		t.Fatalf("then %q", d.Body)
	}
	must(t, d.Reject(false)) // thrown away
	if d = next(t, in); string(d.Body) != "3" {
		t.Fatalf("then %q", d.Body)
	}
	must(t, ch.Close()) // gives 3 back, before 4

	ch = w.channel()
	for _, want := range []string{"3", "4", ""} {
		if m := get(t, ch, "q"); m != want {
			t.Errorf("left %q, want %q", m, want)
		}
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	must(t, ch.Ack(99, false))
	wantCode(t, next(t, closed), 406)
}

func TestPrefetchAndMultipleAck(t *testing.T) {
	w := start(t)
	ch := w.channel()
	declare(t, ch, "q", nil)
	publish(t, ch, "", "q", "1", "2", "3", "4", "5")
	must(t, ch.Qos(2, 0, false))
	in := consume(t, ch, "q", false)
	next(t, in)
	d := next(t, in)
	counts := func(ready, unacked float64) {
		t.Helper()
		_, doc := w.ask("/api/queues/%2F/q", w.password)
		if doc["messages_ready"] != ready || doc["messages_unacknowledged"] != unacked || doc["consumers"] != 1.0 {
			t.Errorf("queue is %v", doc)
		}
	}
	counts(3, 2)
	must(t, d.Ack(true)) // both
	next(t, in)
	next(t, in)
	counts(1, 2)
}

func TestConsumersTakeTurns(t *testing.T) {
	w := start(t)
	ch, other := w.channel(), w.channel()
	declare(t, ch, "q", nil)
	a, b := consume(t, ch, "q", true), consume(t, other, "q", true)
	publish(t, ch, "", "q", "1", "2", "3", "4")
	for _, want := range []string{"1", "3"} {
		if d := next(t, a); string(d.Body) != want {
			t.Errorf("first consumer got %q, want %q", d.Body, want)
		}
	}
	for _, want := range []string{"2", "4"} {
		if d := next(t, b); string(d.Body) != want {
			t.Errorf("second consumer got %q, want %q", d.Body, want)
		}
	}
}

func TestCancel(t *testing.T) {
	w := start(t)
	ch := w.channel()
	declare(t, ch, "q", nil)
	in, err := ch.ConsumeWithContext(t.Context(), "q", "tag", true, false, false, false, nil)
	must(t, err)
	must(t, ch.Cancel("tag", false))
	publish(t, ch, "", "q", "kept")
	if m := get(t, ch, "q"); m != "kept" {
		t.Errorf("after cancel the queue gave %q", m)
	}
	if d, ok := <-in; ok {
		t.Errorf("a cancelled consumer got %q", d.Body)
	}
	// Deleting the queue cancels from the broker's side.
	cancelled := ch.NotifyCancel(make(chan string, 1))
	_, err = ch.ConsumeWithContext(t.Context(), "q", "second", true, false, false, false, nil)
	must(t, err)
	_, err = ch.QueueDelete("q", false, false, false)
	must(t, err)
	if tag := next(t, cancelled); tag != "second" {
		t.Errorf("cancelled %q", tag)
	}
}

func TestExclusiveConsumer(t *testing.T) {
	w := start(t)
	c := w.connect()
	ch := channelOf(t, c)
	declare(t, ch, "q", nil)
	_, err := ch.ConsumeWithContext(t.Context(), "q", "", true, true, false, false, nil)
	must(t, err)
	_, err = channelOf(t, c).ConsumeWithContext(t.Context(), "q", "", true, false, false, false, nil)
	wantCode(t, err, 403)
}

func TestAutoDeleteGoesWithTheLastConsumer(t *testing.T) {
	w := start(t)
	c := w.connect()
	ch := channelOf(t, c)
	_, err := ch.QueueDeclare("brief", false, true, false, false, nil)
	must(t, err)
	consume(t, ch, "brief", true)
	must(t, ch.Close())
	_, err = channelOf(t, c).QueueDeclarePassive("brief", false, false, false, false, nil)
	wantCode(t, err, 404)
}

// A consumer without prefetch gets far more than one outbox holds, in order.
func TestManyLargeDeliveries(t *testing.T) {
	w := start(t)
	ch := w.channel()
	declare(t, ch, "q", nil)
	const n = 200
	pad := bytes.Repeat([]byte("x"), 20_000)
	for i := range n {
		publish(t, ch, "", "q", fmt.Sprintf("%03d%s", i, pad))
	}
	in := consume(t, w.channel(), "q", false)
	for i := range n {
		d := next(t, in)
		if string(d.Body[:3]) != fmt.Sprintf("%03d", i) || len(d.Body) != len(pad)+3 {
			t.Fatalf("delivery %d is %.3s, %d bytes", i, d.Body, len(d.Body))
		}
		must(t, d.Ack(false))
	}
}
