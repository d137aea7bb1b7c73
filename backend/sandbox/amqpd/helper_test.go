package amqpd

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; nothing is measured against it.
const patience = 20 * time.Second

type world struct {
	t        *testing.T
	s        *Server
	password string
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, password: rand.Text()}
	s, err := Start(Options{Name: "rabbit@test", Users: map[string]string{"duty": w.password}})
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) dial(password, vhost string) (*amqp.Connection, error) {
	return amqp.DialConfig("amqp://"+w.s.Addr(), amqp.Config{
		SASL:  []amqp.Authentication{&amqp.PlainAuth{Username: "duty", Password: password}},
		Vhost: vhost, Heartbeat: 10 * time.Second, Locale: "en_US",
	})
}

func (w *world) connect() *amqp.Connection {
	w.t.Helper()
	c, err := w.dial(w.password, "/")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.CloseDeadline(time.Now().Add(time.Second)) })
	return c
}

func (w *world) channel() *amqp.Channel {
	w.t.Helper()
	return channelOf(w.t, w.connect())
}

func channelOf(t *testing.T, c *amqp.Connection) *amqp.Channel {
	t.Helper()
	ch, err := c.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func declare(t *testing.T, ch *amqp.Channel, name string, args amqp.Table) amqp.Queue {
	t.Helper()
	q, err := ch.QueueDeclare(name, true, false, false, false, args)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func publish(t *testing.T, ch *amqp.Channel, exchange, key string, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		if err := ch.PublishWithContext(t.Context(), exchange, key, false, false, amqp.Publishing{Body: []byte(b)}); err != nil {
			t.Fatal(err)
		}
	}
}

// get returns the next message of a queue, "" when it is empty.
func get(t *testing.T, ch *amqp.Channel, queue string) string {
	t.Helper()
	d, ok, err := ch.Get(queue, true)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return ""
	}
	return string(d.Body)
}

// next returns what comes over a channel, or fails when nothing does.
func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v, ok := <-c:
		if !ok {
			t.Fatal("channel closed")
		}
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	panic("not reached")
}

// ask reads a document of the management API.
func (w *world) ask(path, password string) (int, map[string]any) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.s.ManagementURL()+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if password != "" {
		req.SetBasicAuth("duty", password)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc any
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
	switch doc := doc.(type) {
	case map[string]any:
		return resp.StatusCode, doc
	case []any:
		return resp.StatusCode, map[string]any{"list": doc}
	}
	w.t.Fatalf("%s: %v", path, doc)
	return 0, nil
}
