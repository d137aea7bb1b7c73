package probes

import (
	"context"
	"net/http"
	"strings"
)

// httpAsker asks a health endpoint: the status, and when told, a piece of the body.
type httpAsker struct{ *web }

func newHTTP(t Target) (asker, error) {
	w, err := newWeb(t, maxHealthBody)
	if err != nil {
		return nil, err
	}
	return &httpAsker{w}, nil
}

func (a *httpAsker) ask(ctx context.Context, c *conv) answer {
	r, err := a.do(ctx, c, http.MethodGet, "", nil)
	if err != nil {
		return c.failed(ctx, a.host(), err)
	}
	if v := r.header.Get("Server"); v != "" {
		c.facts.Version = v
	}
	if site := r.header.Get("X-Site"); site != "" {
		c.extra("site", site)
	}
	if !a.statusOK(r.code) {
		want := "2xx"
		if a.t.ExpectStatus != 0 {
			want = http.StatusText(a.t.ExpectStatus)
			c.expected("status %d %s", a.t.ExpectStatus, want)
		} else {
			c.expected("status %s", want)
		}
		if r.code == http.StatusUnauthorized && a.t.User != "" {
			return unknown("wrong password for %s", a.t.User)
		}
		return down("answered %s%s", clean(r.status, 60), because(r.body))
	}
	if a.t.ExpectBody != "" && !strings.Contains(string(r.body), a.t.ExpectBody) {
		c.expected("a body that holds %q", clean(a.t.ExpectBody, 100))
		return down("answered %s, but without %q", clean(r.status, 60), clean(a.t.ExpectBody, 60))
	}
	return up("answered %s", clean(r.status, 60))
}

func (a *httpAsker) statusOK(code int) bool {
	if a.t.ExpectStatus != 0 {
		return code == a.t.ExpectStatus
	}
	return code >= 200 && code <= 299
}

// because quotes the first words of an error body when it is text.
func because(body []byte) string {
	s := strings.TrimSpace(string(body[:min(len(body), 120)]))
	if s == "" || strings.HasPrefix(s, "<") {
		return ""
	}
	return ": " + clean(s, 100)
}
