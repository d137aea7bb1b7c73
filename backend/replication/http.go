package replication

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-resty/resty/v2"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/secure"
	"github.com/dutyops/dutyops/probes/guard"
)

// maxAnswer bounds what is read of one answer.
const maxAnswer = 4 << 20

// httpServer is one HTTP API with an account.
type httpServer struct {
	name     string
	url      string
	user     string
	password config.Secret
	apiKey   config.Secret // instead of user and password
	check    string        // the fields that hold the login, for a person
	rc       *resty.Client
	vault    vault
}

func newHTTPServer(e Endpoint, opts Options) (*httpServer, error) {
	if e.Config.URL == "" {
		return nil, fmt.Errorf("%s: url is empty: %w", e.Target(), ErrConfig)
	}
	h := &httpServer{name: e.Target(), check: e.check(), url: strings.TrimRight(e.Config.URL, "/")}
	h.user, h.password = e.account()
	h.apiKey = e.apiKey()
	h.rc = resty.New().SetBaseURL(h.url).SetTimeout(opts.Timeout).SetLogger(silentResty{}).
		SetResponseBodyLimit(maxAnswer).SetRedirectPolicy(resty.NoRedirectPolicy()).SetTransport(secure.Web(e.Config.TLS))
	return h, nil
}

// silentResty keeps the client from writing to stderr; what it has to say comes as errors.
type silentResty struct{}

func (silentResty) Errorf(string, ...any) {}
func (silentResty) Warnf(string, ...any)  {}
func (silentResty) Debugf(string, ...any) {}

func (h *httpServer) close() { h.rc.GetClient().CloseIdleConnections() }

// statusError is an answer that is not the one hoped for.
type statusError struct {
	Code int
	text string
}

func (e *statusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.Code, e.text) }

func isStatus(err error, codes ...int) bool {
	var se *statusError
	if !errors.As(err, &se) {
		return false
	}
	for _, c := range codes {
		if se.Code == c {
			return true
		}
	}
	return false
}

// call sends body as JSON (none when nil) and decodes a 2xx answer into out (unless nil).
func (h *httpServer) call(ctx context.Context, method, path string, body, out any) error {
	secret := h.password
	if h.apiKey != "" {
		secret = h.apiKey
	}
	password, err := resolve(secret)
	if err != nil {
		return fmt.Errorf("%s: %w", h.name, err)
	}
	h.vault.add(password)
	r := h.rc.R().SetContext(ctx).SetHeader("Accept", "application/json")
	switch {
	case h.apiKey != "":
		r.SetHeader("Authorization", "ApiKey "+password)
	case h.user != "":
		r.SetBasicAuth(h.user, password)
	}
	if body != nil {
		r.SetHeader("Content-Type", "application/json").SetBody(body)
	}
	answer, err := r.Execute(method, path)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return fmt.Errorf("%s: %s %s: %w", h.name, method, path, err)
		}
		return fmt.Errorf("%s: %s %s: %w: %s", h.name, method, path, ErrUnreachable, h.vault.fit(secure.Explain(nil, err).Error()))
	}
	if !answer.IsSuccess() {
		hint := ""
		if code := answer.StatusCode(); code == http.StatusUnauthorized || code == http.StatusForbidden {
			hint = h.check
		}
		return fmt.Errorf("%s: %s %s: %w%s", h.name, method, path,
			&statusError{Code: answer.StatusCode(), text: brief(h.vault.scrub(answer.String()))}, hint)
	}
	if out == nil {
		return nil
	}
	err = guard.JSON(answer.Body(), out)
	if errors.Is(err, guard.ErrTooMuch) {
		return fmt.Errorf("%s: %s %s: %w: %w", h.name, method, path, ErrUnreachable, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %s %s: the answer is not the JSON expected: %w (%s)", h.name, method, path, err, brief(h.vault.scrub(answer.String())))
	}
	return nil
}

// brief is an answer in one line.
func brief(s string) string { return guard.Text(strings.Join(strings.Fields(s), " "), maxText) }
