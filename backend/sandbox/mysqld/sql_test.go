package mysqld_test

import (
	"database/sql"
	"reflect"
	"testing"
	"time"
)

const flights = `CREATE TABLE IF NOT EXISTS ops.flights (
	flight VARCHAR(64) NOT NULL, version BIGINT UNSIGNED NOT NULL DEFAULT 0, doc JSON, fare DECIMAL(10,2) DEFAULT 0,
	updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), PRIMARY KEY (flight), KEY by_version (version, flight)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`

func TestTypesThroughTheDriver(t *testing.T) {
	s := startSite(t, 1, false)
	for _, mode := range []string{"parseTime=true", "parseTime=true&interpolateParams=true"} {
		t.Run(mode, func(t *testing.T) {
			s.connect(t, s.Addr(), mode)
			exec(t, s.app, "CREATE DATABASE IF NOT EXISTS ops", "DROP TABLE IF EXISTS ops.flights", flights)
			at := time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)
			doc := `{"gate":"A1","note":"it's \\ \"quoted\" 客"}`
			if _, err := s.app.ExecContext(t.Context(), "INSERT INTO ops.flights (flight, version, doc, fare, updated_at) VALUES (?,?,?,?,?)",
				"MU5101", uint64(7), doc, "12.345", at); err != nil {
				t.Fatal(err)
			}
			var flight, gotDoc, fare string
			var version int64
			var updated time.Time
			q := "SELECT flight, version, doc, fare, updated_at FROM ops.flights WHERE flight = ? AND updated_at = ?"
			if err := s.app.QueryRowContext(t.Context(), q, "mu5101", at).Scan(&flight, &version, &gotDoc, &fare, &updated); err != nil {
				t.Fatal(err)
			}
			if flight != "MU5101" || version != 7 || gotDoc != doc || fare != "12.35" || !updated.Equal(at) {
				t.Fatalf("got %q %d %q %q %v", flight, version, gotDoc, fare, updated)
			}
			var newest time.Time
			var n int
			if err := s.app.QueryRowContext(t.Context(), "SELECT COUNT(*), MAX(updated_at) FROM ops.flights WHERE version > ?", 6).Scan(&n, &newest); err != nil {
				t.Fatal(err)
			}
			if n != 1 || !newest.Equal(at) {
				t.Fatalf("got %d, %v", n, newest)
			}
			var null sql.NullString
			if err := s.app.QueryRowContext(t.Context(), "SELECT doc FROM ops.flights WHERE flight = 'none' UNION ALL SELECT NULL").Scan(&null); err != nil || null.Valid {
				t.Fatalf("got %v, %v", null, err)
			}
		})
	}
}

func affected(t *testing.T, db *sql.DB, query string, args ...any) int64 {
	t.Helper()
	r, err := db.ExecContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWritesCountAsMySQLCounts(t *testing.T) {
	s := startSite(t, 1, false)
	exec(t, s.app, "CREATE DATABASE ops", flights)
	up := "INSERT INTO ops.flights (flight, version, updated_at) VALUES (?, ?, '2026-01-01') ON DUPLICATE KEY UPDATE version = GREATEST(version, VALUES(version))"
	for i, c := range []struct {
		version int
		want    int64
	}{{1, 1}, {3, 2}, {2, 0}} {
		if got := affected(t, s.app, up, "CA1", c.version); got != c.want {
			t.Errorf("upsert %d: %d rows, want %d", i, got, c.want)
		}
	}
	for _, c := range []struct {
		query string
		want  int64
	}{
		{"UPDATE ops.flights SET version = 3", 0},
		{"UPDATE ops.flights f SET f.version = f.version + 1 WHERE f.flight = 'CA1'", 1},
		{"REPLACE INTO ops.flights (flight, version) VALUES ('CA1', 9), ('CA2', 9)", 3},
		{"INSERT IGNORE INTO ops.flights (flight) VALUES ('CA1'), ('CA3')", 1},
		{"INSERT INTO ops.flights SET flight = 'CA4', version = 1", 1},
		{"INSERT INTO ops.flights (flight, version) SELECT CONCAT(flight, 'x'), version FROM ops.flights", 4},
		{"DELETE FROM ops.flights WHERE flight LIKE '%x' ORDER BY flight LIMIT 3", 3},
		{"UPDATE ops.flights SET version = 0 ORDER BY flight DESC LIMIT 2", 2},
		{"DELETE FROM ops.flights", 5},
	} {
		if got := affected(t, s.app, c.query); got != c.want {
			t.Errorf("%s: %d rows, want %d", c.query, got, c.want)
		}
	}
	exec(t, s.app, "CREATE TABLE ops.notes (id BIGINT NOT NULL AUTO_INCREMENT, note VARCHAR(5), at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (id))")
	r, err := s.app.ExecContext(t.Context(), "INSERT INTO ops.notes (note) VALUES ('a'), ('b')")
	if err != nil {
		t.Fatal(err)
	}
	if id, err := r.LastInsertId(); err != nil || id != 1 {
		t.Errorf("LastInsertId is %d, %v", id, err)
	}
}

func TestErrorCodes(t *testing.T) {
	s := startSite(t, 1, false)
	exec(t, s.app, "CREATE DATABASE ops", flights, "INSERT INTO ops.flights (flight) VALUES ('A')")
	for _, c := range []struct {
		query string
		code  uint16
	}{
		{"INSERT INTO ops.flights (flight) VALUES ('A')", 1062},
		{"INSERT INTO ops.flights (flight) VALUES (NULL)", 1048},
		{"INSERT INTO ops.flights (version) VALUES (1)", 1364},
		{"INSERT INTO ops.flights (flight, nothing) VALUES ('B', 1)", 1054},
		{"INSERT INTO ops.flights (flight, version) VALUES ('B')", 1136},
		{"INSERT INTO ops.flights (flight, doc) VALUES ('B', '{')", 4025},
		{"INSERT INTO ops.flights (flight, version) VALUES ('B', 'many')", 1366},
		{"INSERT INTO ops.flights (flight, updated_at) VALUES ('B', 'yesterday')", 1292},
		{"INSERT INTO ops.flights (flight) VALUES (REPEAT('x', 65))", 1406},
		{"SELECT nothing FROM ops.flights", 1054},
		{"SELECT * FROM ops.none", 1146},
		{"SELECT * FROM none.flights", 1049},
		{"SELECT * FROM flights", 1046},
		{"SELECT frobnicate(1)", 1305},
		{"SELECT @@no_such_thing", 1193},
		{"SELEKT 1", 1064},
		{"SELECT 1 FROM ops.flights WHERE", 1064},
		{"CREATE TABLE ops.flights (a INT)", 1050},
		{"CREATE DATABASE ops", 1007},
		{"DROP TABLE ops.none", 1051},
		{"CREATE TABLE ops.t (a FANCY)", 1064},
		{"SET GLOBAL read_only = 1", 1227},
		{"STOP REPLICA", 1227},
		{"SET nothing_known = 1", 1193},
		{"SELECT 1; SELECT 2", 1064},
	} {
		_, err := s.app.ExecContext(t.Context(), c.query)
		t.Run(c.query, func(t *testing.T) { wantCode(t, err, c.code) })
	}
	_, err := s.ro.ExecContext(t.Context(), "INSERT INTO ops.flights (flight) VALUES ('C')")
	wantCode(t, err, 1142)
	s.secret = "wrong" + s.secret
	wantCode(t, s.open(t, "app", "").PingContext(t.Context()), 1045)
	if got := one(t, s.app, "SELECT COUNT(*) FROM ops.flights"); got != "1" {
		t.Fatalf("failed statements left %s rows", got)
	}
}

func TestExpressions(t *testing.T) {
	s := startSite(t, 1, false)
	exec(t, s.app, "CREATE DATABASE ops", flights, "INSERT INTO ops.flights (flight, version, doc, updated_at) VALUES ('A1', 10, '{\"gate\":\"7\"}', '2026-01-02 03:04:05.000006'), ('B2', 20, NULL, '2026-01-02 03:04:06')")
	for _, c := range []struct{ query, want string }{
		{"SELECT CRC32('abc')", "891568578"},
		{"SELECT BIT_XOR(CRC32(CONCAT_WS('#', flight, version))) FROM ops.flights", "2117633789"},
		{"SELECT 7 / 2", "3.5"},
		{"SELECT IF(1 > 2, 'yes', 'no')", "no"},
		{"SELECT CONCAT('a', NULL)", "NULL"},
		{"SELECT LENGTH('客')", "3"},
		{"SELECT CHAR_LENGTH('客')", "1"},
		{"SELECT TIMESTAMPDIFF(SECOND, '2026-01-01 00:00:00', '2026-01-01 00:01:30.5')", "90"},
		{"SELECT DATE_ADD('2026-01-31', INTERVAL 1 DAY)", "2026-02-01"},
		{"SELECT COUNT(*) FROM ops.flights WHERE updated_at > '2026-01-02 03:04:06' - INTERVAL 1 SECOND", "2"},
		{"SELECT COUNT(*) FROM ops.flights WHERE updated_at >= '2026-01-02 03:04:06' + INTERVAL 0 SECOND", "1"},
		{"SELECT GROUP_CONCAT(flight ORDER BY flight DESC SEPARATOR '|') FROM ops.flights", "B2|A1"},
		{"SELECT JSON_VALUE(doc, '$.gate') FROM ops.flights WHERE flight = 'a1'", "7"},
		{"SELECT f.flight FROM ops.flights f JOIN ops.flights g ON f.version < g.version, (SELECT 1 AS one) x WHERE x.one = 1", "A1"},
		{"WITH newest AS (SELECT MAX(version) AS v FROM ops.flights) SELECT flight FROM ops.flights JOIN newest ON version = v", "B2"},
		{"SELECT flight FROM ops.flights WHERE (flight, version) IN (('A1', 10), ('C3', 1))", "A1"},
		{"SELECT flight FROM ops.flights WHERE flight REGEXP '^b' LIMIT 1 OFFSET 0", "B2"},
		{"SELECT CASE WHEN version > 15 THEN 'late' ELSE 'early' END FROM ops.flights ORDER BY version LIMIT 1, 1", "late"},
		{"SELECT EXISTS(SELECT 1 FROM ops.flights WHERE `version` = 20)", "1"},
		{"SELECT ROW_NUMBER() OVER (PARTITION BY version ORDER BY flight) FROM ops.flights LIMIT 1", "1"},
		{"SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = 'OPS' AND table_name = 'flights'", "5"},
		{"SELECT column_type FROM INFORMATION_SCHEMA.COLUMNS WHERE table_name = 'flights' AND column_name = 'updated_at'", "datetime(6)"},
		{"SELECT @@hostname", "db1"},
		{"SELECT @@global.read_only", "0"},
		{"SELECT 'a\\'b' 'c'", "a'b"},
		{"SELECT /* no */ 1 -- end", "1"},
		{"SELECT /*M!999999 nonsense */ 1 /*!40101 + 1 */ /*!80000 + nonsense */", "2"},
		{"SELECT CAST('12' AS SIGNED) + 1", "13"},
		{"SELECT SUM(version) FROM ops.flights GROUP BY NULL HAVING SUM(version) > 1", "30"},
	} {
		if got := one(t, s.app, c.query); got != c.want {
			t.Errorf("%s: got %q, want %q", c.query, got, c.want)
		}
	}
	rows, err := s.app.QueryContext(t.Context(), "SELECT COUNT(*), MAX(version) AS m, f.flight, now( ) < '2000-01-01', @@server_id FROM ops.flights AS f")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	cols, err := rows.Columns()
	if want := []string{"COUNT(*)", "m", "flight", "now( ) < '2000-01-01'", "@@server_id"}; err != nil || !reflect.DeepEqual(cols, want) {
		t.Errorf("columns are %q, %v; want %q", cols, err, want)
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
}

func TestShow(t *testing.T) {
	s := startSite(t, 1, true)
	exec(t, s.admin, "CREATE DATABASE ops", flights)
	var name, value string
	for q, want := range map[string]string{
		"SHOW VARIABLES LIKE 'read_only'":                               "ON",
		"SHOW GLOBAL VARIABLES WHERE Variable_name = 'gtid_binlog_pos'": "1-1-2",
		"SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_clients'":        "0",
	} {
		if err := s.ro.QueryRowContext(t.Context(), q).Scan(&name, &value); err != nil || value != want {
			t.Errorf("%s: got %q, %v; want %q", q, value, err, want)
		}
	}
	if got := one(t, s.ro, "SHOW TABLES FROM ops LIKE 'fl%'"); got != "flights" {
		t.Errorf("SHOW TABLES: %q", got)
	}
	if got := one(t, s.ro, "SHOW DATABASES LIKE 'op_'"); got != "ops" {
		t.Errorf("SHOW DATABASES: %q", got)
	}
	if status(t, s.ro) != nil {
		t.Error("a server without a source has a replica status")
	}
	// What SHOW CREATE TABLE says makes the same table again.
	var ddl string
	if err := s.ro.QueryRowContext(t.Context(), "SHOW CREATE TABLE ops.flights").Scan(&name, &ddl); err != nil {
		t.Fatal(err)
	}
	other := startSite(t, 2, false)
	conn, err := other.app.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	exec(t, conn, "CREATE DATABASE ops", "USE ops", ddl)
	var again string
	if err := conn.QueryRowContext(t.Context(), "SHOW CREATE TABLE flights").Scan(&name, &again); err != nil || again != ddl {
		t.Errorf("again: %v\n%s\nfirst:\n%s", err, again, ddl)
	}
}
