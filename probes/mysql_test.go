package probes

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func mariaHead(readOnly string) myAnswer {
	return myAnswer{cols: []string{"version", "read_only"}, vals: []any{"10.11.19-MariaDB-log", readOnly}}
}

func mariaAt(current, binlog, slave string) myAnswer {
	return myAnswer{cols: []string{"current_pos", "binlog_pos", "slave_pos"}, vals: []any{current, binlog, slave}}
}

// mariaReplica is what MariaDB 10.11 says: the old column names whatever the statement.
func mariaReplica(io, sql string, lag any, more map[string]string) myAnswer {
	m := map[string]any{
		"Slave_IO_State": "Waiting for master to send event", "Master_Host": "127.0.0.1", "Master_Port": "13306",
		"Slave_IO_Running": io, "Slave_SQL_Running": sql, "Seconds_Behind_Master": lag, "Last_IO_Errno": "0", "Last_IO_Error": "",
		"Last_SQL_Errno": "0", "Last_SQL_Error": "", "Using_Gtid": "Slave_Pos", "Gtid_IO_Pos": "1-1-104",
	}
	for k, v := range more {
		m[k] = v
	}
	a := myAnswer{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		a.cols = append(a.cols, k)
		a.vals = append(a.vals, m[k])
	}
	return a
}

func mysql8Replica() myAnswer {
	return myAnswer{
		cols: []string{
			"Replica_IO_State", "Source_Host", "Source_Port", "Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source",
			"Last_IO_Errno", "Last_SQL_Errno", "Retrieved_Gtid_Set", "Executed_Gtid_Set", "Auto_Position",
		},
		vals: []any{
			"Waiting for source", "db1", "3306", "Yes", "Yes", "2", "0", "0",
			"3e11fa47-71ca-11e1-9e33-c80aa9429562:5-9", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7", "1",
		},
	}
}

var (
	qHead    = "SELECT @@version"
	qMaria   = "SELECT @@gtid_current_pos"
	qMySQL   = "SELECT @@global.gtid_executed"
	qReplica = "SHOW REPLICA STATUS"
	qSlave   = "SHOW SLAVE STATUS"
)

func TestMySQLJudgement(t *testing.T) {
	source := map[string]myAnswer{qHead: mariaHead("0"), qMaria: mariaAt("1-1-100", "1-1-100", ""), qReplica: {}}
	replica := func(r myAnswer) map[string]myAnswer {
		return map[string]myAnswer{qHead: mariaHead("1"), qMaria: mariaAt("1-1-100", "", "1-1-100"), qReplica: r}
	}
	denied := myAnswer{errno: 1227, text: "Access denied; you need (at least one of) the SLAVE MONITOR privilege(s) for this operation"}
	cases := map[string]struct {
		answers map[string]myAnswer
		role    Role
		status  Status
		detail  string
		check   func(*testing.T, Result)
	}{
		"read-only or not is not told": {map[string]myAnswer{
			qHead: {cols: []string{"version", "read_only"}, vals: []any{"10.11.19-MariaDB-log", nil}}, qMaria: mariaAt("1-1-100", "1-1-100", ""), qReplica: {},
		}, RoleSource, StatusDown, "answers, but not as mysql: unreadable answer: no version or no read_only", nil},
		"positions that are not told": {map[string]myAnswer{
			qHead: mariaHead("0"), qMaria: {cols: []string{"current_pos", "binlog_pos", "slave_pos"}, vals: []any{nil, nil, nil}}, qReplica: {},
		}, RoleSource, StatusUp, "takes writes", func(t *testing.T, r Result) {
			if v, ok := r.Facts.Extra[positionKey]; ok {
				t.Errorf("nothing was told of the position, and it is %q", v)
			}
		}},
		"source": {source, RoleSource, StatusUp, "takes writes", func(t *testing.T, r Result) {
			if r.Facts.Role != "primary" || *r.Facts.ReadOnly || r.Facts.Position != "1-1-100" || r.Facts.Version != "10.11.19-MariaDB-log" {
				t.Errorf("facts %+v", r.Facts)
			}
		}},
		"source that is read-only": {
			map[string]myAnswer{qHead: mariaHead("1"), qMaria: mariaAt("1-1-100", "", ""), qReplica: {}},
			RoleSource, StatusDown, "read-only, but it should take writes", nil,
		},
		"read-only where nothing is expected": {
			map[string]myAnswer{qHead: mariaHead("1"), qMaria: mariaAt("", "1-1-7", ""), qReplica: {}},
			RoleAny, StatusUp, "read-only", func(t *testing.T, r Result) {
				if r.Facts.Position != "1-1-7" {
					t.Errorf("position %q, want the binlog's when there is no current one", r.Facts.Position)
				}
			},
		},
		"replica": {
			replica(mariaReplica("Yes", "Yes", "0", nil)), RoleReplica, StatusUp, "replica, 0 s behind 127.0.0.1:13306, 4 transactions received and not applied",
			func(t *testing.T, r Result) {
				f := r.Facts
				if f.Role != "replica" || f.ReplicaState != "streaming" || f.ReplicaOf != "127.0.0.1:13306" || *f.LagSeconds != 0 || f.SourcePosition != "1-1-104" {
					t.Errorf("facts %+v", f)
				}
			},
		},
		"replica whose lag is not known": {
			replica(mariaReplica("Connecting", "Yes", nil, map[string]string{"Last_IO_Errno": "2003", "Last_IO_Error": "error connecting to master"})),
			RoleReplica, StatusDegraded, "replication of 127.0.0.1:13306 is connecting, error 2003: cannot reach its source", func(t *testing.T, r Result) {
				if r.Facts.LagSeconds != nil || r.Facts.ReplicaState != "connecting" {
					t.Errorf("facts %+v", r.Facts)
				}
			},
		},
		"replica stopped":       {replica(mariaReplica("No", "No", nil, nil)), RoleReplica, StatusDegraded, "is stopped", nil},
		"replica, apply paused": {replica(mariaReplica("Yes", "No", nil, nil)), RoleReplica, StatusDegraded, "is stopped", nil},
		"replica diverged": {
			replica(mariaReplica("No", "Yes", nil, map[string]string{"Last_IO_Errno": "1236", "Last_IO_Error": "Got fatal error"})),
			RoleReplica, StatusDegraded, "is broken, error 1236: Got fatal error", nil,
		},
		"replica that follows nobody": {
			map[string]myAnswer{qHead: mariaHead("1"), qMaria: mariaAt("", "", ""), qReplica: {}},
			RoleReplica, StatusDegraded, "should be a replica, but follows nobody", nil,
		},
		"replica that takes writes": {
			map[string]myAnswer{qHead: mariaHead("0"), qMaria: mariaAt("", "", ""), qReplica: mariaReplica("Yes", "Yes", "0", nil)},
			RoleReplica, StatusDegraded, "takes writes (read_only is off)", nil,
		},
		"a stopped replica where nothing is expected": {replica(mariaReplica("No", "No", nil, nil)), RoleAny, StatusUp, "replica of 127.0.0.1:13306, stopped", nil},
		"no privilege for the replica status": {
			map[string]myAnswer{qHead: mariaHead("1"), qMaria: mariaAt("1-1-5", "", ""), qReplica: denied},
			RoleReplica, StatusUp, "replication not visible (missing privilege)", func(t *testing.T, r Result) {
				if r.Facts.ReplicaState != "" || r.Facts.Role != "" || !strings.Contains(r.Facts.Extra["replication"], "REPLICA MONITOR") {
					t.Errorf("facts %+v", r.Facts)
				}
			},
		},
		"MySQL 8": {
			map[string]myAnswer{
				qHead:  {cols: []string{"version", "read_only"}, vals: []any{"8.4.0", "1"}},
				qMySQL: {cols: []string{"executed"}, vals: []any{"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7"}}, qReplica: mysql8Replica(),
			},
			RoleReplica, StatusUp, "replica, 2 s behind db1:3306", func(t *testing.T, r Result) {
				// retrieved 5-9 and executed 1-7 make 1-9
				if r.Facts.SourcePosition != "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9" || r.Facts.Position != "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7" {
					t.Errorf("facts %+v", r.Facts)
				}
			},
		},
		"a server that knows only the old statement": {
			map[string]myAnswer{
				qHead:  {cols: []string{"version", "read_only"}, vals: []any{"5.6.14-log", "OFF"}},
				qMySQL: {cols: []string{"executed"}, vals: []any{""}}, qSlave: mariaReplica("Yes", "Yes", "7", nil),
			},
			RoleAny, StatusUp, "replica, 7 s behind 127.0.0.1:13306, takes writes", nil,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pw := randomSecret()
			f := newFakeMySQL(t, pw, tc.answers)
			r := once(t, Target{Kind: "mysql", Address: f.addr, User: "dutyops_probe", Password: fixed(pw), Role: asRole(tc.role)})
			wantAnswer(t, r, tc.status, tc.detail)
			if tc.check != nil {
				tc.check(t, r)
			}
			if tc.status != StatusUp {
				checkFit(t, r, pw)
			}
		})
	}
}

func TestMySQLKeepsItsConnectionAndSurvivesItsLoss(t *testing.T) {
	pw := randomSecret()
	f := newFakeMySQL(t, pw, map[string]myAnswer{qHead: mariaHead("0"), qMaria: mariaAt("1-1-1", "", ""), qReplica: {}})
	p := must(t, Target{Kind: "mysql", Address: f.addr, User: "dutyops_probe", Password: fixed(pw)})
	for range 3 {
		wantAnswer(t, ask(t, p, 5*time.Second), StatusUp, "takes writes")
	}
	f.set(func() {
		if f.logins != 1 {
			t.Errorf("%d logins for three probes, want 1", f.logins)
		}
		f.hangOn = "@@version"
	})
	wantAnswer(t, ask(t, p, 150*time.Millisecond), StatusDown, "no answer within ")
	f.set(func() { f.hangOn = "" })
	wantAnswer(t, ask(t, p, 5*time.Second), StatusUp, "takes writes")
}

func TestMySQLPasswordIsReadAgainWhenRefused(t *testing.T) {
	old, fresh := randomSecret(), randomSecret()
	f := newFakeMySQL(t, old, map[string]myAnswer{qHead: mariaHead("0"), qMaria: mariaAt("1-1-1", "", ""), qReplica: {}})
	var current atomic.Value
	current.Store(old)
	var reads atomic.Int32
	p := must(t, Target{Kind: "mysql", Address: f.addr, User: "dutyops_probe", Password: func() (string, error) {
		reads.Add(1)
		return current.Load().(string), nil
	}})
	a := p.(*prober).a.(*mysqlAsker)
	a.conn.renew = 0 // every probe also logs in anew
	wantAnswer(t, ask(t, p, 5*time.Second), StatusUp, "")
	f.set(func() { f.password = fresh })
	// the kept connection works, a newcomer is refused: that is not hidden
	r := ask(t, p, 5*time.Second)
	wantAnswer(t, r, StatusUnknown, "wrong password for dutyops_probe (a connection made earlier still works)")
	checkFit(t, r, old)
	n := reads.Load()
	current.Store(fresh)
	wantAnswer(t, ask(t, p, 5*time.Second), StatusUp, "")
	if reads.Load() != n+1 {
		t.Errorf("the secret was read %d more times, want 1", reads.Load()-n)
	}
}

func TestMySQLRefusals(t *testing.T) {
	for _, tc := range []struct {
		errno  uint16
		status Status
		detail string
	}{
		{1040, StatusDown, "refuses: too many connections"},
		{1053, StatusDown, "is shutting down"},
		{1045, StatusUnknown, "wrong password for dutyops_probe"},
		{1130, StatusUnknown, "may not connect from this host"},
		{1129, StatusUnknown, "this host is blocked there"},
		{4151, StatusUnknown, "the account dutyops_probe is locked"},
	} {
		pw := randomSecret()
		f := newFakeMySQL(t, pw, nil)
		f.noLogin = &myAnswer{errno: tc.errno, text: "no"}
		r := once(t, Target{Kind: "mysql", Address: f.addr, User: "dutyops_probe", Password: fixed(pw)})
		wantAnswer(t, r, tc.status, tc.detail)
	}
}

func TestMySQLNewcomerRefusedIsDownThoughTheKeptOneWorks(t *testing.T) {
	pw := randomSecret()
	f := newFakeMySQL(t, pw, map[string]myAnswer{qHead: mariaHead("0"), qMaria: mariaAt("1-1-1", "", ""), qReplica: {}})
	p := must(t, Target{Kind: "mysql", Address: f.addr, User: "dutyops_probe", Password: fixed(pw)})
	a := p.(*prober).a.(*mysqlAsker)
	a.conn.renew = 0
	wantAnswer(t, ask(t, p, 5*time.Second), StatusUp, "")
	f.set(func() { f.noLogin = &myAnswer{errno: 1040, text: "Too many connections"} })
	wantAnswer(t, ask(t, p, 5*time.Second), StatusDown, "too many connections (a connection made earlier still works)")
	f.set(func() { f.noLogin = nil })
	wantAnswer(t, ask(t, p, 5*time.Second), StatusUp, "")
}

func TestMySQLConcurrentProbes(t *testing.T) {
	pw := randomSecret()
	f := newFakeMySQL(t, pw, map[string]myAnswer{qHead: mariaHead("0"), qMaria: mariaAt("1-1-1", "", ""), qReplica: {}})
	p := must(t, Target{Kind: "mysql", Address: f.addr, User: "dutyops_probe", Password: fixed(pw)})
	ch := make(chan Result, 6)
	for range cap(ch) {
		go func() { ch <- p.Probe(context.Background()) }()
	}
	for range cap(ch) {
		wantAnswer(t, <-ch, StatusUp, "takes writes")
	}
}

func TestSlowAnswerIsDegraded(t *testing.T) {
	pw := randomSecret()
	f := newFakeMySQL(t, pw, map[string]myAnswer{qHead: mariaHead("0"), qMaria: mariaAt("1-1-1", "", ""), qReplica: {}})
	r := once(t, Target{Kind: "mysql", Address: f.addr, User: "dutyops_probe", Password: fixed(pw), SlowAfter: time.Nanosecond})
	wantAnswer(t, r, StatusDegraded, "slow: answered after")
}
