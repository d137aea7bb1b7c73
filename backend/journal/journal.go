package journal

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite" // also the driver "sqlite"
)

// Kind says what an entry is about.
type Kind string

// Entry kinds.
const (
	RunOpened   Kind = "run-opened"
	StepIntent  Kind = "step-intent"
	StepOutcome Kind = "step-outcome"
	RunFact     Kind = "run-fact"
	RunResumed  Kind = "run-resumed"
	RunClosed   Kind = "run-closed"
	Operator    Kind = "operator"
)

// Entry is one line of the journal. Body is JSON. Hash covers everything before it.
type Entry struct {
	Seq  int64           `json:"seq"`
	At   time.Time       `json:"at"`
	Run  string          `json:"run,omitempty"`
	Kind Kind            `json:"kind"`
	Body json.RawMessage `json:"body"`
	Prev string          `json:"prev"`
	Hash string          `json:"hash"`
}

// Journal is an open journal. Safe for concurrent use, by several processes too.
type Journal struct {
	dir string
	db  *sql.DB
	now func() time.Time
	mu  sync.Mutex
}

const schema = `
CREATE TABLE IF NOT EXISTS entries(
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, run TEXT NOT NULL, kind TEXT NOT NULL,
  body TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS entries_run ON entries(run, seq);
CREATE TABLE IF NOT EXISTS memory(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS entries_no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS entries_no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
`

// Open opens or creates the journal in dir (mode 0700). The error names the
// directory and what to do when it cannot be written.
func Open(ctx context.Context, dir string, now func() time.Time) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, dirError(dir, err)
	}
	f, err := os.CreateTemp(dir, ".write-test-*")
	if err != nil {
		return nil, dirError(dir, err)
	}
	_, werr := f.Write(make([]byte, 4096))
	_ = f.Close()
	_ = os.Remove(f.Name())
	if werr != nil {
		return nil, dirError(dir, werr)
	}
	path := filepath.Join(dir, "journal.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	if err := prepare(ctx, db); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open journal %s: %w; if the file is damaged, move it away and keep it as evidence", path, err)
	}
	return &Journal{dir: dir, db: db, now: now}, nil
}

// prepare makes the tables. Two consoles that open a new journal at the same moment get in
// each other's way when it is turned to write-ahead logging, and there SQLite does not
// wait by itself: the one that came second tries again.
func prepare(ctx context.Context, db *sql.DB) error {
	const tries, pause = 100, 50 * time.Millisecond
	for i := 1; ; i++ {
		_, err := db.ExecContext(ctx, schema)
		var e *sqlite.Error
		if !errors.As(err, &e) || e.Code()&0xff != busy || i == tries {
			return err
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
	}
}

// busy is SQLITE_BUSY, the primary result code (sqlite.org/rescode.html).
const busy = 5

func dirError(dir string, err error) error {
	return fmt.Errorf("state directory %s cannot be written: %w; free space, mend its permissions, or set $DUTYOPS_STATE to another directory", dir, err)
}

// Dir is the state directory.
func (j *Journal) Dir() string { return j.dir }

// Close closes the database.
func (j *Journal) Close() error { return j.db.Close() }

// Append writes one entry and returns when it is on disk.
func (j *Journal) Append(ctx context.Context, run string, kind Kind, body any) (Entry, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return Entry{}, fmt.Errorf("journal %s: %w", kind, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return Entry{}, fmt.Errorf("journal %s: %w", kind, err)
	}
	defer func() { _ = tx.Rollback() }()
	e := Entry{Run: run, Kind: kind, Body: b, At: j.now().UTC().Truncate(time.Microsecond)}
	err = tx.QueryRowContext(ctx, `SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1`).Scan(&e.Seq, &e.Prev)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Entry{}, fmt.Errorf("journal %s: %w", kind, err)
	}
	e.Seq++
	e.Hash = digest(e)
	if _, err = tx.ExecContext(ctx, `INSERT INTO entries(seq,at,run,kind,body,prev,hash) VALUES(?,?,?,?,?,?,?)`,
		e.Seq, e.At.Format(time.RFC3339Nano), e.Run, string(e.Kind), string(e.Body), e.Prev, e.Hash); err != nil {
		return Entry{}, dirError(j.dir, fmt.Errorf("journal %s: %w", kind, err))
	}
	if err := tx.Commit(); err != nil {
		return Entry{}, dirError(j.dir, fmt.Errorf("journal %s: %w", kind, err))
	}
	return e, nil
}

func digest(e Entry) string {
	h := sha256.New()
	for _, s := range []string{fmt.Sprint(e.Seq), e.At.Format(time.RFC3339Nano), e.Run, string(e.Kind), string(e.Body), e.Prev} {
		fmt.Fprintf(h, "%d:%s;", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Entries returns the entries of one run, or all when run is "", in order.
func (j *Journal) Entries(ctx context.Context, run string) ([]Entry, error) {
	rows, err := j.db.QueryContext(ctx, `SELECT seq,at,run,kind,body,prev,hash FROM entries WHERE ?1='' OR run=?1 ORDER BY seq`, run)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Entry
	for rows.Next() {
		var e Entry
		var at, body string
		if err := rows.Scan(&e.Seq, &at, &e.Run, &e.Kind, &body, &e.Prev, &e.Hash); err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		if e.At, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return nil, fmt.Errorf("read journal: entry %d: %w", e.Seq, err)
		}
		e.Body = json.RawMessage(body)
		out = append(out, e)
	}
	return out, rows.Err()
}

// Verify walks the whole chain. A broken chain is reported as *ChainError with the
// first entry that does not fit; n is the number of entries that do.
func (j *Journal) Verify(ctx context.Context) (n int, err error) {
	es, err := j.Entries(ctx, "")
	if err != nil {
		return 0, err
	}
	prev, seq := "", int64(0)
	for _, e := range es {
		switch {
		case e.Seq != seq+1:
			return n, &ChainError{Seq: e.Seq, What: fmt.Sprintf("entries %d to %d are missing", seq+1, e.Seq-1)}
		case e.Prev != prev:
			return n, &ChainError{Seq: e.Seq, What: "it does not follow the entry before it"}
		case digest(e) != e.Hash:
			return n, &ChainError{Seq: e.Seq, What: "its content was changed after it was written"}
		}
		prev, seq = e.Hash, e.Seq
		n++
	}
	return n, nil
}

// ChainError says where the hash chain breaks.
type ChainError struct {
	Seq  int64
	What string
}

func (e *ChainError) Error() string { return fmt.Sprintf("journal entry %d: %s", e.Seq, e.What) }

// Remember keeps a small fact under a key until it is remembered anew. Not part of the chain.
func (j *Journal) Remember(ctx context.Context, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("remember %s: %w", key, err)
	}
	_, err = j.db.ExecContext(ctx, `INSERT INTO memory(key,value) VALUES(?,?) ON CONFLICT(key) DO UPDATE SET value=excluded.value`, key, string(b))
	if err != nil {
		return fmt.Errorf("remember %s: %w", key, err)
	}
	return nil
}

// Recall fills v with what was remembered; ok is false when there is nothing.
func (j *Journal) Recall(ctx context.Context, key string, v any) (ok bool, err error) {
	var s string
	err = j.db.QueryRowContext(ctx, `SELECT value FROM memory WHERE key=?`, key).Scan(&s)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("recall %s: %w", key, err)
	}
	if err := json.Unmarshal([]byte(s), v); err != nil {
		return false, fmt.Errorf("recall %s: %w", key, err)
	}
	return true, nil
}

// Forget drops a key.
func (j *Journal) Forget(ctx context.Context, key string) error {
	if _, err := j.db.ExecContext(ctx, `DELETE FROM memory WHERE key=?`, key); err != nil {
		return fmt.Errorf("forget %s: %w", key, err)
	}
	return nil
}
