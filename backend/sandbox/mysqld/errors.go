package mysqld

import "fmt"

// sqlError is an error as the protocol carries it.
type sqlError struct {
	code  uint16
	state string
	msg   string
}

func (e *sqlError) Error() string { return fmt.Sprintf("%d (%s): %s", e.code, e.state, e.msg) }

func errorf(code uint16, state, format string, args ...any) *sqlError {
	return &sqlError{code: code, state: state, msg: fmt.Sprintf(format, args...)}
}

// errSyntax is 1064, with the text from where it was not understood.
func errSyntax(near string) *sqlError {
	if len(near) > 80 {
		near = near[:80]
	}
	return errorf(1064, "42000", "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the right syntax to use near '%s' at line 1", near)
}

func errNoTable(db, table string) *sqlError {
	return errorf(1146, "42S02", "Table '%s.%s' doesn't exist", db, table)
}

func errReadOnly() *sqlError {
	return errorf(1290, "HY000", "The MariaDB server is running with the --read-only option so it cannot execute this statement")
}

func errConflict() *sqlError {
	return errorf(1213, "40001", "Deadlock found when trying to get lock; try restarting transaction")
}

func errKilled() *sqlError { return errorf(1053, "08S01", "Server shutdown in progress") }
