package mysqld

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// session is one client connection. Only its own goroutine touches it, except for
// killed, close and reset.
type session struct {
	srv      *Server
	id       uint32
	wire     *wire
	ctx      context.Context
	cancel   context.CancelFunc
	killed   atomic.Bool
	once     sync.Once
	began    time.Time
	caps     uint32
	user     string
	account  Account
	secured  bool         // the conversation is encrypted
	unproven bool         // a client certificate is wanted, and none was shown
	command  atomic.Value // string, for SHOW PROCESSLIST
	loggedIn atomic.Value // string, the user's name for SHOW PROCESSLIST

	db         string
	autocommit bool
	logBin     bool
	tx         *transaction // nil outside of one
	readOnlyTx bool
	lastID     int64
	rowCount   int64
	vars       map[string]any // session variables that were set
	userVars   map[string]any // @variables
	stmts      map[uint32]*prepared
	nextStmt   uint32
}

func newSession(s *Server, id uint32, c net.Conn) *session {
	ctx, cancel := context.WithCancel(s.ctx)
	ss := &session{
		srv: s, id: id, wire: newWire(c), ctx: ctx, cancel: cancel, began: time.Now(),
		autocommit: true, logBin: true, vars: map[string]any{}, userVars: map[string]any{}, stmts: map[uint32]*prepared{},
	}
	ss.command.Store("Connect")
	return ss
}

// close ends the connection; reset does it with RST, so that nothing that is on
// its way arrives later.
func (ss *session) close() {
	ss.once.Do(func() {
		ss.killed.Store(true)
		ss.cancel()
		_ = ss.wire.conn.Close()
	})
}

func (ss *session) reset() {
	if t, ok := ss.wire.conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	ss.close()
}

// who is the user's name; "unauthenticated user" before there is one.
func (ss *session) who() string {
	if s, ok := ss.loggedIn.Load().(string); ok {
		return s
	}
	return "unauthenticated user"
}

func (ss *session) send(p []byte) error { return ss.wire.write(p) }
func (ss *session) flush() error        { return ss.wire.flush() }

func (ss *session) sendNow(p []byte) error {
	if err := ss.send(p); err != nil {
		return err
	}
	return ss.flush()
}

// handshakeTimeout bounds how long a client may take to log in (connect_timeout).
const handshakeTimeout = 10 * time.Second

// serve runs the connection from greeting to end.
func (ss *session) serve() {
	defer func() {
		ss.close()
		ss.leave()
	}()
	_ = ss.wire.conn.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := ss.handshake(); err != nil {
		var se *sqlError
		if errors.As(err, &se) {
			_ = ss.sendError(se)
		}
		return
	}
	_ = ss.wire.conn.SetDeadline(time.Time{})
	if err := ss.sendOK(&result{}, 0); err != nil {
		return
	}
	for {
		if ss.flush() != nil {
			return
		}
		ss.command.Store("Sleep")
		ss.wire.restart()
		p, err := ss.wire.read()
		if err != nil || len(p) == 0 || p[0] == comQuit {
			return
		}
		ss.srv.questions.Add(1)
		ss.command.Store("Query")
		err = ss.handle(p[0], p[1:])
		switch {
		case err == nil:
		case errors.Is(err, errGone), ss.killed.Load():
			return
		default:
			if ss.sendError(asSQL(err)) != nil {
				return
			}
		}
	}
}

// leave gives back what the session held.
func (ss *session) leave() {
	s := ss.srv
	s.eng.mu.Lock()
	if ss.tx != nil {
		_ = s.eng.abandon(ss.tx) // the connection is gone, there is nobody to tell
	}
	s.eng.mu.Unlock()
	s.mu.Lock()
	delete(s.sessions, ss.id)
	if s.frozen == ss {
		s.frozen = nil
	}
	s.mu.Unlock()
	s.unlocked.notify()
}

// handle does one command. An error is sent to the client by the caller.
func (ss *session) handle(cmd byte, body []byte) error {
	switch cmd {
	case comPing:
		return ss.sendOK(&result{}, 0)
	case comSetOption:
		return ss.sendEOF(0)
	case comStatistics:
		return ss.send(fmt.Appendf(nil, "Uptime: %d  Questions: %d", time.Since(ss.srv.started)/time.Second, ss.srv.questions.Load()))
	case comResetConn:
		if err := ss.rollback(); err != nil {
			return err
		}
		ss.autocommit, ss.logBin, ss.readOnlyTx = true, true, false
		clear(ss.vars)
		clear(ss.userVars)
		clear(ss.stmts)
		return ss.sendOK(&result{}, 0)
	case comInitDB:
		if err := ss.use(string(body)); err != nil {
			return err
		}
		return ss.sendOK(&result{}, 0)
	case comQuery:
		return ss.text(string(body))
	case comFieldList:
		return ss.fieldList(body)
	case comBinlogDump:
		return ss.dump(body)
	case comStmtPrepare:
		return ss.prepare(string(body))
	case comStmtExecute:
		return ss.execute(body)
	case comStmtClose:
		r := &parser{b: body}
		delete(ss.stmts, uint32(r.num(4))) //nolint:gosec // four bytes
		return nil
	case comStmtLong:
		ss.longData(body)
		return nil
	case comStmtReset:
		return ss.sendOK(&result{}, 0)
	default:
		return errorf(1047, "08S01", "Unknown command")
	}
}

// text runs the statements of a COM_QUERY.
func (ss *session) text(src string) error {
	stmts, err := lex(src)
	if err != nil {
		return err
	}
	if len(stmts) == 0 {
		return errorf(1065, "42000", "Query was empty")
	}
	if len(stmts) > 1 && ss.caps&capMultiStatements == 0 {
		return errSyntax(src[stmts[1][0].start:])
	}
	for i, toks := range stmts {
		r, err := ss.run(&cursor{src: src[:toks[len(toks)-1].end], toks: toks}, nil)
		if err != nil {
			return err
		}
		more := uint16(0)
		if i+1 < len(stmts) {
			more = statusMore
		}
		if err := ss.sendResult(r, false, more); err != nil {
			return err
		}
	}
	return nil
}

func (ss *session) status() uint16 {
	var st uint16
	if ss.autocommit {
		st |= statusAutocommit
	}
	if ss.tx != nil {
		st |= statusInTrans
	}
	return st
}

func (ss *session) sendOK(r *result, more uint16) error {
	b := appendLen([]byte{0}, r.affected)
	b = appendLen(b, r.lastID)
	b = binary.LittleEndian.AppendUint16(b, ss.status()|more)
	b = binary.LittleEndian.AppendUint16(b, r.warnings)
	return ss.send(append(b, r.info...))
}

func (ss *session) sendEOF(more uint16) error {
	b := []byte{0xfe, 0, 0}
	return ss.send(binary.LittleEndian.AppendUint16(b, ss.status()|more))
}

func (ss *session) sendError(e *sqlError) error {
	b := binary.LittleEndian.AppendUint16([]byte{0xff}, e.code)
	b = append(b, '#')
	b = append(b, e.state...)
	if err := ss.send(append(b, e.msg...)); err != nil {
		return err
	}
	return ss.flush()
}

func (ss *session) sendResult(r *result, binaryRows bool, more uint16) error {
	if r.cols == nil {
		return ss.sendOK(r, more)
	}
	if err := ss.send(appendLen(nil, uint64(len(r.cols)))); err != nil {
		return err
	}
	for _, c := range r.cols {
		if err := ss.send(c.definition()); err != nil {
			return err
		}
	}
	if err := ss.sendEOF(more); err != nil {
		return err
	}
	for _, row := range r.rows {
		p := textRow
		if binaryRows {
			p = func(row []any) []byte { return binaryRow(r.cols, row) }
		}
		if err := ss.send(p(row)); err != nil {
			return err
		}
	}
	return ss.sendEOF(more)
}

// fieldList answers COM_FIELD_LIST, which command-line clients use to complete names.
func (ss *session) fieldList(body []byte) error {
	name := (&parser{b: body}).nul()
	ss.srv.eng.mu.Lock()
	t, err := ss.srv.eng.cat.table(ss.db, name)
	var cols []column
	if err == nil {
		for i := range t.cols {
			c, _ := declared(t.cols[i].decl()) // our own declaration is always understood
			c.name = t.cols[i].name
			cols = append(cols, c)
		}
	}
	ss.srv.eng.mu.Unlock()
	if err != nil {
		return err
	}
	for _, c := range cols {
		if err := ss.send(append(c.definition(), 0xfb)); err != nil {
			return err
		}
	}
	return ss.sendEOF(0)
}

// use makes db the default database.
func (ss *session) use(db string) error {
	ss.srv.eng.mu.Lock()
	_, ok := ss.srv.eng.cat[db]
	ss.srv.eng.mu.Unlock()
	if strings.EqualFold(db, schemaDB) {
		db, ok = schemaDB, true
	}
	if !ok {
		return errorf(1049, "42000", "Unknown database '%s'", db)
	}
	ss.db = db
	return nil
}

// env of a statement.
func (ss *session) userVar(name string) any { return ss.userVars[name] }

func (ss *session) function(name string) (any, bool) {
	switch name {
	case "DATABASE", "SCHEMA":
		if ss.db == "" {
			return nil, true
		}
		return ss.db, true
	case "VERSION":
		return Version, true
	case "USER", "SESSION_USER", "SYSTEM_USER":
		return fmt.Sprintf("%s@%s", ss.user, ss.host()), true
	case "CURRENT_USER":
		return ss.user + "@%", true
	case "CONNECTION_ID":
		return int64(ss.id), true
	case "LAST_INSERT_ID":
		return ss.lastID, true
	case "ROW_COUNT", "FOUND_ROWS":
		return ss.rowCount, true
	case "GET_LOCK", "RELEASE_LOCK":
		return int64(1), true
	}
	return nil, false
}
