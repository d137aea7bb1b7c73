package bizd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// FlightsSchema makes monitoring's table. It is for whoever sets the site up; a
// replica gets it by replication.
const FlightsSchema = `CREATE TABLE IF NOT EXISTS ops.flights (flight VARCHAR(64) PRIMARY KEY, version BIGINT NOT NULL, doc TEXT NOT NULL, updated_at DATETIME(3) NOT NULL, KEY (updated_at))`

// FlightsIndex is monitoring's Elasticsearch index.
const FlightsIndex = "flights"

// MonitoringOptions configures the monitoring subsystem.
type MonitoringOptions struct {
	// Listen is host:port; "" = a free port on 127.0.0.1.
	Listen  string
	Brokers []string
	Topic   string
	MySQL   SQL
	// Elasticsearch, with its account.
	ElasticsearchURL, User, Password string
	// Flush is how often changes are written; 0 = 1 s.
	Flush  time.Duration
	Logger *slog.Logger
}

// Monitoring is the subsystem that shows where every flight stands. It serves
// GET /flights?limit=N and GET /healthz. Safe for concurrent use.
type Monitoring struct {
	*service
	o     MonitoringOptions
	table *table
	kafka *kgo.Client
	http  *http.Client
}

// message is what travels through Kafka.
type message struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Flight  string          `json:"flight"`
	Version int64           `json:"version"`
	Payload json.RawMessage `json:"payload"`
	At      time.Time       `json:"at"`
}

// flightDoc is one flight: the newest of each kind.
type flightDoc struct {
	Flight  string            `json:"flight"`
	Version int64             `json:"version"`
	Updated time.Time         `json:"updated_at"`
	Kinds   map[string]aspect `json:"kinds"`
}

type aspect struct {
	Version int64           `json:"version"`
	Payload json.RawMessage `json:"payload"`
	At      time.Time       `json:"at"`
}

// StartMonitoring serves and consumes until Close. It does not wait for its stores.
func StartMonitoring(o MonitoringOptions) (*Monitoring, error) {
	if o.Flush == 0 {
		o.Flush = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	db, err := o.MySQL.open()
	if err != nil {
		return nil, err
	}
	m := &Monitoring{o: o, table: newTable(db, "ops.flights", "flight")}
	m.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}, Timeout: 2 * time.Second}
	m.kafka, err = kgo.NewClient(
		kgo.SeedBrokers(o.Brokers...), kgo.ConsumeTopics(o.Topic), kgo.ClientID("monitoring"), kgo.DisableClientMetrics(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(time.Second),
		kgo.MetadataMinAge(500*time.Millisecond),
		kgo.DialTimeout(time.Second), kgo.RetryBackoffFn(func(int) time.Duration { return 250 * time.Millisecond }),
	)
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("monitoring: %w", err)
	}
	if m.service, err = newService("monitoring", o.Listen); err != nil {
		m.kafka.Close()
		_ = db.Close()
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /flights", m.flights)
	mux.HandleFunc("GET /healthz", m.healthz)
	m.serve(mux)
	m.wg.Go(m.consume)
	m.wg.Go(m.write)
	return m, nil
}

// Close stops it, bounded by the time-outs of what is under way.
func (m *Monitoring) Close() error {
	return m.close(func() {
		m.kafka.Close()
		m.http.CloseIdleConnections()
		_ = m.table.db.Close() // nothing is buffered in it
	})
}

func (m *Monitoring) consume() {
	for m.ctx.Err() == nil {
		fetches := m.kafka.PollFetches(m.ctx)
		fetches.EachError(func(topic string, _ int32, err error) {
			if m.ctx.Err() == nil {
				m.o.Logger.Debug("monitoring: fetch", "topic", topic, "err", err)
			}
		})
		fetches.EachRecord(func(r *kgo.Record) {
			var msg message
			if json.Unmarshal(r.Value, &msg) == nil && msg.Flight != "" {
				m.take(msg)
			}
		})
	}
}

// take lays one message over its flight; an older version of a kind changes nothing.
func (m *Monitoring) take(msg message) {
	m.table.put(msg.Flight, func(old row) (row, bool) {
		doc := flightDoc{Flight: msg.Flight}
		if old.doc != "" {
			_ = json.Unmarshal([]byte(old.doc), &doc) // we wrote it
		}
		if doc.Kinds == nil {
			doc.Kinds = map[string]aspect{}
		}
		if had, ok := doc.Kinds[msg.Kind]; ok && had.Version >= msg.Version {
			return old, false
		}
		doc.Kinds[msg.Kind] = aspect{msg.Version, msg.Payload, msg.At}
		doc.Version = max(doc.Version, msg.Version)
		if msg.At.After(doc.Updated) {
			doc.Updated = msg.At
		}
		b, err := json.Marshal(doc)
		return row{version: doc.Version, doc: string(b), at: doc.Updated}, err == nil
	})
}

// write puts changes into the stores, the first ones soon: who has just begun shows what
// there is.
func (m *Monitoring) write() {
	soon := min(20*time.Millisecond, m.o.Flush)
	tick, began := time.NewTicker(soon), time.Now()
	defer tick.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-tick.C:
		}
		done, err := m.table.flush(m.ctx)
		if err != nil {
			m.o.Logger.Debug("monitoring: write", "err", err)
		}
		if err := m.index(done); err != nil {
			m.o.Logger.Debug("monitoring: index", "err", err)
		}
		if soon < m.o.Flush && (len(done) > 0 || time.Since(began) > m.o.Flush) {
			soon = m.o.Flush
			tick.Reset(soon)
		}
	}
}

// index puts the documents into Elasticsearch. A write block (a demoted store) or
// an outage loses nothing that MySQL does not have.
func (m *Monitoring) index(rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	var b bytes.Buffer
	for _, r := range rows {
		fmt.Fprintf(&b, "{\"index\":{\"_id\":%q,\"version\":%d,\"version_type\":\"external_gte\"}}\n%s\n", r.key, r.version, r.doc)
	}
	return m.elastic(m.ctx, http.MethodPost, "/"+FlightsIndex+"/_bulk", &b)
}

func (m *Monitoring) elastic(ctx context.Context, method, path string, body io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, method, m.o.ElasticsearchURL+path, body)
	if err != nil {
		return fmt.Errorf("elasticsearch: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-ndjson")
	}
	if m.o.User != "" {
		req.SetBasicAuth(m.o.User, m.o.Password)
	}
	res, err := m.http.Do(req)
	if err != nil {
		return fmt.Errorf("elasticsearch: %w", err)
	}
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection can be used again
	_ = res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("elasticsearch: %s", res.Status)
	}
	return nil
}

func (m *Monitoring) flights(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 {
		limit = 20
	}
	ctx, cancel := context.WithTimeout(r.Context(), readBudget)
	defer cancel()
	docs, err := m.table.docs(ctx, min(limit, 1000))
	serveDocs(w, "flights", docs, err)
}

// serveDocs answers with the documents as they are stored.
func serveDocs(w http.ResponseWriter, what string, docs []string, err error) {
	if err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": err.Error()})
		return
	}
	out := make([]json.RawMessage, len(docs))
	for i, d := range docs {
		out[i] = json.RawMessage(d)
	}
	writeJSON(w, http.StatusOK, map[string]any{what: out})
}

func (m *Monitoring) healthz(w http.ResponseWriter, r *http.Request) {
	status, h := check(r.Context(), map[string]part{
		"mysql": {needed: true, ask: func(ctx context.Context) error {
			_, err := m.table.docs(ctx, 1)
			return err
		}},
		"elasticsearch": {ask: func(ctx context.Context) error {
			return m.elastic(ctx, http.MethodGet, "/_cluster/health", nil)
		}},
		"kafka": {ask: m.kafka.Ping},
	})
	writeJSON(w, status, h)
}
