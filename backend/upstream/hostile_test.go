package upstream

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/dutyops/dutyops/backend/config"
)

// TestHostileServers: whatever is answered, the job and the feed come back with one printable
// line, without the secret, and without having made room for more than may be read.
func TestHostileServers(t *testing.T) {
	secret := rand.Text()
	t.Setenv("PW", secret)
	evil := "\x1b[2J\u202e" + secret + strings.Repeat("x", 2000)
	quoted, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		status  int
		body    string
		forever string // what comes again and again behind body
		head    bool   // in a header
		want    string
	}{
		"closes":        {status: 0, want: "it does not answer"},
		"not JSON":      {status: 200, body: evil, want: "not the JSON expected (.[2J"},
		"a refusal":     {status: 500, body: evil, want: "HTTP 500: .[2J"},
		"deep":          {status: 200, body: strings.Repeat(`{"jobs":[`, 400_000), want: "the answer is larger than any can be"},
		"a wide job":    {status: 200, body: `{"jobs":[{"attached":[0` + strings.Repeat(",0", 1_200_000) + "]}]}", want: "the answer is larger than any can be"},
		"without end":   {status: 200, body: `{"jobs":[{}`, forever: ",{}", want: "it does not answer"},
		"one long head": {status: 200, forever: "a", head: true, want: "it does not answer"},
		"evil fields":   {status: 200, body: `{"attached":` + string(quoted) + `,"jobs":[{"jid":"a","name":"ingest","state":` + string(quoted) + `}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.status == 0 || c.head {
					conn, _, err := w.(http.Hijacker).Hijack()
					if err != nil {
						return
					}
					defer func() { _ = conn.Close() }()
					for again := c.head; again; {
						_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nA: "+strings.Repeat(c.forever, 60_000))
						again = err == nil
					}
					return
				}
				w.WriteHeader(c.status)
				_, err := io.WriteString(w, c.body)
				for err == nil && c.forever != "" {
					_, err = io.WriteString(w, strings.Repeat(c.forever, 20_000))
				}
			}))
			defer srv.Close()
			opts := Options{Timeout: 30 * time.Second}
			job, err := NewJob(config.Component{Name: "flink", URL: srv.URL, User: "duty", Password: "env:PW", Job: config.Job{Name: "ingest"}}, opts)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = job.Close() }()
			feed, err := NewFeed(config.Upstream{Name: "feed", Switch: config.FeedSwitch{URL: srv.URL, Token: "env:PW"}}, opts)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = feed.Close() }()
			for what, ask := range map[string]func() (string, error){
				"job": func() (string, error) {
					jobs, err := job.alive(t.Context())
					if len(jobs) == 0 {
						return "", err
					}
					return jobs[0].State, err
				},
				"feed": func() (string, error) { return feed.Attached(t.Context()) },
			} {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				said, err := ask()
				runtime.ReadMemStats(&after)
				if (err == nil) != (c.want == "") {
					t.Errorf("%s: %q, %v", what, said, err)
				}
				if err != nil {
					said = err.Error()
				}
				if !strings.Contains(said, c.want) || len(said) > 2*maxText || strings.ContainsFunc(said, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%s: %q, want %q", what, said, c.want)
				}
				if err != nil && strings.Contains(said, secret) {
					t.Errorf("%s shows the secret: %q", what, said)
				}
				if got := after.TotalAlloc - before.TotalAlloc; got > 8*maxList {
					t.Errorf("%s: %d MB were made room for", what, got>>20)
				}
			}
		})
	}
}

// TestManyJobs: jobs that have ended stay listed; the one that runs is found among them.
func TestManyJobs(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"jobs":[`+strings.Repeat(`{"jid":"00112233445566778899aabbccddeeff","name":"ingest","state":"FINISHED","start-time":1700000000000,"tasks":{"total":1,"finished":1}},`, 60_000)+
			`{"jid":"last","name":"ingest","state":"RUNNING"}]}`)
	}))
	defer srv.Close()
	job, err := NewJob(config.Component{Name: "flink", URL: srv.URL, Job: config.Job{Name: "ingest"}}, Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = job.Close() }()
	if id, ok, err := job.Running(t.Context()); id != "last" || !ok || err != nil {
		t.Errorf("%q %v %v", id, ok, err)
	}
}
