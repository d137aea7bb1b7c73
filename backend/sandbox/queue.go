package sandbox

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// declareQueue makes the bounded queue of notifications, which exists at every site
// from the first day: its content is not synced, its definition is (mission A5).
func declareQueue(addr string, a account) error {
	c, err := amqp.DialConfig("amqp://"+addr, amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{Username: a.user, Password: a.password}}})
	if err != nil {
		return fmt.Errorf("rabbitmq at %s: %w", addr, err)
	}
	defer func() { _ = c.Close() }()
	ch, err := c.Channel()
	if err != nil {
		return fmt.Errorf("rabbitmq at %s: %w", addr, err)
	}
	if _, err := ch.QueueDeclare(queueNotifications, true, false, false, false, amqp.Table{"x-max-length": int64(1000)}); err != nil {
		return fmt.Errorf("rabbitmq at %s: declare %s: %w", addr, queueNotifications, err)
	}
	return nil
}
