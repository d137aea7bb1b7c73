package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/dutyops/dutyops/probes/guard"
)

// rabbitAsker logs in over AMQP, opens a channel and looks at a queue without
// touching it; with a management URL it also asks for alarms.
type rabbitAsker struct {
	t    Target
	pass password
	conn kept[*rabbitConn]
	mgmt *web // nil without URL
}

// rabbitConn is a connection whose socket can be cut: the library takes no context.
type rabbitConn struct {
	*amqp.Connection
	sock *countedConn
}

// countedConn counts what was read, to tell a greeting from silence.
type countedConn struct {
	net.Conn
	in *atomic.Int64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.in.Add(int64(n))
	return n, err
}

// errLogin: the broker greeted and then took too long over the login.
var errLogin = errors.New("greeted, but the login did not end in time")

func newRabbitMQ(t Target) (asker, error) {
	a := &rabbitAsker{t: t, pass: password{read: t.Password}}
	if t.Address == "" && t.URL == "" {
		return nil, errors.New("address (AMQP, host:port) or url (management) is missing")
	}
	if t.URL != "" {
		w, err := newWeb(t, maxBody)
		if err != nil {
			return nil, err
		}
		a.mgmt = w
	}
	a.conn = kept[*rabbitConn]{open: a.open, shut: shutRabbit, renew: renewAfter}
	return a, nil
}

// shutRabbit says goodbye, which the broker would otherwise log as a fault, without
// making the probe wait for it.
func shutRabbit(rc *rabbitConn) {
	if rc.IsClosed() {
		_ = rc.sock.Close()
		return
	}
	go func() {
		_ = rc.CloseDeadline(time.Now().Add(200 * time.Millisecond))
		_ = rc.sock.Close()
	}()
}

func (a *rabbitAsker) close() error {
	a.conn.close()
	if a.mgmt != nil {
		return a.mgmt.close()
	}
	return nil
}

func (a *rabbitAsker) open(ctx context.Context, c *conv) (*rabbitConn, error) {
	pw, err := a.pass.get(ctx, c)
	if err != nil {
		return nil, err
	}
	rc, err := a.login(ctx, c, pw)
	if err == nil || Classify(err) != ClassAuth {
		return rc, err
	}
	pw, changed, rerr := a.pass.reread(ctx, c, pw)
	if rerr != nil || !changed {
		return nil, err
	}
	c.note("  the password changed, trying the new one")
	return a.login(ctx, c, pw)
}

// external: who shows a certificate and has no user logs in by it (AMQP's EXTERNAL).
func (t Target) external() bool {
	return t.Kind == "rabbitmq" && t.User == "" && t.TLS != nil && t.TLS.Cert != ""
}

func (a *rabbitAsker) login(ctx context.Context, c *conv, pw string) (*rabbitConn, error) {
	raw, err := a.t.dial(ctx, "tcp", a.t.Address)
	if err != nil {
		return nil, err
	}
	sock := &countedConn{Conn: raw, in: new(atomic.Int64)}
	stop := context.AfterFunc(ctx, func() { _ = sock.Close() })
	vhost := a.t.Database
	if vhost == "" {
		vhost = "/"
	}
	login, who := amqp.Authentication(&amqp.PlainAuth{Username: a.t.User, Password: pw}), nobody(a.t.User)
	if a.t.external() {
		login, who = &amqp.ExternalAuth{}, "whom our certificate names"
	}
	c.asked("AMQP 0-9-1 %s login as %s at virtual host %s", login.Mechanism(), who, vhost)
	conn, err := amqp.Open(sock, amqp.Config{
		SASL:       []amqp.Authentication{login},
		Vhost:      vhost,
		Heartbeat:  10 * time.Second,
		Locale:     "en_US",
		ChannelMax: 8,
		Properties: amqp.Table{"connection_name": "dutyops-probe"},
	})
	if !stop() && err == nil {
		err = context.DeadlineExceeded
	}
	if err != nil {
		if conn != nil {
			go func() { _ = conn.CloseDeadline(time.Now()) }()
		}
		_ = sock.Close()
		if ctx.Err() != nil && sock.in.Load() > 8 {
			c.got("a greeting of %d bytes", sock.in.Load())
			return nil, fmt.Errorf("%w: %w", errLogin, ctx.Err())
		}
		return nil, err
	}
	c.got("logged in")
	return &rabbitConn{Connection: conn, sock: sock}, nil
}

// look opens a channel, which is a round trip, and declares the queue passively.
func (a *rabbitAsker) look(ctx context.Context, c *conv, rc *rabbitConn, f *findings) error {
	stop := context.AfterFunc(ctx, func() { _ = rc.sock.Close() })
	defer stop()
	c.asked("open a channel")
	ch, err := rc.Channel()
	if err != nil {
		return err
	}
	c.got("channel open")
	if v, ok := rc.Properties["version"].(string); ok {
		c.facts.Version = v
	}
	if v, ok := rc.Properties["cluster_name"].(string); ok {
		c.extra("cluster_name", v)
	}
	if a.t.Queue == "" {
		return closeChannel(ch)
	}
	c.asked("queue %s?", a.t.Queue)
	q, err := ch.QueueDeclarePassive(a.t.Queue, false, false, false, false, nil)
	var ae *amqp.Error
	switch {
	case errors.As(err, &ae) && ae.Code == amqp.NotFound:
		c.got("%s", ae.Reason)
		c.expected("a queue called %s", a.t.Queue)
		f.add(degraded("queue %s does not exist", a.t.Queue))
		return nil // the broker has closed the channel
	case errors.As(err, &ae) && ae.Code == amqp.AccessRefused:
		c.extra("queue", "not allowed to see "+a.t.Queue+" (grant read on it)")
		return nil
	case errors.As(err, &ae) && ae.Code == amqp.ResourceLocked:
		c.extra("queue", "exclusive to another connection")
		return nil
	case err != nil:
		return err
	}
	c.got("%d messages, %d consumers", q.Messages, q.Consumers)
	c.facts.Count = ptr(int64(q.Messages))
	c.extra("consumers", fmt.Sprint(q.Consumers))
	return closeChannel(ch)
}

func closeChannel(ch *amqp.Channel) error {
	if err := ch.Close(); err != nil && !errors.Is(err, amqp.ErrClosed) {
		return err
	}
	return nil
}

func (a *rabbitAsker) ask(ctx context.Context, c *conv) answer {
	var broker, alarms findings
	wantAMQP := a.t.Address != ""
	var newcomer, amqpErr, mgmtErr error
	var nodes []rabbitNode
	errs := parallel(
		func() error {
			if wantAMQP {
				newcomer, amqpErr = a.conn.with(ctx, c, func(rc *rabbitConn) error {
					broker = findings{}
					return a.look(ctx, c, rc, &broker)
				})
			}
			return nil
		},
		func() error {
			if a.mgmt != nil {
				mgmtErr = a.alarms(ctx, c, &alarms)
			}
			return nil
		},
		func() error {
			if a.mgmt != nil && a.mgmt.json(ctx, c, http.MethodGet, "/api/nodes?columns=name,uptime", nil, &nodes) != nil {
				nodes = nil // alarms has told what is wrong
			}
			return nil
		},
	)
	for _, n := range nodes[:min(len(nodes), 16)] {
		if n.Uptime > 0 { // not told in the first seconds
			c.extra(startedAt+" "+n.Name, c.start.Add(-time.Duration(n.Uptime)*time.Millisecond).UTC().Format(time.RFC3339))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return c.failed(ctx, a.t.where(), err)
	}
	if wantAMQP && amqpErr != nil {
		return a.noLogin(ctx, c, amqpErr, mgmtErr)
	}
	if !wantAMQP && mgmtErr != nil {
		return a.mgmt.failedHTTP(ctx, c, mgmtErr)
	}
	f := findings{list: append(broker.list, alarms.list...)}
	if newcomer != nil {
		n := a.noLogin(ctx, c, newcomer, mgmtErr)
		n.detail += " (a connection made earlier still works)"
		f.add(n)
	}
	note := ""
	if mgmtErr != nil {
		v := a.mgmt.failedHTTP(ctx, c, mgmtErr)
		if v.status == StatusUnknown {
			note = ", alarms not visible: " + v.detail
			if wantAMQP && a.t.User != "" { // the broker has just taken the password
				note = ", alarms not visible: give " + a.t.User + " the tag monitoring"
			}
		} else {
			f.add(degraded("takes logins, but its management API does not answer: %s", v.detail))
		}
	}
	return f.verdict(up("%s%s", a.describe(c), note))
}

// rabbitNode is one of /api/nodes; Uptime in milliseconds.
type rabbitNode struct {
	Name   string `json:"name"`
	Uptime int64  `json:"uptime"`
}

// noLogin explains a login that failed. A real broker answers a wrong password only
// after a second or two, which is longer than a probe waits: the management API's
// answer helps to tell the two apart.
func (a *rabbitAsker) noLogin(ctx context.Context, c *conv, err, mgmtErr error) answer {
	var se *statusError
	if errors.Is(err, errLogin) {
		if errors.As(mgmtErr, &se) && se.code == http.StatusUnauthorized {
			return unknown("wrong password for %s", a.t.User)
		}
		c.expected("a login within %s", Human(c.budget))
		return degraded("greets, but the login takes longer than %s: slow, or a wrong password for %s", Human(c.budget), nobody(a.t.User))
	}
	var ae *amqp.Error
	if errors.As(err, &ae) && strings.Contains(strings.ToLower(ae.Reason), "vhost") {
		c.note("! %s", ae.Reason)
		return unknown("cannot ask: %s may not use the virtual host", nobody(a.t.User))
	}
	// A broker without a word for it hangs up on a wrong password, and so does one in trouble.
	if errors.Is(err, amqp.ErrCredentials) && a.mgmt != nil && mgmtErr == nil && a.t.User != "" {
		c.note("! it closed the connection at the login, without a reason")
		c.expected("a login, as the management interface takes the same password")
		return down("hangs up at the login, and the password of %s is right: its management interface takes it", a.t.User)
	}
	return c.failed(ctx, a.t.Address, err)
}

// alarms asks the management API. In an alarm the broker stops taking messages.
func (a *rabbitAsker) alarms(ctx context.Context, c *conv, f *findings) error {
	r, err := a.mgmt.do(ctx, c, http.MethodGet, "/api/health/checks/alarms", nil)
	if err != nil {
		return err
	}
	switch r.code {
	case http.StatusOK:
		var doc struct {
			Status string `json:"status"`
		}
		if err := guard.JSON(r.body, &doc); err != nil || doc.Status != "ok" {
			c.expected(`{"status":"ok"}`)
			return joinErr(errGarbage, errors.New("no status ok in the answer about alarms"))
		}
		return nil
	case http.StatusServiceUnavailable:
		c.expected("no alarm")
		f.add(degraded("takes no messages: %s", alarmText(r.body)))
		return nil
	default:
		return &statusError{r}
	}
}

// alarmText names the alarms of a failed health check.
func alarmText(body []byte) string {
	var doc struct {
		Reason string `json:"reason"`
		Alarms []struct {
			Resource string `json:"resource"`
			Node     string `json:"node"`
		} `json:"alarms"`
	}
	if guard.JSON(body, &doc) != nil {
		return "an alarm is in effect"
	}
	var names []string
	for _, al := range doc.Alarms[:min(len(doc.Alarms), 4)] {
		names = append(names, clean(al.Resource+" alarm at "+al.Node, 80))
	}
	if len(names) == 0 {
		return clean("alarm: "+doc.Reason, 100)
	}
	return strings.Join(names, ", ")
}

func (a *rabbitAsker) describe(c *conv) string {
	switch {
	case c.facts.Count != nil:
		return fmt.Sprintf("takes logins, %d messages in %s", *c.facts.Count, a.t.Queue)
	case a.t.Address != "":
		return "takes logins"
	default:
		return "no alarm"
	}
}
