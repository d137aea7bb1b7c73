package flinkd

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// ExpiredSchema makes the table that says which messages the retention has taken out
// of ops.messages, as ranges of sequence numbers per feed: who asks whether a message
// was ever stored looks at both tables. Both change in one transaction.
const ExpiredSchema = "CREATE TABLE IF NOT EXISTS ops.expired (feed VARCHAR(32) NOT NULL, seq_from BIGINT NOT NULL, " +
	"seq_to BIGINT NOT NULL, PRIMARY KEY (feed, seq_from))"

// span is a range of sequence numbers, both ends in it.
type span struct{ from, to int64 }

// expire keeps the table bounded. What fails is tried again with a later write: rows
// that stay longer do no harm.
func (s *MySQLSink) expire(ctx context.Context, batch []feedd.Message) {
	if s.keep <= 0 {
		return
	}
	head := map[string]int64{}
	for _, m := range batch {
		head[m.Feed] = max(head[m.Feed], m.Seq)
	}
	for feed, newest := range head {
		upTo := newest - s.keep
		if upTo-s.expired[feed] < max(s.keep/8, 1) {
			continue
		}
		if err := s.expireFeed(ctx, feed, upTo); err == nil {
			s.expired[feed] = upTo
		}
	}
}

func (s *MySQLSink) expireFeed(ctx context.Context, feed string, upTo int64) (err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("mysql: retention: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("mysql: retention: %w", err), tx.Rollback())
		}
	}()
	gone, err := spans(ctx, tx, "SELECT seq, seq FROM ops.messages WHERE feed = ? AND seq <= ?", feed, upTo)
	if err != nil {
		return err
	}
	before, err := spans(ctx, tx, "SELECT seq_from, seq_to FROM ops.expired WHERE feed = ?", feed)
	if err != nil {
		return err
	}
	if len(gone) > 0 {
		all := merge(append(before, gone...))
		var args []any
		for _, x := range all {
			args = append(args, feed, x.from, x.to)
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM ops.messages WHERE feed = ? AND seq <= ?", feed, upTo); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM ops.expired WHERE feed = ?", feed); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO ops.expired (feed, seq_from, seq_to) VALUES "+
			strings.TrimSuffix(strings.Repeat("(?, ?, ?),", len(all)), ","), args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func spans(ctx context.Context, tx *sql.Tx, q string, args ...any) (out []span, err error) {
	rows, err := tx.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var x span
		if err := rows.Scan(&x.from, &x.to); err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, rows.Err()
}

// merge joins spans that touch or overlap.
func merge(in []span) []span {
	slices.SortFunc(in, func(a, b span) int { return int(a.from - b.from) })
	var out []span
	for _, x := range in {
		if n := len(out); n > 0 && x.from <= out[n-1].to+1 {
			out[n-1].to = max(out[n-1].to, x.to)
			continue
		}
		out = append(out, x)
	}
	return out
}
