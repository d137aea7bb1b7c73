package searchd

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// version is the release this server says it is.
const version = "8.15.0"

// Options of Start.
type Options struct {
	// Name of the node; ClusterName of its cluster.
	Name, ClusterName string
	// User and Password for basic authentication; an empty User asks for none.
	User, Password string
	// Listen is the address to serve on; "" is a free port of 127.0.0.1.
	Listen string
	// RemoteAllow is reindex.remote.whitelist: "host:port" patterns in which * stands
	// for anything. nil allows no remote, as the real default does.
	RemoteAllow []string
	// Replicas is the number_of_replicas of an index made without saying. A single
	// node with replicas to place is yellow for ever; 0 keeps it green.
	Replicas int
	// KeepDocs is how many documents an index keeps: as by a lifecycle policy the one
	// that was written longest ago goes. 0 keeps all.
	KeepDocs int
}

// Server is a running node. All methods are safe for concurrent use.
type Server struct {
	o           Options
	clusterUUID string
	nodeID      string
	url         string
	srv         *http.Server
	client      *http.Client
	ctx         context.Context
	cancel      context.CancelFunc
	wg          sync.WaitGroup
	once        sync.Once
	err         error
	password    atomic.Pointer[string] // of Options.User, as it is now

	mu       sync.RWMutex
	indices  map[string]*index
	health   string // "" = computed
	readOnly bool

	tasks tasks
}

// Start serves until Close.
func Start(o Options) (*Server, error) {
	if o.Name == "" {
		o.Name = "node-1"
	}
	if o.ClusterName == "" {
		o.ClusterName = "elasticsearch"
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("search %s: cannot listen on %s (is the port in use?): %w", o.Name, o.Listen, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		o: o, clusterUUID: uuid(), nodeID: uuid(),
		url: "http://" + ln.Addr().String(),
		ctx: ctx, cancel: cancel,
		client: &http.Client{Transport: &http.Transport{
			MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
			DialContext: (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		}},
		indices: map[string]*index{},
	}
	s.SetPassword(o.Password)
	s.tasks.init()
	s.srv = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.wg.Go(func() {
		if err := s.srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.err = fmt.Errorf("search %s: %w", o.Name, err)
		}
	})
	return s, nil
}

// URL is the base URL, without a slash at the end.
func (s *Server) URL() string { return s.url }

// SetHealth makes _cluster/health say green, yellow or red whatever the indices
// are; "" goes back to what follows from them. Another word is ignored.
func (s *Server) SetHealth(status string) {
	if !slices.Contains([]string{"", "green", "yellow", "red"}, status) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health = status
}

// SetReadOnly puts every index, also later ones, into the state of a node whose
// disk is full: settings say read_only_allow_delete and writes are answered with
// 429 cluster_block_exception, as version 8 does. It is apart from
// index.blocks.write, which is set over REST and answered with 403.
func (s *Server) SetReadOnly(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readOnly = on
}

// Each calls fn for every document of an index, in order of writing: the
// sandbox's own truth, past the network. fn must not call the Server.
func (s *Server) Each(name string, fn func(id string, version int64, source json.RawMessage)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if ix := s.indices[name]; ix != nil {
		for _, e := range ix.seqs().entries {
			fn(e.d.id, e.d.version, e.d.source)
		}
	}
}

// Close stops serving and every running task. It may be called more than once.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.cancel()
		if err := s.srv.Close(); err != nil && s.err == nil {
			s.err = err
		}
		s.wg.Wait()
		s.client.CloseIdleConnections()
	})
	return s.err
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	if !s.allowed(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="security", charset="UTF-8"`)
		reply(w, r, http.StatusUnauthorized, apiErr(http.StatusUnauthorized, "security_exception",
			"unable to authenticate user for REST request ["+r.URL.Path+"]").document())
		return
	}
	status, body, err := s.route(w, r)
	if err != nil {
		var e *apiError
		if !errors.As(err, &e) {
			e = apiErr(http.StatusInternalServerError, "exception", err.Error())
		}
		reply(w, r, e.status, e.document())
		return
	}
	reply(w, r, status, body)
}

// SetPassword changes the password of Options.User.
func (s *Server) SetPassword(password string) { s.password.Store(&password) }

func (s *Server) allowed(r *http.Request) bool {
	if s.o.User == "" {
		return true
	}
	user, password, ok := r.BasicAuth()
	given, want := sha256.Sum256([]byte(user+"\x00"+password)), sha256.Sum256([]byte(s.o.User+"\x00"+*s.password.Load()))
	return subtle.ConstantTimeCompare(given[:], want[:]) == 1 && ok
}

// reply writes one JSON document, in the content type the client asked for.
func reply(w http.ResponseWriter, r *http.Request, status int, body any) {
	ct := "application/json"
	if strings.Contains(r.Header.Get("Accept"), "vnd.elasticsearch+json") {
		ct = "application/vnd.elasticsearch+json;compatible-with=8"
	}
	if text, ok := body.(string); ok {
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text)) // the client went away: nobody left to tell
		return
	}
	w.Header().Set("Content-Type", ct)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(body) // as above
	}
}

// apiError is an error as the REST interface shows it.
type apiError struct {
	status       int
	kind, reason string
	index        string
}

func apiErr(status int, kind, reason string) *apiError {
	return &apiError{status: status, kind: kind, reason: reason}
}

func badRequest(kind, format string, args ...any) *apiError {
	return apiErr(http.StatusBadRequest, kind, fmt.Sprintf(format, args...))
}

// Error is type and reason.
func (e *apiError) Error() string { return e.kind + ": " + e.reason }

func (e *apiError) cause() map[string]any {
	m := map[string]any{"type": e.kind, "reason": e.reason}
	if e.index != "" {
		m["index"] = e.index
	}
	return m
}

func (e *apiError) document() map[string]any {
	top := maps.Clone(e.cause())
	top["root_cause"] = []any{e.cause()}
	return map[string]any{"error": top, "status": e.status}
}

// uuid is an id of the form Elasticsearch gives to nodes, indices and documents.
func uuid() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
