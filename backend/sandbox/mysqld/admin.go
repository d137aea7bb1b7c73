package mysqld

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"
)

// admin checks the right to administer the server.
func (ss *session) admin() error {
	if !ss.account.ReadOnlyAdmin {
		return errorf(1227, "42000", "Access denied; you need (at least one of) the READ ONLY ADMIN privilege(s) for this operation")
	}
	return nil
}

// waiting answers the functions that wait (MASTER_GTID_WAIT, SLEEP) before the
// engine is taken, and puts their results in their place.
func (ss *session) waiting(c *cursor, args []any) ([]token, error) {
	toks := c.toks
	for i := 0; i+1 < len(toks); i++ {
		if !toks[i].is("MASTER_GTID_WAIT") && !toks[i].is("SLEEP") || !toks[i+1].op("(") {
			continue
		}
		call := &cursor{src: c.src, toks: toks, pos: i + 1}
		inside, err := call.group()
		if err != nil {
			return nil, err
		}
		var vals []any
		for _, p := range split(inside) {
			v, err := ss.constant(p, args)
			if err != nil {
				return nil, err
			}
			vals = append(vals, v)
		}
		v, err := ss.await(toks[i], vals)
		if err != nil {
			return nil, err
		}
		answer := token{kind: kNumber, val: toText(v), start: toks[i].start, end: toks[call.pos-1].end}
		if v == nil {
			answer.kind, answer.val, answer.up = kWord, "NULL", "NULL"
		}
		out := append([]token{}, toks[:i]...)
		// In parentheses, so that it is an expression and gets its name from the source.
		out = append(out, token{kind: kOp, val: "(", start: answer.start, end: answer.start}, answer,
			token{kind: kOp, val: ")", start: answer.end, end: answer.end})
		toks = append(out, toks[call.pos:]...)
	}
	return toks, nil
}

// constant is the value of a literal, parameter or variable.
func (ss *session) constant(toks []token, args []any) (any, error) {
	neg := false
	if len(toks) == 2 && toks[0].op("-") {
		neg, toks = true, toks[1:]
	}
	if len(toks) != 1 {
		return nil, errSyntax("(")
	}
	switch t := toks[0]; t.kind {
	case kString, kHex:
		return t.val, nil
	case kNumber:
		f := toFloat(t.val)
		if neg {
			f = -f
		}
		if n := toInt(f); float64(n) == f {
			return n, nil
		}
		return f, nil
	case kParam:
		if t.param < len(args) {
			return args[t.param], nil
		}
	case kSysVar:
		return ss.sysVar(t.val)
	case kUserVar:
		return ss.userVar(t.val), nil
	case kWord:
		switch t.up {
		case "NULL":
			return nil, nil
		case "TRUE", "ON", "YES":
			return int64(1), nil
		case "FALSE", "OFF", "NO":
			return int64(0), nil
		}
		return t.val, nil
	case kQuoted, kOp, kEnd:
	}
	return nil, errSyntax(toks[0].val)
}

// await is MASTER_GTID_WAIT(position [, seconds]) or SLEEP(seconds).
func (ss *session) await(name token, vals []any) (any, error) {
	var limit <-chan time.Time
	sleep := name.is("SLEEP")
	if len(vals) == 0 || len(vals) > 2 || (sleep && len(vals) > 1) {
		return nil, errorf(1582, "42000", "Incorrect parameter count in the call to native function '%s'", name.val)
	}
	if secs := vals[len(vals)-1]; sleep || (len(vals) == 2 && toFloat(secs) >= 0) {
		t := time.NewTimer(time.Duration(toFloat(secs) * float64(time.Second)))
		defer t.Stop()
		limit = t.C
	}
	var want position
	if !sleep {
		if vals[0] == nil {
			return nil, nil
		}
		var err error
		if want, err = parsePosition(toText(vals[0])); err != nil {
			return nil, err
		}
	}
	for {
		moved := ss.srv.replica.changed.wait()
		if !sleep && ss.srv.replica.position().covers(want) {
			return int64(0), nil
		}
		select {
		case <-moved:
		case <-limit:
			if sleep {
				return int64(0), nil
			}
			return int64(-1), nil
		case <-ss.ctx.Done():
			return nil, errGone
		}
	}
}

// flushTables runs FLUSH TABLES [WITH READ LOCK] and UNLOCK TABLES.
func (ss *session) flushTables(c *cursor) (*result, error) {
	s := ss.srv
	switch {
	case c.word("UNLOCK", "TABLES"):
		s.mu.Lock()
		if s.frozen == ss {
			s.frozen = nil
		}
		s.mu.Unlock()
		s.unlocked.notify()
		return &result{}, c.end()
	case c.word("FLUSH"):
		c.any("LOCAL", "NO_WRITE_TO_BINLOG")
		if err := ss.admin(); err != nil {
			return nil, err
		}
		if c.any("TABLES", "TABLE") == "" {
			if c.any("PRIVILEGES", "STATUS", "LOGS", "HOSTS") == "" {
				return nil, c.fail()
			}
			return &result{}, c.end()
		}
		if !c.word("WITH", "READ", "LOCK") {
			return &result{}, c.end()
		}
		if err := firstErr(c.end(), ss.commit()); err != nil {
			return nil, err
		}
		return &result{}, ss.freeze()
	}
	return nil, c.fail()
}

// freeze takes the global read lock. A transaction that is open elsewhere goes on
// after the lock is given back.
func (ss *session) freeze() error {
	for {
		freed := ss.srv.unlocked.wait()
		ss.srv.eng.mu.Lock() // the statement that runs ends first
		ss.srv.mu.Lock()
		got := ss.srv.frozen == nil || ss.srv.frozen == ss
		if got {
			ss.srv.frozen = ss
		}
		ss.srv.mu.Unlock()
		ss.srv.eng.mu.Unlock()
		if got {
			return nil
		}
		select {
		case <-freed:
		case <-ss.ctx.Done():
			return errGone
		}
	}
}

// checksum runs CHECKSUM TABLE: the sum of one CRC per row, whatever their order.
func (ss *session) checksum(c *cursor) (*result, error) {
	c.next()
	if c.any("TABLE", "TABLES") == "" {
		return nil, c.fail()
	}
	r := table("Table", "Checksum")
	r.cols[1].typ = typLongLong
	eng := ss.srv.eng
	eng.mu.Lock()
	defer eng.mu.Unlock()
	if err := eng.enter(nil); err != nil {
		return nil, err
	}
	for {
		db, name, err := c.tableName()
		if err != nil {
			return nil, err
		}
		if db == "" {
			db = ss.db
		}
		var sum any
		if t, err := eng.cat.table(db, name); err == nil {
			if sum, err = eng.checksum(t); err != nil {
				return nil, err
			}
		}
		r.rows = append(r.rows, []any{db + "." + name, sum})
		if !c.op(",") {
			break
		}
	}
	c.any("QUICK", "EXTENDED")
	return r, c.end()
}

func (e *engine) checksum(t *tableDef) (any, error) {
	rs, err := e.query("SELECT * FROM "+quote(t.db)+"."+quote(t.name), nil)
	if err != nil {
		return nil, explain(err, nil, nil)
	}
	var sum uint32
	for _, row := range rs.rows {
		sum += crc32.ChecksumIEEE(appendRow(nil, row))
	}
	return int64(sum), nil
}

// kill runs KILL [HARD|SOFT] [CONNECTION|QUERY] id; a query ends with its connection.
func (ss *session) kill(c *cursor) (*result, error) {
	c.next()
	c.any("HARD", "SOFT")
	c.any("CONNECTION", "QUERY")
	id, err := strconv.ParseUint(c.next().val, 10, 32)
	if err := firstErr(c.end(), err); err != nil {
		return nil, errSyntax(c.src)
	}
	ss.srv.mu.Lock()
	victim := ss.srv.sessions[uint32(id)]
	ss.srv.mu.Unlock()
	if victim == nil {
		return nil, errorf(1094, "HY000", "Unknown thread id: %d", id)
	}
	if victim.user != ss.user {
		if err := ss.admin(); err != nil {
			return nil, err
		}
	}
	victim.close()
	return &result{}, nil
}

// stray makes a row that no replica has: see Server.Diverge.
func (e *engine) stray() ([]change, error) {
	for _, db := range sortedKeys(e.cat) {
		for _, name := range sortedKeys(e.cat[db]) {
			t := e.cat[db][name]
			if len(t.pk) != 1 {
				continue
			}
			cs, err := e.copyRow(t)
			if err != nil || cs != nil {
				return cs, err
			}
		}
	}
	if _, ok := e.cat["stray"]; !ok {
		if err := e.quietDDL("CREATE DATABASE stray", "CREATE TABLE stray.notes (id BIGINT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(200))"); err != nil {
			return nil, err
		}
	}
	return e.insertOne(e.cat["stray"]["notes"], "INSERT INTO `stray`.`notes` (`note`) VALUES ('written behind the replication')")
}

func (e *engine) quietDDL(stmts ...string) error {
	for _, s := range stmts {
		if err := e.applyDDL(change{op: 'S', ddl: s}); err != nil {
			return err
		}
	}
	return nil
}

// copyRow copies the first row of t under a new key; nil when t is empty or its
// key is of no use.
func (e *engine) copyRow(t *tableDef) ([]change, error) {
	full := quote(t.db) + "." + quote(t.name)
	pk := t.col(t.pk[0])
	var key string
	switch pk.class() {
	case classInt:
		key = "(SELECT max(" + quote(pk.name) + ") + 1000000 FROM " + full + ")"
	case classText:
		key = fmt.Sprintf("'stray-%d'", time.Now().UnixNano()%1e9)
	default:
		return nil, nil
	}
	vals := make([]string, len(t.cols))
	for i := range t.cols {
		vals[i] = quote(t.cols[i].name)
		if t.cols[i].name == pk.name {
			vals[i] = key
		}
	}
	for _, k := range t.keys {
		if k.unique {
			return nil, nil
		}
	}
	return e.insertOne(t, "INSERT INTO "+full+" SELECT "+strings.Join(vals, ", ")+" FROM "+full+" LIMIT 1")
}

func (e *engine) insertOne(t *tableDef, s string) ([]change, error) {
	if _, err := e.write(&dml{target: t, sql: s}, nil); err != nil {
		return nil, err
	}
	cs := e.changes
	e.changes = nil
	return cs, nil
}
