package probes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"

	"github.com/go-resty/resty/v2"
	"github.com/go-sql-driver/mysql"
	"github.com/miekg/dns"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/probes/guard"
	"github.com/dutyops/dutyops/probes/trust"
)

// Class says in which way a component could not be asked. It decides between
// down (it does not answer) and unknown (we could not ask).
type Class string

// The classes. ClassOwn is a fault on our side of the socket.
const (
	ClassRefused Class = "refused"
	ClassTimeout Class = "timeout"
	ClassReset   Class = "reset"
	ClassClosed  Class = "closed"
	ClassNoRoute Class = "no-route"
	ClassName    Class = "name-not-found"
	ClassTLS     Class = "tls"
	ClassTrust   Class = "tls-trust"
	ClassAuth    Class = "auth"
	ClassGarbage Class = "garbage"
	ClassOwn     Class = "own-side"
	ClassOther   Class = "other"
)

// Status is what a single failure of the class says about the component.
func (c Class) Status() Status {
	switch c {
	case ClassName, ClassTrust, ClassAuth, ClassOwn:
		return StatusUnknown
	case ClassRefused, ClassTimeout, ClassReset, ClassClosed, ClassNoRoute, ClassTLS, ClassGarbage, ClassOther:
		return StatusDown
	}
	return StatusUnknown
}

// errSecret wraps the failure to read a password: we could not ask.
var errSecret = errors.New("the password could not be read")

// errOwn marks a fault of this program's own making.
var errOwn = errors.New("could not be asked")

// errGarbage marks an answer that is not of the protocol.
var errGarbage = errors.New("unreadable answer")

// Classify finds the class of an error of any client library used here.
func Classify(err error) Class {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, guard.ErrTooMuch):
		return ClassGarbage // however the library took the end that we put to it
	}
	for _, f := range []func(error) (Class, bool){classifyOwn, classifyTLS, classifySocket, classifyProtocol} {
		if c, ok := f(err); ok {
			return c
		}
	}
	return ClassOther
}

func classifyOwn(err error) (Class, bool) {
	var dnsErr *net.DNSError
	switch {
	case errors.As(err, &dnsErr):
		return ClassName, true
	case errors.Is(err, errSecret), errors.Is(err, errOwn), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE),
		errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENETDOWN),
		errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return ClassOwn, true
	}
	return "", false
}

func classifySocket(err error) (Class, bool) {
	var ne net.Error
	var first *kgo.ErrFirstReadEOF
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return ClassRefused, true
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		return ClassReset, true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EHOSTDOWN):
		return ClassNoRoute, true
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return ClassTimeout, true
	case errors.As(err, &ne) && ne.Timeout():
		return ClassTimeout, true
	case errors.Is(err, context.Canceled):
		return ClassOwn, true
	case errors.As(err, &first):
		return ClassClosed, true
	}
	return "", false
}

func classifyTLS(err error) (Class, bool) {
	if errors.Is(err, trust.ErrSettings) {
		return ClassOwn, true
	}
	if errors.Is(err, guard.ErrWantsPassword) {
		return ClassTrust, true
	}
	switch trust.KindOf(err) {
	case trust.UnknownCA, trust.WantsCertificate, trust.RefusesCertificate, trust.TLSThere:
		return ClassTrust, true
	case trust.Expired, trust.NotYetValid, trust.WrongName, trust.NotTLS, trust.Other:
		return ClassTLS, true
	case trust.NoKind, trust.Unfinished: // closed or silent, which the socket tells
	}
	return "", false
}

// wordings are errors that libraries give as plain text only.
var wordings = []struct {
	re    *regexp.Regexp
	class Class
}{
	{regexp.MustCompile(`(?i)\b(WRONGPASS|NOAUTH|invalid username-password|invalid password)\b`), ClassAuth},
	{regexp.MustCompile(`(?i)(malformed HTTP|malformed MIME|malformed chunked|bad Content-Length|transfer encoding|redis: (invalid|can't parse|unexpected)|unsupported protocol version|bad rdata|overflow|dns: |invalid (large )?response|exceeds BrokerMaxReadBytes|correlation|enough data to be valid)`), ClassGarbage},
	{regexp.MustCompile(`(?i)(server sent GOAWAY|use of closed network connection|connection closed|invalid connection|bad connection|server closed idle)`), ClassClosed},
}

func classifyProtocol(err error) (Class, bool) {
	var (
		my      *mysql.MySQLError
		am      *amqp.Error
		syntax  *json.SyntaxError
		badType *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &my):
		return mysqlClass(my.Number), true
	case errors.As(err, &am):
		return amqpClass(am), true
	case errors.Is(err, errHungUp), errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed),
		errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism):
		return ClassAuth, true
	case errors.Is(err, errGarbage), errors.Is(err, guard.ErrBroke), errors.Is(err, mysql.ErrMalformPkt), errors.Is(err, mysql.ErrPktSync), errors.Is(err, mysql.ErrPktSyncMul),
		errors.Is(err, mysql.ErrOldProtocol), errors.Is(err, mysql.ErrUnknownPlugin), errors.Is(err, mysql.ErrPktTooLarge), errors.Is(err, mysql.ErrBusyBuffer),
		errors.As(err, &syntax), errors.As(err, &badType), errors.Is(err, resty.ErrResponseBodyTooLarge),
		errors.Is(err, amqp.ErrFrame), errors.Is(err, amqp.ErrSyntax), errors.Is(err, dns.ErrId), errors.Is(err, dns.ErrBuf):
		return ClassGarbage, true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, net.ErrClosed):
		return ClassClosed, true
	}
	text := err.Error()
	for _, w := range wordings {
		if w.re.MatchString(text) {
			return w.class, true
		}
	}
	return "", false
}

// mysqlClass: the server's error numbers that matter before a query has run.
func mysqlClass(n uint16) Class {
	switch n {
	case 1045, 1044, 1698, 1524, 1130, 1129, 1820, 1862, 3118, 4151:
		// wrong password, no rights, host not allowed or blocked, password expired, account locked
		return ClassAuth
	default:
		return ClassOther
	}
}

// amqpClass: the library puts socket errors into frame errors as text.
func amqpClass(e *amqp.Error) Class {
	for _, w := range []struct {
		text  string
		class Class
	}{{"reset by peer", ClassReset}, {"broken pipe", ClassReset}, {"i/o timeout", ClassTimeout}, {"closed network connection", ClassClosed}, {"EOF", ClassClosed}} {
		if strings.Contains(e.Reason, w.text) {
			return w.class
		}
	}
	switch e.Code {
	case amqp.AccessRefused, amqp.NotAllowed:
		return ClassAuth
	case amqp.FrameError, amqp.SyntaxError, amqp.CommandInvalid, amqp.UnexpectedFrame:
		return ClassGarbage
	case amqp.ConnectionForced:
		return ClassClosed
	case amqp.ChannelError:
		// amqp091 says so when the connection has gone away under it
		return ClassClosed
	default:
		return ClassOther
	}
}

// failed turns an error into an answer and notes it. at is the address asked.
func (c *conv) failed(ctx context.Context, at string, err error) answer {
	if c.t.meter.Exceeded() && !errors.Is(err, guard.ErrTooMuch) {
		err = fmt.Errorf("%w: %w", guard.ErrTooMuch, err) // the library sees the end of a connection only
	}
	class := Classify(err)
	// A library that gave up because our time was over says so in many ways; what
	// was said before it (refused, wrong password) stands.
	switch class {
	case ClassClosed, ClassOther, ClassOwn, ClassReset:
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			class = ClassTimeout
		case ctx.Err() != nil: // we gave up: the target is not to blame
			class, err = ClassOwn, errors.Join(ctx.Err(), err)
		}
	case ClassRefused, ClassTimeout, ClassNoRoute, ClassName, ClassTLS, ClassTrust, ClassAuth, ClassGarbage:
	}
	c.note("! %s: %s", class, c.raw(err))
	return answer{class.Status(), c.explain(class, at, err)}
}

// raw is the library's own text, without the guesses that would mislead a person.
func (c *conv) raw(err error) string {
	var first *kgo.ErrFirstReadEOF
	if errors.As(err, &first) {
		return "the broker closed the connection before its first answer"
	}
	return err.Error()
}

// explain is one line for a tired engineer.
func (c *conv) explain(class Class, at string, err error) string {
	switch class {
	case ClassRefused:
		return "refused: nothing listens on " + at
	case ClassTimeout:
		return "no answer within " + Human(c.budget)
	case ClassReset:
		return "the connection was reset by " + at
	case ClassClosed:
		return "closed the connection without an answer"
	case ClassNoRoute:
		return "no route to " + at
	case ClassName:
		return c.explainName(err)
	case ClassTLS, ClassTrust:
		if errors.Is(err, guard.ErrWantsPassword) {
			return "TLS: " + guard.ErrWantsPassword.Error()
		}
		if _, text := c.t.trust.Explain(err); text != "" {
			return "TLS: " + text
		}
		return "TLS: " + shorten(err)
	case ClassAuth:
		return c.explainAuth(err)
	case ClassGarbage:
		return fmt.Sprintf("answers, but not as %s: %s", c.t.Kind, shorten(err))
	case ClassOwn:
		return c.explainOwn(err)
	case ClassOther:
	}
	return shorten(err)
}

func (c *conv) explainName(err error) string {
	var d *net.DNSError
	if errors.As(err, &d) {
		if d.IsNotFound {
			return fmt.Sprintf("cannot ask: the name %s does not exist", d.Name)
		}
		return fmt.Sprintf("cannot ask: the name %s could not be resolved from here", d.Name)
	}
	return "cannot ask: name not found"
}

func (c *conv) explainAuth(err error) string {
	who := c.t.User
	if who == "" && c.t.Password != nil {
		return "wrong password"
	}
	if who == "" && c.t.external() {
		if errors.Is(err, amqp.ErrSASL) {
			return "cannot ask: the broker does not take a client certificate as a login (EXTERNAL)"
		}
		return "cannot ask: our client certificate is no user there"
	}
	if who == "" {
		return "cannot ask: it wants a user and password, none is configured"
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		switch my.Number {
		case 1130:
			return "cannot ask: " + who + " may not connect from this host"
		case 1129:
			return "cannot ask: this host is blocked there after too many connection errors"
		case 1820, 1862:
			return "cannot ask: the password of " + who + " has expired"
		case 3118, 4151:
			return "cannot ask: the account " + who + " is locked"
		}
		if c.t.trust.Unanswered() {
			return "wrong password for " + who + ", or it wants a client certificate, none is configured (tls.cert, tls.key)"
		}
	}
	if errors.Is(err, kerr.UnsupportedSaslMechanism) {
		return "cannot ask: the broker does not offer the SASL mechanism for " + who
	}
	if errors.Is(err, amqp.ErrSASL) {
		return "cannot ask: the broker does not offer PLAIN to " + who
	}
	if errors.Is(err, kerr.ClusterAuthorizationFailed) || errors.Is(err, kerr.TopicAuthorizationFailed) {
		return "cannot ask: " + who + " may not read this"
	}
	return "wrong password for " + who
}

func (c *conv) explainOwn(err error) string {
	switch {
	case errors.Is(err, errSecret):
		return "cannot ask: " + shorten(err)
	case errors.Is(err, errNoSCRAM):
		return "cannot ask: " + errNoSCRAM.Error()
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "cannot ask: too many open files on this host"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENETDOWN):
		return "cannot ask: this host has no network in that direction"
	case errors.Is(err, context.Canceled):
		return "cancelled before it answered"
	default:
		return "cannot ask: " + shorten(err)
	}
}

// shorten strips the layers that repeat method and address.
func shorten(err error) string {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return clean(strings.TrimPrefix(err.Error(), "net/http: "), 120)
}

func joinErr(kind, cause error) error { return fmt.Errorf("%w: %w", kind, cause) }
