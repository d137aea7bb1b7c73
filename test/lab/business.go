//go:build integration

package lab

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// business is the monitoring subsystem of one site, in process: it serves flights from
// its own site's MariaDB, and writes to it (and to Redis) whenever they accept writes,
// without knowing whether its site serves (mission A2: nobody changes configuration).
type business struct {
	site *Site
	// URL answers /healthz (200 while MariaDB answers within half a second) and /flights.
	URL string
	// MessagesURL answers /healthz for the data platform.
	MessagesURL string

	db      *sql.DB
	servers []*http.Server
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// flight is one row as users get it.
type flight struct {
	Flight  string `json:"flight"`
	Version int64  `json:"version"`
	Doc     string `json:"doc"`
}

func startBusiness(ctx context.Context, site *Site) (*business, error) {
	db, err := site.Maria.appDB()
	if err != nil {
		return nil, err
	}
	b := &business{site: site, db: db}
	if err := b.Start(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return b, nil
}

// Start serves and writes, for the first time or after Kill, at the same addresses; one
// that runs is left alone.
func (b *business) Start(ctx context.Context) error {
	if b.cancel != nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", b.health)
	mux.HandleFunc("GET /flights", b.flights)
	messages := http.NewServeMux()
	messages.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, `{"ok":true}`) })
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b.cancel = cancel
	for url, h := range map[*string]http.Handler{&b.URL: mux, &b.MessagesURL: messages} {
		if err := b.serve(ctx, url, h); err != nil {
			b.Kill()
			return err
		}
	}
	b.wg.Go(func() { b.write(work) })
	return nil
}

// serve answers at url, which is filled in when it is empty.
func (b *business) serve(ctx context.Context, url *string, h http.Handler) error {
	if *url == "" {
		ports, err := loopbackPorts(ctx, 1)
		if err != nil {
			return err
		}
		*url = "http://" + local(ports[0])
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", strings.TrimPrefix(*url, "http://"))
	if err != nil {
		return err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	b.servers = append(b.servers, s)
	b.wg.Go(func() { _ = s.Serve(l) }) // ends with Kill
	return nil
}

// Kill ends it at once; Start brings it back.
func (b *business) Kill() {
	if b.cancel != nil {
		b.cancel()
	}
	for _, s := range b.servers {
		_ = s.Close()
	}
	b.wg.Wait()
	b.cancel, b.servers = nil, nil
}

func (b *business) close() {
	b.Kill()
	_ = b.db.Close()
}

func (b *business) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 300*time.Millisecond)
	defer cancel()
	var n int
	if err := b.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM ops.flights").Scan(&n); err != nil {
		http.Error(w, "the flight store does not answer: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintf(w, `{"ok":true,"flights":%d}`+"\n", n)
}

func (b *business) flights(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 500*time.Millisecond)
	defer cancel()
	rows, err := b.db.QueryContext(ctx, "SELECT flight, version, doc FROM ops.flights ORDER BY flight LIMIT 100")
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer func() { _ = rows.Close() }()
	list := []flight{}
	for rows.Next() {
		var f flight
		if err := rows.Scan(&f.Flight, &f.Version, &f.Doc); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		list = append(list, f)
	}
	if rows.Err() != nil {
		http.Error(w, rows.Err().Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list) // the client went away: nobody left to tell
}

// write updates a flight twenty times a second; a store that refuses is simply not ours.
func (b *business) write(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		name := fmt.Sprintf("MU51%02d", i%40)
		one, cancel := context.WithTimeout(ctx, time.Second)
		if _, err := b.db.ExecContext(one, "INSERT INTO ops.flights VALUES (?, 1, ?, NOW(3)) ON DUPLICATE KEY UPDATE version = version + 1, doc = VALUES(doc), updated_at = NOW(3)",
			name, `{"stand":"B12","written_by":"`+b.site.Name+`"}`); err == nil {
			_ = b.site.Redis.Client().Set(one, "flight:"+name, b.site.Name, 0).Err() // refused by a replica
		}
		cancel()
	}
}
