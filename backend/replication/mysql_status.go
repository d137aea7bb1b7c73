package replication

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strings"

	"github.com/dutyops/dutyops/probes/guard"
)

// link is one row of SHOW REPLICA STATUS, read by the column names of either family
// (Slave_/Master_ on MariaDB and old MySQL, Replica_/Source_ on MySQL 8.0.22 and later).
type link struct {
	host, port       string
	io, sql          string
	ioErrno, sqlErr  string
	ioText, sqlText  string
	usingGTID        bool
	tls, checked     bool   // the link is encrypted; the source's certificate is checked
	received         string // newest transaction received from the source
	files            [4]string
	haveFiles, known bool
}

// following is false when no source is configured.
func (l link) following() bool { return l.known }

func (l link) address() string { return net.JoinHostPort(l.host, l.port) }

func (l link) running() bool { return l.io == "Yes" && l.sql == "Yes" }

// started: both threads were told to run, whether or not the source answers.
func (l link) started() bool { return l.known && l.io != "No" && l.sql == "Yes" }

// forgotten: MariaDB was restarted without starting replication (skip-slave-start). It tells
// then neither the position nor the file up to which it has received, though its relay log
// may hold more than it has applied (seen on 10.11); a link that never worked has no file
// that was applied either.
func (l link) forgotten() bool {
	return l.usingGTID && l.received == "" && l.io == "No" && l.sql == "No" && l.files[0] == "" && l.files[2] != ""
}

func (l link) String() string {
	if !l.known {
		return "follows nobody"
	}
	s := fmt.Sprintf("follows %s, IO %s, SQL %s", l.address(), l.io, l.sql)
	if l.ioErrno != "" && l.ioErrno != "0" {
		s += fmt.Sprintf(", IO error %s: %s", l.ioErrno, l.ioText)
	}
	if l.sqlErr != "" && l.sqlErr != "0" {
		s += fmt.Sprintf(", SQL error %s: %s", l.sqlErr, l.sqlText)
	}
	return s
}

// refused: the source does not let the replication account in. The server tries again for ever.
func (l link) refused() bool {
	return l.known && (l.ioErrno == "1045" || l.ioErrno == "1044" || l.ioErrno == "1698")
}

func (l link) sqlBroken() bool {
	return l.known && l.sqlErr != "" && l.sqlErr != "0"
}

func (s *mysqlStore) link(ctx context.Context) (link, error) {
	d, err := s.dialect(ctx)
	if err != nil {
		return link{}, err
	}
	query := "SHOW " + d.replica() + " STATUS"
	s.meter.Refill(maxMySQLAnswer)
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return link{}, s.wrap(query, err)
	}
	defer func() { _ = rows.Close() }()
	cols, err := rows.Columns()
	if err != nil {
		return link{}, s.wrap(query, err)
	}
	var out link
	for rows.Next() {
		if out.known {
			return link{}, fmt.Errorf("%s: several replication channels: %w (dutyops drives the default channel only)", s.e.Target(), ErrUnsupported)
		}
		cells := make([]sql.NullString, len(cols))
		ptrs := make([]any, len(cols))
		for i := range cells {
			ptrs[i] = &cells[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			return link{}, s.wrap(query, err)
		}
		row := make(map[string]string, len(cols))
		for i, c := range cols {
			row[c] = guard.Text(cells[i].String, maxMySQLAnswer)
		}
		out = readLink(row)
		out.ioText, out.sqlText = s.vault.fit(out.ioText), s.vault.fit(out.sqlText)
	}
	return out, s.wrap(query, rows.Err())
}

func readLink(row map[string]string) link {
	get := func(names ...string) string {
		for _, n := range names {
			if v, ok := row[n]; ok {
				return v
			}
		}
		return ""
	}
	l := link{
		known: true,
		host:  get("Source_Host", "Master_Host"), port: get("Source_Port", "Master_Port"),
		io: get("Replica_IO_Running", "Slave_IO_Running"), sql: get("Replica_SQL_Running", "Slave_SQL_Running"),
		ioErrno: get("Last_IO_Errno"), ioText: get("Last_IO_Error"),
		sqlErr: get("Last_SQL_Errno"), sqlText: get("Last_SQL_Error"),
		received: get("Gtid_IO_Pos", "Retrieved_Gtid_Set"),
	}
	using := get("Using_Gtid", "Auto_Position")
	l.tls = get("Source_SSL_Allowed", "Master_SSL_Allowed") == "Yes"
	l.checked = get("Source_SSL_Verify_Server_Cert", "Master_SSL_Verify_Server_Cert") == "Yes"
	l.usingGTID = using != "" && using != "No" && using != "0"
	l.files = [4]string{
		get("Source_Log_File", "Master_Log_File"), get("Read_Source_Log_Pos", "Read_Master_Log_Pos"),
		get("Relay_Source_Log_File", "Relay_Master_Log_File"), get("Exec_Source_Log_Pos", "Exec_Master_Log_Pos"),
	}
	l.haveFiles = l.files[1] != "" && l.files[3] != ""
	return l
}

// history is what a server knows of its own data.
type history struct {
	// all holds the newest number of every writer the server knows of.
	all gtids
	// applied is what has been applied from sources (gtid_slave_pos, gtid_executed).
	applied gtids
	// slavePos is the server's own text of gtid_slave_pos.
	slavePos string
}

func (h history) position() string { return h.all.position() }

func (s *mysqlStore) history(ctx context.Context) (history, error) {
	d, err := s.dialect(ctx)
	if err != nil {
		return history{}, err
	}
	if !d.maria {
		text, err := s.text(ctx, "read @@gtid_executed", "SELECT @@global.gtid_executed")
		if err != nil {
			return history{}, err
		}
		g, err := parseGTIDs(text)
		return history{all: g, applied: g}, s.wrap("read @@gtid_executed", err)
	}
	var slave, binlog, current, state sql.NullString
	const op = "read the GTID positions"
	s.meter.Refill(maxMySQLAnswer)
	err = s.wrap(op, s.db.QueryRowContext(ctx, "SELECT @@global.gtid_slave_pos, @@global.gtid_binlog_pos, @@global.gtid_current_pos, @@global.gtid_binlog_state").
		Scan(&slave, &binlog, &current, &state))
	if isNumber(err, 1193) { // no such variable: do with what every version has
		s.meter.Refill(maxMySQLAnswer)
		err = s.wrap(op, s.db.QueryRowContext(ctx, "SELECT @@global.gtid_slave_pos, @@global.gtid_binlog_pos, @@global.gtid_current_pos").
			Scan(&slave, &binlog, &current))
	}
	if err != nil {
		return history{}, err
	}
	all, err := parseGTIDs(strings.Join([]string{slave.String, binlog.String, current.String, state.String}, ","))
	if err != nil {
		return history{}, s.wrap(op, err)
	}
	applied, err := parseGTIDs(slave.String)
	return history{all: all, applied: applied, slavePos: slave.String}, s.wrap(op, err)
}

func (s *mysqlStore) Position(ctx context.Context) (string, error) {
	h, err := s.history(ctx)
	return h.position(), err
}

// drained tells whether everything received has been applied.
func (s *mysqlStore) drained(ctx context.Context, l link) (bool, string, error) {
	if !l.following() {
		return true, "follows nobody: nothing is waiting to be applied", nil
	}
	if l.received != "" {
		h, err := s.history(ctx)
		if err != nil {
			return false, "", err
		}
		received, err := parseGTIDs(l.received)
		if err != nil {
			return false, "", s.wrap("read the received position", err)
		}
		// Writer by writer: a write of this side's own may have a higher number than what waits.
		g := lacking(h.all, received)
		if g.empty() {
			return true, "everything received is applied, up to " + h.position(), nil
		}
		return false, fmt.Sprintf("%d received transactions are not applied yet: %s", g.count, g), nil
	}
	if d, err := s.dialect(ctx); err != nil || d.maria && l.forgotten() {
		return false, "what was received before its restart is not told, replication was not started since", err
	}
	if l.usingGTID || !l.haveFiles || l.files[0] == l.files[2] && l.files[1] == l.files[3] {
		return true, "nothing received is waiting", nil
	}
	return false, fmt.Sprintf("received up to %s:%s, applied up to %s:%s", l.files[0], l.files[1], l.files[2], l.files[3]), nil
}

func (s *mysqlStore) Applied(ctx context.Context) (bool, string, error) {
	l, err := s.link(ctx)
	if err != nil {
		return false, "", err
	}
	ok, seen, err := s.drained(ctx, l)
	if err == nil && !ok && l.sqlBroken() {
		return false, seen, fmt.Errorf("%s: %w: %s", s.e.Target(), ErrBroken, l)
	}
	return ok, seen, err
}

func (s *mysqlStore) IsSource(ctx context.Context) (bool, string, error) {
	ro, err := s.readOnly(ctx)
	if err != nil {
		return false, "", err
	}
	l, err := s.link(ctx)
	if err != nil {
		return false, "", err
	}
	return !ro && !l.following(), fmt.Sprintf("read_only=%s, %s", onOff(ro), l), nil
}

func onOff(b bool) string {
	if b {
		return "ON"
	}
	return "OFF"
}
