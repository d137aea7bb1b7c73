package trust_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/dutyops/dutyops/probes/trust"
)

// TestWhatWasSaidBeforeHangingUpIsHeard: a server that refuses says so and resets the
// connection; a write that meets the reset must not hide what was said.
func TestWhatWasSaidBeforeHangingUpIsHeard(t *testing.T) {
	addr := serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "no") // hello stays unread: closing resets
	})
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	for err == nil { // until the reset has come
		_, err = io.WriteString(conn, "hello")
	}
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Fatal(err)
	}
	h := trust.Heed(conn)
	if _, err := io.WriteString(h, "hello"); err != nil {
		t.Errorf("writing: %v", err)
	}
	said, err := io.ReadAll(h)
	if string(said) != "no" {
		t.Errorf("heard %q, %v", said, err)
	}
	if _, ok := h.(syscall.Conn); !ok {
		t.Error("a pool can no longer look at the socket")
	}
}

func TestOverheard(t *testing.T) {
	said := &net.OpError{Op: "remote error", Err: errors.New("tls: unknown certificate authority")}
	broke := errors.New("invalid connection")
	var o trust.Overheard
	o.Print("packets.go:58 ", io.ErrUnexpectedEOF)
	if err := o.Join(broke); trust.KindOf(err) != trust.NoKind || !errors.Is(err, broke) {
		t.Errorf("nothing of TLS was said: %v", err)
	}
	o.Print("packets.go:58 ", said)
	if err := o.Join(nil); err != nil {
		t.Errorf("nothing broke: %v", err)
	}
	if err := o.Join(broke); trust.KindOf(err) != trust.WantsCertificate || !errors.Is(err, broke) {
		t.Errorf("%v", err)
	}
	o.Print(said)
	o.Forget()
	if err := o.Join(broke); trust.KindOf(err) != trust.NoKind {
		t.Errorf("it was forgotten: %v", err)
	}
}

// A client that keeps an alert's text only, in quotes, leaves none of them in what is told.
func TestQuotedAlertIsToldWithoutItsQuotes(t *testing.T) {
	err := errors.New(`Exception (501) Reason: "remote error: tls: internal error"`)
	if _, said := (*trust.Client)(nil).Explain(err); said != "it ended the TLS connection: internal error" {
		t.Errorf("%q", said)
	}
}
