package amqpd

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestManagementWantsAPassword(t *testing.T) {
	w := start(t)
	for _, password := range []string{"", "wrong"} {
		for _, path := range []string{"/api/overview", "/api/health/checks/alarms", "/api/nothing"} {
			if code, _ := w.ask(path, password); code != http.StatusUnauthorized {
				t.Errorf("%s with password %q: %d", path, password, code)
			}
		}
	}
}

func TestManagementAnswers(t *testing.T) {
	w := start(t)
	ch := w.channel()
	declare(t, ch, "a/b c", amqp.Table{"x-max-length": int32(9)})
	publish(t, ch, "", "a/b c", "1", "2")
	if m := get(t, ch, "a/b c"); m != "1" { // both publications have arrived
		t.Fatalf("got %q", m)
	}
	port := w.s.Addr()[strings.LastIndex(w.s.Addr(), ":")+1:]
	for _, c := range []struct {
		path string
		code int
		want string // in the document, printed
	}{
		{"/api/overview", 200, "messages_ready:1"},
		{"/api/overview", 200, "rabbitmq_version:" + productVersion},
		{"/api/nodes", 200, "name:rabbit@test"},
		{"/api/health/checks/alarms", 200, "status:ok"},
		{"/api/health/checks/local-alarms", 200, "status:ok"},
		{"/api/health/checks/virtual-hosts", 200, "status:ok"},
		{"/api/health/checks/port-listener/" + port, 200, "status:ok"},
		{"/api/health/checks/port-listener/1", 503, "missing:1"},
		{"/api/health/checks/port-listener/x", 400, "bad_request"},
		{"/api/queues", 200, "name:a/b c"},
		{"/api/queues/%2F", 200, "name:a/b c"},
		{"/api/queues/%2F/a%2Fb%20c", 200, "x-max-length:9"},
		{"/api/queues/%2F/a%2Fb%20c", 200, "messages_ready:1"},
		{"/api/queues/%2F/none", 404, "Not Found"},
		{"/api/queues/other", 404, "Not Found"},
		{"/api/queues/other/a%2Fb%20c", 404, "Not Found"},
		{"/api/exchanges", 404, "Not Found"},
		{"/", 404, "Not Found"},
	} {
		code, doc := w.ask(c.path, w.password)
		if code != c.code || !strings.Contains(fmt.Sprint(doc), c.want) {
			t.Errorf("%s: %d %v; want %d with %s", c.path, code, doc, c.code, c.want)
		}
	}
}
