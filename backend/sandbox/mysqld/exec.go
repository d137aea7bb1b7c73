package mysqld

import (
	"errors"
	"time"
)

// run does one statement.
func (ss *session) run(c *cursor, args []any) (*result, error) {
	ss.command.Store("Query")
	t := c.peek()
	switch t.up {
	case "SELECT", "WITH", "VALUES":
		return ss.query(c, args)
	case "INSERT", "REPLACE", "UPDATE", "DELETE", "TRUNCATE":
		return ss.dml(c, args)
	case "CREATE", "DROP", "ALTER":
		return ss.define(c)
	case "BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE":
		if t.up == "START" && !c.at(1).is("TRANSACTION") {
			return ss.replication(c, args)
		}
		return ss.control(c)
	case "SHOW":
		return ss.show(c)
	case "SET":
		return ss.set(c, args)
	case "USE":
		c.next()
		name, err := c.ident()
		if err != nil {
			return nil, err
		}
		return &result{}, firstErr(c.end(), ss.use(name))
	case "DESC", "DESCRIBE", "EXPLAIN":
		return ss.describe(c)
	case "CHANGE", "STOP", "RESET":
		return ss.replication(c, args)
	case "FLUSH", "UNLOCK":
		return ss.flushTables(c)
	case "CHECKSUM":
		return ss.checksum(c)
	case "KILL":
		return ss.kill(c)
	case "DO":
		c.next()
		sel := &cursor{src: c.src, toks: append([]token{{kind: kWord, val: "SELECT", up: "SELECT", start: t.start, end: t.end}}, c.toks[1:]...)}
		_, err := ss.query(sel, args)
		return &result{}, err
	}
	if t.op("(") {
		return ss.query(c, args)
	}
	return nil, c.fail()
}

func firstErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (ss *session) translator(src string, args []any) *translator {
	return &translator{
		src: src, db: ss.db, cat: ss.srv.eng.cat, env: ss, now: time.Now(), nParams: len(args), ctes: map[string]bool{},
	}
}

// lockToWrite takes the engine for a statement that changes something: not while
// another session holds the global read lock.
func (ss *session) lockToWrite() error {
	limit := time.NewTimer(ss.lockWait())
	defer limit.Stop()
	for {
		freed := ss.srv.unlocked.wait()
		ss.srv.eng.mu.Lock()
		ss.srv.mu.Lock()
		holder := ss.srv.frozen
		ss.srv.mu.Unlock()
		switch {
		case ss.killed.Load():
			ss.srv.eng.mu.Unlock()
			return errGone
		case holder == nil:
			return nil
		case holder == ss:
			ss.srv.eng.mu.Unlock()
			return errorf(1223, "HY000", "Can't execute the query because you have a conflicting read lock")
		}
		ss.srv.eng.mu.Unlock()
		ss.command.Store("Waiting for backup lock")
		select {
		case <-freed:
		case <-limit.C:
			return errorf(1205, "HY000", "Lock wait timeout exceeded; try restarting transaction")
		case <-ss.ctx.Done():
			return errGone
		}
	}
}

// begin makes sure that a transaction is open where autocommit=0 asks for one.
func (ss *session) begin() {
	if ss.tx == nil && !ss.autocommit {
		ss.tx = &transaction{}
	}
}

// enter takes the engine's connection for this session. A transaction that met
// another one is over.
func (ss *session) enter() error {
	err := ss.srv.eng.enter(ss.tx)
	var se *sqlError
	if errors.As(err, &se) && se.code == 1213 {
		ss.tx = nil
	}
	return err
}

// query runs a SELECT.
func (ss *session) query(c *cursor, args []any) (*result, error) {
	toks, err := ss.waiting(c, args)
	if err != nil {
		return nil, err
	}
	eng := ss.srv.eng
	eng.mu.Lock()
	defer eng.mu.Unlock()
	if ss.killed.Load() {
		return nil, errGone
	}
	tr := ss.translator(c.src, args)
	sql, err := tr.query(toks)
	if err != nil {
		return nil, err
	}
	if len(tr.tables) > 0 {
		ss.begin()
		if tr.locking && ss.tx != nil || ss.tx != nil && len(ss.tx.done) > 0 {
			err = ss.enter()
		} else {
			err = eng.enter(nil)
		}
		if err != nil {
			return nil, err
		}
	}
	if tr.schema {
		if err := eng.enter(nil); err != nil {
			return nil, err
		}
		if err := eng.fillSchema(); err != nil {
			return nil, err
		}
	}
	rs, err := eng.query(sql, args)
	if err != nil {
		return nil, explain(err, nil, args)
	}
	if tr.locking && ss.tx != nil {
		ss.tx.done = append(ss.tx.done, step{sql: sql, args: args, read: true, digest: rs.digest()})
	}
	ss.rowCount = int64(len(rs.rows))
	return fromRows(rs, mayBeTime(toks)), nil
}

// mayBeTime tells whether the statement calls a function that can give a DATETIME.
func mayBeTime(toks []token) bool {
	for i, t := range toks {
		switch t.up {
		case "CURRENT_TIMESTAMP":
			return true
		case "MAX", "MIN", "NOW", "COALESCE", "IFNULL", "GREATEST", "LEAST", "CAST", "DATE_ADD", "DATE_SUB", "FROM_UNIXTIME", "UTC_TIMESTAMP", "INTERVAL":
			if t.up == "INTERVAL" || (i+1 < len(toks) && toks[i+1].op("(")) {
				return true
			}
		}
	}
	return false
}

// allowed checks the account's rights for a change.
func (ss *session) allowed(verb, table string) error {
	if ss.account.ReadOnly {
		return errorf(1142, "42000", "%s command denied to user '%s'@'%s' for table '%s'", verb, ss.user, ss.host(), table)
	}
	return nil
}

// fenced is error 1290 while the server is read-only for this account.
func (ss *session) fenced() error {
	if !ss.account.ReadOnlyAdmin && ss.srv.isReadOnly() {
		return errReadOnly()
	}
	return nil
}

// dml runs INSERT, REPLACE, UPDATE, DELETE and TRUNCATE.
func (ss *session) dml(c *cursor, args []any) (*result, error) {
	if err := ss.allowed(c.peek().up, ""); err != nil {
		return nil, err
	}
	if err := ss.lockToWrite(); err != nil {
		return nil, err
	}
	r, w, err := ss.dmlLocked(c, args)
	ss.srv.eng.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return r, ss.settle(w)
}

// settle waits for a commit's acknowledgement.
func (ss *session) settle(w *waiter) error {
	ss.command.Store("Waiting for semi-sync ACK from slave")
	return ss.srv.log.await(w)
}

func (ss *session) dmlLocked(c *cursor, args []any) (*result, *waiter, error) {
	tr := ss.translator(c.src, args)
	var d *dml
	var err error
	switch c.peek().up {
	case "INSERT", "REPLACE":
		d, err = tr.insert(c)
	case "UPDATE":
		d, err = tr.update(c)
	case "DELETE":
		d, err = tr.delete(c)
	default:
		d, err = tr.truncate(c)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := ss.fenced(); err != nil {
		return nil, nil, err
	}
	if ss.tx != nil && ss.readOnlyTx {
		return nil, nil, errorf(1792, "25006", "Cannot execute statement in a READ ONLY transaction")
	}
	ss.begin()
	if err := ss.enter(); err != nil {
		return nil, nil, err
	}
	eng := ss.srv.eng
	o, err := eng.write(d, args)
	if err != nil {
		return nil, nil, err
	}
	var w *waiter
	if ss.tx != nil {
		ss.tx.done = append(ss.tx.done, step{d: d, args: args, affected: o.affected, lastID: o.lastID})
	} else {
		cs := eng.changes
		eng.changes = nil
		if w, err = ss.record(cs); err != nil {
			return nil, nil, err
		}
	}
	if o.lastID != 0 {
		ss.lastID = o.lastID
	}
	if ss.caps&capFoundRows != 0 && d.verb == "UPDATE" {
		o.affected = o.matched
	}
	ss.rowCount = o.affected
	if o.rows != nil {
		return fromRows(o.rows, false), w, nil
	}
	return &result{affected: uint64(o.affected), lastID: uint64(o.lastID)}, w, nil //nolint:gosec // neither is negative
}

// record puts committed changes into the log.
func (ss *session) record(cs []change) (*waiter, error) {
	if len(cs) == 0 || !ss.logBin {
		return nil, nil
	}
	_, w, err := ss.srv.log.append(event{
		id: gtid{domain: ss.srv.opt.Domain, server: ss.srv.opt.ServerID}, at: time.Now(),
		body: ss.srv.eng.pack.body(cs), ddl: cs[0].op == 'S',
	}, true)
	return w, err
}

// define runs CREATE, DROP and ALTER, after an implicit commit.
func (ss *session) define(c *cursor) (*result, error) {
	if err := ss.allowed(c.peek().up, ""); err != nil {
		return nil, err
	}
	if err := ss.commit(); err != nil {
		return nil, err
	}
	if err := ss.lockToWrite(); err != nil {
		return nil, err
	}
	w, none, err := ss.defineLocked(c)
	ss.srv.eng.mu.Unlock()
	if err != nil {
		return nil, err
	}
	r := &result{}
	if none {
		r.warnings = 1
	}
	return r, ss.settle(w)
}

func (ss *session) defineLocked(c *cursor) (w *waiter, none bool, err error) {
	eng := ss.srv.eng
	if err := ss.fenced(); err != nil {
		return nil, false, err
	}
	d, err := ss.translator(c.src, nil).ddl(c)
	if err != nil || d.none {
		return nil, err == nil, err
	}
	if err := eng.enter(nil); err != nil {
		return nil, false, err
	}
	if err := eng.runDDL(d); err != nil {
		return nil, false, err
	}
	src := c.src[c.toks[0].start:c.toks[len(c.toks)-1].end]
	w, err = ss.record([]change{{op: 'S', db: ss.db, ddl: src}})
	return w, false, err
}
