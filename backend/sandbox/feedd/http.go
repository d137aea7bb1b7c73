package feedd

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Limits of GET /messages.
const (
	defaultLimit = 500
	maxLimit     = 5000
)

// Page is what GET /messages answers.
type Page struct {
	Feed     string    `json:"feed"`
	Messages []Message `json:"messages"`
	// LastSeq is the newest message of the feed, on this page or not; 0 is none.
	LastSeq int64 `json:"last_seq"`
}

// Switch is the document of GET and PUT /switch.
type Switch struct {
	Attached string `json:"attached"`
}

func (f *Feed) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /messages", f.getMessages)
	mux.HandleFunc("GET /switch", f.getSwitch)
	mux.HandleFunc("PUT /switch", f.putSwitch)
	return mux
}

// getMessages answers GET /messages?site=SITE&after=SEQ&limit=N: 409 unless the
// feed is attached to SITE.
func (f *Feed) getMessages(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, err := number(q.Get("after"), 0)
	if err != nil {
		fail(w, http.StatusBadRequest, "after: "+err.Error())
		return
	}
	limit, err := number(q.Get("limit"), defaultLimit)
	if err != nil || limit == 0 {
		fail(w, http.StatusBadRequest, fmt.Sprintf("limit: expected 1 to %d", maxLimit))
		return
	}
	site := q.Get("site")
	if site == "" {
		fail(w, http.StatusBadRequest, "site: which site is asking?")
		return
	}
	attached, page, err := f.page(after, min(limit, maxLimit))
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	if attached != site {
		where := "to no site"
		if attached != "" {
			where = "to " + attached
		}
		fail(w, http.StatusConflict, fmt.Sprintf("feed %s is attached %s, not to %s", f.name, where, site))
		return
	}
	reply(w, http.StatusOK, page)
}

// page is the feed as it stands: whom it serves, and the messages after a number.
func (f *Feed) page(after, limit int64) (attached string, p Page, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := int64(len(f.sent.entries))
	from := min(after, n)
	p = Page{Feed: f.name, LastSeq: n}
	p.Messages, err = f.sent.slice(from, min(from+limit, n))
	return f.attached, p, err
}

func (f *Feed) getSwitch(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, Switch{Attached: f.Attached()})
}

// putSwitch attaches the feed to another site, or to none; doing it twice is fine.
func (f *Feed) putSwitch(w http.ResponseWriter, r *http.Request) {
	if f.token != "" {
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(f.token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			fail(w, http.StatusUnauthorized, "a valid bearer token is needed to move the feed")
			return
		}
	}
	var want struct {
		Attached *string `json:"attached"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&want)
	if err != nil || want.Attached == nil {
		fail(w, http.StatusBadRequest, `expected {"attached":"SITE"}, or "" for no site`)
		return
	}
	f.Attach(*want.Attached)
	reply(w, http.StatusOK, Switch{Attached: *want.Attached})
}

func number(s string, byDefault int64) (int64, error) {
	if s == "" {
		return byDefault, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("expected a whole number from 0, got %q", s)
	}
	return n, nil
}

func fail(w http.ResponseWriter, status int, text string) {
	reply(w, status, map[string]string{"error": text})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nobody left to tell
}
