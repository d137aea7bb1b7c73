package mysqld

// control runs BEGIN, COMMIT, ROLLBACK and the savepoints.
func (ss *session) control(c *cursor) (*result, error) {
	switch {
	case c.word("BEGIN"), c.word("START", "TRANSACTION"):
		c.word("WORK")
		if err := ss.commit(); err != nil {
			return nil, err
		}
		ss.tx = &transaction{}
		ss.readOnlyTx = c.word("READ", "ONLY")
		if !ss.readOnlyTx {
			c.word("READ", "WRITE")
		}
		c.word("WITH", "CONSISTENT", "SNAPSHOT")
		return &result{}, c.end()
	case c.word("COMMIT"):
		c.word("WORK")
		return &result{}, firstErr(c.end(), ss.commit())
	case c.word("ROLLBACK"):
		c.word("WORK")
		if c.word("TO") {
			c.word("SAVEPOINT")
			return ss.savepoint(c, "ROLLBACK TO ")
		}
		return &result{}, firstErr(c.end(), ss.rollback())
	case c.word("SAVEPOINT"):
		return ss.savepoint(c, "SAVEPOINT ")
	case c.word("RELEASE", "SAVEPOINT"):
		return ss.savepoint(c, "RELEASE ")
	}
	return nil, c.fail()
}

func (ss *session) savepoint(c *cursor, verb string) (*result, error) {
	name, err := c.ident()
	if err := firstErr(err, c.end()); err != nil {
		return nil, err
	}
	if ss.tx == nil {
		return &result{}, nil
	}
	eng := ss.srv.eng
	eng.mu.Lock()
	defer eng.mu.Unlock()
	if err := ss.enter(); err != nil {
		return nil, err
	}
	s := verb + quote(name)
	if err := eng.savepoint(ss.tx, s); err != nil {
		return nil, errorf(1305, "42000", "SAVEPOINT %s does not exist", name)
	}
	ss.tx.done = append(ss.tx.done, step{sql: s})
	return &result{}, nil
}

// commit ends the transaction, if there is one.
func (ss *session) commit() error {
	tx := ss.tx
	if tx == nil {
		return nil
	}
	if len(tx.done) == 0 {
		ss.tx = nil
		return nil
	}
	if err := ss.lockToWrite(); err != nil {
		return err
	}
	w, err := ss.commitLocked()
	ss.srv.eng.mu.Unlock()
	if err != nil {
		return err
	}
	return ss.settle(w)
}

func (ss *session) commitLocked() (*waiter, error) {
	eng := ss.srv.eng
	if err := ss.enter(); err != nil {
		return nil, err
	}
	tx := ss.tx
	if len(eng.changes) > 0 {
		if err := ss.fenced(); err != nil { // and the transaction is rolled back
			ss.tx = nil
			return nil, firstErr(eng.abandon(tx), err)
		}
	}
	ss.tx = nil
	cs, err := eng.commit(tx)
	if err != nil {
		return nil, err
	}
	return ss.record(cs)
}

func (ss *session) rollback() error {
	tx := ss.tx
	ss.tx = nil
	if tx == nil {
		return nil
	}
	ss.srv.eng.mu.Lock()
	defer ss.srv.eng.mu.Unlock()
	return ss.srv.eng.abandon(tx)
}
