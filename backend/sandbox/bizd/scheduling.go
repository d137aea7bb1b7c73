package bizd

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// TasksSchema makes scheduling's table; see FlightsSchema.
const TasksSchema = `CREATE TABLE IF NOT EXISTS ops.tasks (id VARCHAR(64) PRIMARY KEY, version BIGINT NOT NULL, doc TEXT NOT NULL, updated_at DATETIME(3) NOT NULL, KEY (updated_at))`

// SchedulingOptions configures the scheduling subsystem.
type SchedulingOptions struct {
	// Listen is host:port; "" = a free port on 127.0.0.1.
	Listen string
	// Data is the site's data MySQL, which is only read; MySQL is scheduling's own.
	Data, MySQL SQL
	// Feeds whose messages are read from Data.
	Feeds []string
	// Redis address and password.
	Redis, RedisPassword string
	// Every is how often Data is read; 0 = 2 s.
	Every  time.Duration
	Logger *slog.Logger
}

// Scheduling is the subsystem that tells the crews what to do next. It serves
// GET /tasks?limit=N and GET /healthz. Safe for concurrent use.
type Scheduling struct {
	*service
	o     SchedulingOptions
	data  *sql.DB
	table *table
	redis *redis.Client
	seen  map[string]string // feed -> newest id; only run uses it
}

// task is what a crew does for a flight next.
type task struct {
	ID      string          `json:"id"`
	Flight  string          `json:"flight"`
	Task    string          `json:"task"`
	Version int64           `json:"version"`
	Detail  json.RawMessage `json:"detail"`
	Updated time.Time       `json:"updated_at"`
}

// taskOf maps a message's kind to the work it causes.
var taskOf = map[string]string{
	"flight-times":     "re-time crew",
	"milestones":       "next milestone",
	"passenger-counts": "boarding bus",
	"stands":           "tow",
	"baggage":          "unload baggage",
}

// StartScheduling serves and reads until Close. It does not wait for its stores.
func StartScheduling(o SchedulingOptions) (*Scheduling, error) {
	if o.Every == 0 {
		o.Every = 2 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Scheduling{o: o, seen: map[string]string{}}
	for _, f := range o.Feeds {
		s.seen[f] = f + "-" // ids are FEED-000000042: in the order of sending, by primary key
	}
	data, err := o.Data.open()
	if err != nil {
		return nil, err
	}
	own, err := o.MySQL.open()
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	s.data, s.table = data, newTable(own, "ops.tasks", "id")
	s.redis = redis.NewClient(&redis.Options{
		Addr: o.Redis, Password: o.RedisPassword, Protocol: 2, DisableIdentity: true,
		DialTimeout: healthBudget, ReadTimeout: healthBudget, WriteTimeout: healthBudget,
		MaxRetries: -1, ContextTimeoutEnabled: true,
		// One try, and it never gets to redialling behind our back: that outlives Close.
		DialerRetries: 1, PoolSize: 1 << 10,
	})
	if s.service, err = newService("scheduling", o.Listen); err != nil {
		s.release()
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tasks", s.tasks)
	mux.HandleFunc("GET /healthz", s.healthz)
	s.serve(mux)
	s.wg.Go(s.run)
	return s, nil
}

// Close stops it, bounded by the time-outs of what is under way.
func (s *Scheduling) Close() error { return s.close(s.release) }

func (s *Scheduling) release() {
	_ = s.redis.Close() // nothing is buffered in these
	_ = s.data.Close()
	_ = s.table.db.Close()
}

func (s *Scheduling) run() {
	tick := time.NewTicker(s.o.Every)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		for _, feed := range s.o.Feeds {
			if err := s.read(feed); err != nil {
				s.o.Logger.Debug("scheduling: read", "feed", feed, "err", err)
			}
		}
		done, err := s.table.flush(s.ctx)
		if err != nil {
			s.o.Logger.Debug("scheduling: write", "err", err)
		}
		if len(done) > 0 {
			err := s.redis.Set(s.ctx, "scheduling:newest", done[0].key, time.Minute).Err()
			if err != nil {
				s.o.Logger.Debug("scheduling: redis", "err", err)
			}
		}
	}
}

// read turns the messages that are new in the data platform into tasks.
func (s *Scheduling) read(feed string) (err error) {
	ctx, cancel := context.WithTimeout(s.ctx, 2*time.Second)
	defer cancel()
	rows, err := s.data.QueryContext(ctx,
		"SELECT id, kind, flight, version, payload FROM ops.messages WHERE id > ? AND id < ? ORDER BY id LIMIT 1000",
		s.seen[feed], feed+".")
	if err != nil {
		return fmt.Errorf("data mysql: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var version int64
		var id, kind, flight, payload string
		if err := rows.Scan(&id, &kind, &flight, &version, &payload); err != nil {
			return fmt.Errorf("data mysql: %w", err)
		}
		s.take(kind, flight, version, payload)
		s.seen[feed] = id
	}
	return rows.Err()
}

func (s *Scheduling) take(kind, flight string, version int64, payload string) {
	now := time.Now()
	s.table.put("T-"+flight, func(old row) (row, bool) {
		if old.version >= version {
			return old, false
		}
		detail := json.RawMessage(payload)
		if !json.Valid(detail) {
			detail = json.RawMessage("null")
		}
		b, err := json.Marshal(task{"T-" + flight, flight, taskOf[kind], version, detail, now})
		return row{version: version, doc: string(b), at: now}, err == nil
	})
}

func (s *Scheduling) tasks(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 {
		limit = 20
	}
	ctx, cancel := context.WithTimeout(r.Context(), readBudget)
	defer cancel()
	docs, err := s.table.docs(ctx, min(limit, 1000))
	serveDocs(w, "tasks", docs, err)
}

func (s *Scheduling) healthz(w http.ResponseWriter, r *http.Request) {
	status, h := check(r.Context(), map[string]part{
		"mysql": {needed: true, ask: func(ctx context.Context) error {
			_, err := s.table.docs(ctx, 1)
			return err
		}},
		"redis":      {ask: func(ctx context.Context) error { return s.redis.Ping(ctx).Err() }},
		"data mysql": {ask: s.data.PingContext},
	})
	writeJSON(w, status, h)
}
