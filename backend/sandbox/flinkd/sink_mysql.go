package flinkd

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// MessagesSchema makes the table the MySQL sink writes to. The sink runs it before
// its first write; a replica gets the table by replication.
const MessagesSchema = "CREATE TABLE IF NOT EXISTS ops.messages (id VARCHAR(64) PRIMARY KEY, feed VARCHAR(32) NOT NULL, " +
	"seq BIGINT NOT NULL, kind VARCHAR(32) NOT NULL, flight VARCHAR(32) NOT NULL, version BIGINT NOT NULL, " +
	"payload TEXT NOT NULL, at DATETIME(3) NOT NULL)"

// Numbers of MySQL errors that mean nothing was ever stored.
const (
	errNoDatabase = 1049
	errNoTable    = 1146
)

// MySQLOptions say how to reach a site's MySQL.
type MySQLOptions struct {
	Addr, User, Password string
	// Database is selected on connect; "" means "ops".
	Database string
	// Keep is how many messages of each feed stay in the table, about; older ones are
	// moved to the ranges of ops.expired. 0 keeps all.
	Keep int64
}

// MySQLSink writes messages to the table ops.messages. It is a required sink and
// safe for concurrent use. Besides the table it keeps ops.expired; see ExpiredSchema.
type MySQLSink struct {
	db   *sql.DB
	keep int64

	mu      sync.Mutex
	made    bool
	expired map[string]int64 // feed -> up to where this sink has expired it
}

// NewMySQLSink makes the sink; it does not connect yet.
func NewMySQLSink(o MySQLOptions) (*MySQLSink, error) {
	if o.Database == "" {
		o.Database = "ops"
	}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", o.Addr, o.User, o.Password, o.Database
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = time.Second, writeTimeout, writeTimeout
	cfg.InterpolateParams = true // one round trip per statement
	cfg.Logger = &mysql.NopLogger{}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("mysql %s: %w", o.Addr, err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(2)
	db.SetMaxIdleConns(1)
	return &MySQLSink{db: db, keep: o.Keep, expired: map[string]int64{}}, nil
}

// Name is "mysql".
func (s *MySQLSink) Name() string { return "mysql" }

// Write upserts the batch in one statement; a row never goes back to an older version.
func (s *MySQLSink) Write(ctx context.Context, batch []feedd.Message) error {
	if len(batch) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.made {
		for _, q := range []string{MessagesSchema, ExpiredSchema} {
			if _, err := s.db.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("mysql: make the tables of messages: %w", err)
			}
		}
		s.made = true
	}
	text, args := upsert(batch)
	if _, err := s.db.ExecContext(ctx, text, args...); err != nil {
		var my *mysql.MySQLError
		if errors.As(err, &my) && my.Number == errNoTable {
			s.made = false
		}
		return fmt.Errorf("mysql: store %d messages: %w", len(batch), err)
	}
	s.expire(ctx, batch)
	return nil
}

// upsert is one statement for the whole batch.
func upsert(batch []feedd.Message) (string, []any) {
	args := make([]any, 0, 8*len(batch))
	for _, m := range batch {
		args = append(args, m.ID, m.Feed, m.Seq, m.Kind, m.Flight, m.Version, string(m.Payload),
			m.At.UTC().Format("2006-01-02 15:04:05.000"))
	}
	return "INSERT INTO ops.messages (id, feed, seq, kind, flight, version, payload, at) VALUES " +
		strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?, ?, ?, ?),", len(batch)), ",") +
		" ON DUPLICATE KEY UPDATE payload = IF(VALUES(version) > version, VALUES(payload), payload)," +
		" at = IF(VALUES(version) > version, VALUES(at), at)," +
		" version = GREATEST(version, VALUES(version))", args
}

// ResumePoint is the highest sequence number per feed in the table, for a job that
// starts without a savepoint. A table that is not there is an empty one.
func (s *MySQLSink) ResumePoint(ctx context.Context) (map[string]int64, error) {
	from := map[string]int64{}
	rows, err := s.db.QueryContext(ctx, "SELECT feed, MAX(seq) FROM ops.messages GROUP BY feed")
	if err != nil {
		var my *mysql.MySQLError
		if errors.As(err, &my) && (my.Number == errNoTable || my.Number == errNoDatabase) {
			return from, nil
		}
		return nil, fmt.Errorf("mysql: newest message per feed: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var feed string
		var seq int64
		if err := rows.Scan(&feed, &seq); err != nil {
			return nil, fmt.Errorf("mysql: newest message per feed: %w", err)
		}
		from[feed] = seq
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("mysql: newest message per feed: %w", err)
	}
	return from, nil
}

// Close closes the connections.
func (s *MySQLSink) Close() error {
	_ = s.db.Close() // connections that a fault broke complain; they are closed all the same
	return nil
}
