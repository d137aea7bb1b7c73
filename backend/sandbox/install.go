package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"strings"

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

// createIndex makes a store's index before anything is in it, as an installation does:
// a standby whose first copy is still on its way is empty, not broken.
func createIndex(ctx context.Context, base, index string, a account) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, base+"/"+index, strings.NewReader(`{"settings":{"number_of_shards":1,"number_of_replicas":0}}`))
	if err != nil {
		return err
	}
	req.SetBasicAuth(a.user, a.password)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("elasticsearch at %s: %w", base, err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("elasticsearch at %s: create %s: %s", base, index, resp.Status)
	}
	return nil
}
