package dnstest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Vendor is what the fakes of APIs that change one record at a time have in common: one
// URL, signed requests, an action per request, faults.
type Vendor struct {
	// URL is the base URL to configure.
	URL string
	// KeyID and Secret are the only key accepted.
	KeyID, Secret string
	// Latency is added to every answer.
	Latency time.Duration
	// MaxPage is the largest page served; 0 = the vendor's.
	MaxPage int
	// AfterWrite is called after every write that changed a zone; it must not call the fake.
	AfterWrite func()
	// Stale is how many lists after a write still show the state before it.
	Stale int
	// MinTTL is the least TTL that the zone's edition takes; 0 = any.
	MinTTL uint32
	// RefuseIDs: writes of these records are refused with the text.
	RefuseIDs map[string]string

	srv    *httptest.Server
	mu     sync.Mutex
	zones  map[string]*Zone
	before map[string]*Zone
	log    []string
	seen   int
	now    int // requests running
	most   int
	fault  *Fault
	quit   chan struct{}
	once   sync.Once
}

func (v *Vendor) start(h http.Handler, zones []*Zone) {
	v.zones, v.before, v.quit = map[string]*Zone{}, map[string]*Zone{}, make(chan struct{})
	for _, z := range zones {
		v.zones[z.Name] = z
	}
	v.srv = httptest.NewServer(h)
	v.URL = v.srv.URL
}

// Close stops the fake and lets hanging requests go. A second call does nothing.
func (v *Vendor) Close() {
	v.once.Do(func() { close(v.quit) })
	v.srv.CloseClientConnections()
	v.srv.Close()
}

// Break sets the fault; nil heals.
func (v *Vendor) Break(f *Fault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen, v.fault = 0, f
}

// Log returns the actions asked for so far, and forgets them.
func (v *Vendor) Log() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.log
	v.log = nil
	return l
}

// Most returns the largest number of requests that ran at the same time.
func (v *Vendor) Most() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.most
}

func (v *Vendor) enter(action string) *Fault {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.log = append(v.log, action)
	v.now++
	v.most = max(v.most, v.now)
	v.seen++
	f := v.fault
	if f == nil || v.seen < f.First || f.Times >= 0 && v.seen >= max(f.First, 1)+max(f.Times, 1) {
		return nil
	}
	return f
}

// write changes a zone as one transaction.
func (v *Vendor) write(z *Zone, f func(t *Zone) error) error {
	was := z.Copy()
	if err := z.transact(f); err != nil {
		return err
	}
	v.mu.Lock()
	v.before[z.Name] = was
	v.mu.Unlock()
	if v.AfterWrite != nil {
		v.AfterWrite()
	}
	return nil
}

// view is what a list shows.
func (v *Vendor) view(z *Zone) *Zone {
	v.mu.Lock()
	defer v.mu.Unlock()
	if was := v.before[z.Name]; was != nil && v.Stale > 0 {
		v.Stale--
		return was
	}
	return z
}

// serve answers one request. do carries it out; refusal gives the vendor's answer to a
// fault.
func (v *Vendor) serve(w http.ResponseWriter, r *http.Request, action string, list bool, do func() answer, refusal map[string]answer) {
	f := v.enter(action)
	defer func() {
		v.mu.Lock()
		v.now--
		v.mu.Unlock()
	}()
	if v.Latency > 0 {
		pause(r.Context(), v.Latency)
	}
	if f == nil {
		send(w, do())
		return
	}
	a := answer{status: 200, body: map[string]any{"RequestId": "none"}}
	if f.Applied || list {
		a = do()
	}
	if no, ok := refusal[f.Kind]; ok {
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
		}
		send(w, no)
		return
	}
	switch f.Kind {
	case Garbage: // a broken proxy that echoes the request's headers
		_, _ = fmt.Fprintf(w, "\x00\x01%%%s<<<", r.Header.Get("Authorization"))
	case HTML:
		w.WriteHeader(http.StatusBadGateway)
		_, _ = fmt.Fprintf(w, "<html>bad gateway %s</html>", r.Header.Get("Authorization"))
	case HalfBody:
		b, _ := json.Marshal(a.body)
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b[:len(b)/2])
	case Hang:
		select {
		case <-r.Context().Done():
		case <-v.quit:
		}
	case Drop:
		panic(http.ErrAbortHandler)
	default:
		panic("dnstest: unknown fault " + f.Kind)
	}
}

// record finds a record by id in a zone under transaction.
func (z *Zone) byID(id string) *Record {
	for _, rs := range z.recs {
		for i := range rs {
			if rs[i].ID == id {
				return &rs[i]
			}
		}
	}
	return nil
}

func (z *Zone) remove(id string) {
	for n, rs := range z.recs {
		for i := range rs {
			if rs[i].ID == id {
				z.recs[n] = append(rs[:i:i], rs[i+1:]...)
				z.tidy(n)
				return
			}
		}
	}
}

// clash says whether a record of the type cannot stand beside what the name has: an alias
// stands alone (RFC 1034 section 3.6.2).
func (z *Zone) clash(name, typ string) bool {
	return slices.ContainsFunc(z.recs[name], func(r Record) bool {
		return !r.Disabled && r.Type != typ && (r.Type == "CNAME" || typ == "CNAME")
	})
}

// clashes is clash for a record that may be there already.
func (z *Zone) clashes(rec Record) bool {
	return slices.ContainsFunc(z.recs[rec.Name], func(r Record) bool {
		return r.ID != rec.ID && !r.Disabled && r.Line == rec.Line && r.Type != rec.Type && (r.Type == "CNAME" || rec.Type == "CNAME")
	})
}

// twin says whether another record equals r in name, type, line and content.
func (z *Zone) twin(r Record) bool {
	for _, x := range z.recs[r.Name] {
		if x.ID != r.ID && x.Type == r.Type && x.Line == r.Line && x.Content == r.Content {
			return true
		}
	}
	return false
}

// vendorError is an error of a vendor's API.
type vendorError struct{ code, msg string }

func (e vendorError) Error() string { return e.code + ": " + e.msg }

func codeOf(err error) vendorError {
	var e vendorError
	if errors.As(err, &e) {
		return e
	}
	return vendorError{"InternalError", err.Error()}
}

func owner(rr, zone string) string {
	if rr == "@" || rr == "" {
		return zone
	}
	return rr + "." + zone
}

func label(name, zone string) string {
	if name == zone {
		return "@"
	}
	return strings.TrimSuffix(name, "."+zone)
}

func readBody(r *http.Request) []byte {
	b, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		return nil
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return b
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func keyed(key, s string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(s))
	return string(m.Sum(nil))
}
