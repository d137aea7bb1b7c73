package flinkd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// RabbitOptions say how to reach a site's RabbitMQ.
type RabbitOptions struct {
	Addr, User, Password string
	// Queue is "notifications" when empty; MaxLength bounds it, 0 means 1000: the broker
	// drops the oldest beyond it.
	Queue     string
	MaxLength int
}

// RabbitSink puts one notification per message on a queue. It is best effort and
// safe for concurrent use.
type RabbitSink struct {
	o RabbitOptions

	mu   sync.Mutex
	conn *amqp.Connection
	ch   *amqp.Channel
}

// NewRabbitSink makes the sink; it does not connect yet.
func NewRabbitSink(o RabbitOptions) *RabbitSink {
	if o.Queue == "" {
		o.Queue = "notifications"
	}
	if o.MaxLength == 0 {
		o.MaxLength = 1000
	}
	return &RabbitSink{o: o}
}

// Name is "rabbitmq".
func (s *RabbitSink) Name() string { return "rabbitmq" }

// Required is false: notifications are for now, not for ever.
func (s *RabbitSink) Required() bool { return false }

// Write publishes the batch and waits for the broker's confirmation of each. After
// any failure the next Write connects anew.
func (s *RabbitSink) Write(ctx context.Context, batch []feedd.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.publish(ctx, batch)
	if err != nil {
		s.drop()
		return fmt.Errorf("rabbitmq: %w", err)
	}
	return nil
}

func (s *RabbitSink) publish(ctx context.Context, batch []feedd.Message) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	waits := make([]*amqp.DeferredConfirmation, 0, len(batch))
	for _, m := range batch {
		b, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("message %s: %w", m.ID, err)
		}
		w, err := s.ch.PublishWithDeferredConfirmWithContext(ctx, "", s.o.Queue, false, false,
			amqp.Publishing{ContentType: "application/json", MessageId: m.ID, Type: m.Kind, Timestamp: m.At, Body: b})
		if err != nil {
			return fmt.Errorf("publish %s: %w", m.ID, err)
		}
		waits = append(waits, w)
	}
	for _, w := range waits {
		ok, err := w.WaitContext(ctx)
		if err != nil {
			return fmt.Errorf("confirmation: %w", err)
		}
		if !ok {
			return errors.New("the broker did not take a message")
		}
	}
	return nil
}

// connect makes connection, channel and queue unless they are there.
func (s *RabbitSink) connect(ctx context.Context) error {
	if s.conn != nil && !s.conn.IsClosed() && !s.ch.IsClosed() {
		return nil
	}
	s.drop()
	conn, err := amqp.DialConfig("amqp://"+s.o.Addr+"/", amqp.Config{
		SASL:      []amqp.Authentication{&amqp.PlainAuth{Username: s.o.User, Password: s.o.Password}},
		Heartbeat: 10 * time.Second, Locale: "en_US",
		Dial: func(network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, addr)
			if err == nil { // bounds the handshake; the library takes it off after
				err = c.SetDeadline(time.Now().Add(2 * time.Second))
			}
			return c, err
		},
	})
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	s.conn = conn
	if err := s.open(); err != nil {
		return err
	}
	_, err = s.ch.QueueDeclarePassive(s.o.Queue, true, false, false, false, nil)
	var refused *amqp.Error
	if errors.As(err, &refused) && refused.Code == amqp.NotFound { // which has closed the channel
		if err := s.open(); err != nil {
			return err
		}
		_, err = s.ch.QueueDeclare(s.o.Queue, true, false, false, false, amqp.Table{"x-max-length": int64(s.o.MaxLength)})
	}
	if err != nil {
		return fmt.Errorf("queue %s: %w", s.o.Queue, err)
	}
	return nil
}

// open makes a channel in confirm mode.
func (s *RabbitSink) open() (err error) {
	if s.ch, err = s.conn.Channel(); err != nil {
		return fmt.Errorf("channel: %w", err)
	}
	if err = s.ch.Confirm(false); err != nil {
		return fmt.Errorf("confirm mode: %w", err)
	}
	return nil
}

func (s *RabbitSink) drop() {
	if s.conn != nil {
		_ = s.conn.CloseDeadline(time.Now().Add(time.Second)) // it failed already
	}
	s.conn, s.ch = nil, nil
}

// Close closes the connection.
func (s *RabbitSink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
	return nil
}
