package mysqld

import (
	"fmt"
)

// transaction is what one client has done since BEGIN. There is one SQLite
// connection, so only one transaction is open on it at a time: when another
// session needs the engine, the open one is rolled back ("parked") and, at its
// next statement, done again from the list. Nobody sees what is not committed, and
// a client that hangs blocks nobody. Should doing it again give another result
// than the client was told, it gets error 1213, as from a deadlock.
type transaction struct {
	done  []step
	open  bool // on the SQLite connection now
	marks map[string]mark
}

// step is one statement of a transaction.
type step struct {
	sql  string
	d    *dml // nil for locking reads and savepoints
	args []any
	// affected, lastID, digest are what the client was told.
	affected, lastID, digest int64
	read                     bool
}

// mark is where a savepoint stands.
type mark struct{ changes, steps int }

// enter makes the SQLite connection tx's; with nil it is left outside of any
// transaction.
func (e *engine) enter(tx *transaction) error {
	if e.holder == tx && (tx == nil || tx.open) {
		if tx == nil {
			e.changes = nil
		}
		return nil
	}
	if e.holder != nil {
		if err := e.park(); err != nil {
			return err
		}
	}
	e.changes = nil
	if tx == nil {
		return nil
	}
	if err := e.run("BEGIN"); err != nil {
		return err
	}
	e.holder, tx.open = tx, true
	steps := tx.done
	for _, s := range steps {
		if err := e.again(tx, s); err != nil {
			return fmt.Errorf("%w", firstOf(e.abandon(tx), err))
		}
	}
	return nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// again repeats one step and compares.
func (e *engine) again(tx *transaction, s step) error {
	switch {
	case s.d != nil:
		o, err := e.write(s.d, s.args)
		if err != nil || o.affected != s.affected || o.lastID != s.lastID {
			return errConflict()
		}
	case s.read:
		rs, err := e.query(s.sql, s.args)
		if err != nil || rs.digest() != s.digest {
			return errConflict()
		}
	default:
		return e.savepoint(tx, s.sql)
	}
	return nil
}

// park takes the open transaction off the connection; it can enter again.
func (e *engine) park() error {
	tx := e.holder
	e.holder, tx.open, e.changes = nil, false, nil
	return e.run("ROLLBACK")
}

// abandon rolls tx back for good.
func (e *engine) abandon(tx *transaction) error {
	tx.done, tx.marks = nil, nil
	if e.holder != tx || tx == nil {
		return nil
	}
	return e.park()
}

// commit ends tx and returns its changes; tx must have entered.
func (e *engine) commit(tx *transaction) ([]change, error) {
	if err := e.run("COMMIT"); err != nil {
		return nil, err
	}
	cs := e.changes
	e.holder, tx.open, e.changes = nil, false, nil
	tx.done, tx.marks = nil, nil
	return cs, nil
}

// savepoint runs SAVEPOINT, ROLLBACK TO or RELEASE (s is one of them, translated)
// and keeps the lists in step. It does not add itself to tx.done.
func (e *engine) savepoint(tx *transaction, s string) error {
	if err := e.run(s); err != nil {
		return explain(err, nil, nil)
	}
	var name string
	switch {
	case scan(s, "SAVEPOINT ", &name):
		if tx.marks == nil {
			tx.marks = map[string]mark{}
		}
		tx.marks[name] = mark{changes: len(e.changes), steps: len(tx.done)}
	case scan(s, "ROLLBACK TO ", &name):
		if m, ok := tx.marks[name]; ok {
			e.changes = e.changes[:min(m.changes, len(e.changes))]
		}
	}
	return nil
}

func scan(s, prefix string, rest *string) bool {
	if len(s) > len(prefix) && s[:len(prefix)] == prefix {
		*rest = s[len(prefix):]
		return true
	}
	return false
}
