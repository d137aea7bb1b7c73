package contract

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
)

// Shown is what a server shows over TLS, and whom it lets in.
type Shown struct {
	// CA signs the clients' certificates that are believed.
	CA *trusttest.CA
	// Pair is the server's own.
	Pair trusttest.Pair
	// Wants a client certificate of CA.
	Wants bool
}

// Trusted is a Component that speaks TLS.
type Trusted interface {
	// Present lets the server show s to whoever connects from now on. ErrCannot when it
	// speaks no TLS.
	Present(t *testing.T, s Shown) error
}

// TLS is the fault of a server that speaks TLS; Target answers how to ask it so.
const TLS Fault = "tls"

// trustCase is one promise about certificates.
type trustCase struct {
	name string
	// server is the certificate that the server shows; wants: it wants one from us.
	server trusttest.Leaf
	wants  bool
	// ours is asked with the files below; nil without TLS.
	ours func(f trustFiles) *trust.Settings
	// password replaces the right one.
	password string
	want     probes.Status
	detail   string
}

// trustFiles are the files that a configuration names.
type trustFiles struct {
	ca, otherCA string
	// mine is of ca, foreign of otherCA, ending is of ca and ends in three days.
	mine, foreign, ending own
}

type own struct {
	cert string
	key  func() (string, error)
}

func (f trustFiles) with(o own) *trust.Settings {
	return &trust.Settings{CA: f.ca, Cert: o.cert, Key: o.key}
}

func believing(f trustFiles) *trust.Settings { return &trust.Settings{CA: f.ca} }

const day = 24 * time.Hour

// trustCases is what docs/tls.md says under "What is told", for every kind.
func trustCases() []trustCase {
	in := func(d time.Duration) time.Time { return time.Now().Add(d) }
	elsewhere := trusttest.Leaf{Names: []string{"store.example"}}
	return []trustCase{
		{name: "believed", ours: believing, want: probes.StatusUp},
		{name: "by server_name", server: elsewhere, want: probes.StatusUp, ours: func(f trustFiles) *trust.Settings {
			return &trust.Settings{CA: f.ca, ServerName: "store.example"}
		}},
		{name: "not checked", want: probes.StatusUp, ours: func(f trustFiles) *trust.Settings {
			return &trust.Settings{CA: f.otherCA, Insecure: true}
		}},
		{
			name: "expired", server: trusttest.Leaf{From: in(-9 * day), To: in(-3*day - time.Hour)}, ours: believing,
			want: probes.StatusDown, detail: "TLS: the certificate of localhost, 127.0.0.1 has expired on ",
		},
		{
			name: "not valid yet", server: trusttest.Leaf{From: in(3*day + time.Hour)}, ours: believing,
			want: probes.StatusDown, detail: "TLS: the certificate of localhost, 127.0.0.1 is not valid before ",
		},
		{
			name: "wrong name", server: elsewhere, ours: believing,
			want: probes.StatusDown, detail: "TLS: the certificate is for store.example, not for 127.0.0.1 (tls.server_name sets the name)",
		},
		{
			name: "unknown CA", want: probes.StatusUnknown, detail: "TLS: the certificate is signed by Duty Test CA, which tls.ca does not hold",
			ours: func(f trustFiles) *trust.Settings { return &trust.Settings{CA: f.otherCA} },
		},
		{
			name: "unknown to this host", want: probes.StatusUnknown, detail: "TLS: the certificate is signed by Duty Test CA, which this host does not trust",
			ours: func(trustFiles) *trust.Settings { return &trust.Settings{} },
		},
		{
			name: "ends soon", server: trusttest.Leaf{To: in(3*day + time.Hour)}, ours: believing,
			want: probes.StatusDegraded, detail: "its certificate ends in 3 days (",
		},
		{
			name: "wants a certificate, none", wants: true, ours: believing,
			want: probes.StatusUnknown, detail: "wants a client certificate, none is configured (tls.cert, tls.key)",
		},
		{
			name: "wants a certificate, a foreign one", wants: true, ours: func(f trustFiles) *trust.Settings { return f.with(f.foreign) },
			want: probes.StatusUnknown, detail: "TLS: it refuses our client certificate (",
		},
		{
			name: "wants a certificate, the right one", wants: true, ours: func(f trustFiles) *trust.Settings { return f.with(f.mine) },
			want: probes.StatusUp,
		},
		{
			name: "wants a certificate, one that ends soon", wants: true, ours: func(f trustFiles) *trust.Settings { return f.with(f.ending) },
			want: probes.StatusDegraded, detail: "our client certificate for it ends in 3 days (",
		},
		{
			name: "wrong password", password: "not-the-one", ours: believing,
			want: probes.StatusUnknown, detail: "wrong password",
		},
	}
}

// RunTrust holds each kind to what is told of certificates, and of passwords over TLS. It
// returns the kinds that speak no TLS, sorted.
func RunTrust(t *testing.T, b Backend, kinds ...string) (cannot []string) {
	t.Helper()
	ca, other, dir := trusttest.NewCA(t, "Duty Test CA"), trusttest.NewCA(t, "Other CA"), t.TempDir()
	keep := func(name string, p trusttest.Pair) own {
		return own{trusttest.File(t, dir, name, p.Cert), func() (string, error) { return string(p.Key), nil }}
	}
	files := trustFiles{
		ca: trusttest.File(t, dir, "ca.pem", ca.PEM), otherCA: trusttest.File(t, dir, "other.pem", other.PEM),
		mine: keep("mine.pem", ca.Issue(t, trusttest.Leaf{Subject: "console", To: time.Now().AddDate(2, 0, 0)})), foreign: keep("foreign.pem", other.Issue(t, trusttest.Leaf{Subject: "console"})),
		ending: keep("ending.pem", ca.Issue(t, trusttest.Leaf{Subject: "console", To: time.Now().Add(3*day + time.Hour)})),
	}
	for _, kind := range kinds {
		t.Run(kind+"/trust", func(t *testing.T) {
			comp, err := b.Start(t, kind, probes.RoleAny)
			if err != nil {
				t.Fatal(err)
			}
			tr, ok := comp.(Trusted)
			if !ok {
				cannot = append(cannot, kind)
				return
			}
			for _, c := range trustCases() {
				s := Shown{CA: ca, Pair: ca.Issue(t, c.server), Wants: c.wants}
				if err := tr.Present(t, s); errors.Is(err, ErrCannot) {
					cannot = append(cannot, kind)
					return
				} else if err != nil {
					t.Fatal(err)
				}
				t.Run(c.name, func(t *testing.T) { c.ask(t, kind, comp, s, files) })
			}
		})
	}
	slices.Sort(cannot)
	return cannot
}

// ask asks a server that shows s.
func (c trustCase) ask(t *testing.T, kind string, comp Component, s Shown, f trustFiles) {
	tg := comp.Target(TLS)
	if c.password != "" {
		if tg.Password == nil {
			return // the kind knows none
		}
		tg.Password = func() (string, error) { return c.password, nil }
	}
	tg.Name, tg.Kind, tg.TLS, tg.CertificateWarning = "site/data/"+kind, kind, c.ours(f), 14*day
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := open(t, tg).Probe(ctx) // the first answer counts
	fit(t, r, c.password)
	if err := is(r, c.detail, c.want); err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(r.Transcript, "\n"))
	}
	ends := s.Pair.TLS.Leaf.NotAfter
	if r.Status == probes.StatusUp && !r.Facts.CertificateEnds.Equal(ends) {
		t.Errorf("it ends %v, want %v", r.Facts.CertificateEnds, ends)
	}
}
