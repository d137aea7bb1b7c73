package mysqld

import (
	"slices"
	"strings"
	"time"
)

// globalDefaults are the variables that are only kept and shown. Those with a
// meaning are in sysVar and set.
func globalDefaults() map[string]any {
	return map[string]any{
		"autocommit": int64(1), "auto_increment_increment": int64(1), "auto_increment_offset": int64(1), "binlog_format": "ROW", "binlog_row_image": "FULL",
		"character_set_client": "utf8mb4", "character_set_connection": "utf8mb4", "character_set_results": "utf8mb4",
		"character_set_server": "utf8mb4", "character_set_database": "utf8mb4", "collation_connection": "utf8mb4_general_ci",
		"collation_server": "utf8mb4_general_ci", "collation_database": "utf8mb4_general_ci",
		"gtid_strict_mode": int64(1), "init_connect": "", "innodb_flush_log_at_trx_commit": int64(1), "interactive_timeout": int64(28800),
		"license": "GPL", "lock_wait_timeout": int64(86400), "innodb_lock_wait_timeout": int64(50), "log_bin": int64(1), "log_slave_updates": int64(1),
		"lower_case_table_names": int64(0), "max_allowed_packet": int64(maxMessage), "max_connections": int64(151), "net_buffer_length": int64(16384),
		"net_read_timeout": int64(30), "net_write_timeout": int64(60), "performance_schema": int64(0), "protocol_version": int64(10),
		"rpl_semi_sync_master_enabled": int64(1), "rpl_semi_sync_slave_enabled": int64(1), "rpl_semi_sync_master_timeout": int64(1000),
		"rpl_semi_sync_master_wait_point": "AFTER_SYNC", "skip_networking": int64(0), "slave_net_timeout": int64(60),
		"sql_mode":     "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION",
		"sql_notes":    int64(1),
		"sync_binlog":  int64(1),
		"sql_log_bin":  int64(1),
		"time_zone":    "+00:00",
		"tx_isolation": "READ-COMMITTED", "transaction_isolation": "READ-COMMITTED", "tx_read_only": int64(0), "foreign_key_checks": int64(1),
		"unique_checks": int64(1), "sql_safe_updates": int64(0), "sql_select_limit": "18446744073709551615", "sql_quote_show_create": int64(1),
		"system_time_zone": "UTC", "version_comment": "sandbox server", "version_compile_os": "Linux", "version_compile_machine": "x86_64",
		"wait_timeout": int64(28800), "default_storage_engine": "InnoDB", "query_cache_size": int64(0), "query_cache_type": "OFF", "default_master_connection": "",
	}
}

// live are the variables whose value is computed.
var live = []string{
	"datadir", "gtid_binlog_pos", "gtid_binlog_state", "gtid_current_pos", "gtid_domain_id", "gtid_slave_pos", "hostname", "port", "pseudo_thread_id",
	"read_only", "report_host", "server_id", "server_uid", "timestamp", "version",
}

// splitScope cuts "global.name" into its parts; scope is "" when none is given.
func splitScope(name string) (scope, bare string) {
	for _, s := range []string{"global", "session", "local"} {
		if rest, ok := strings.CutPrefix(name, s+"."); ok {
			return s, rest
		}
	}
	return "", name
}

// sysVar is the value of @@name.
func (ss *session) sysVar(name string) (any, error) {
	scope, bare := splitScope(name)
	s := ss.srv
	switch bare {
	case "version":
		return Version, nil
	case "hostname", "report_host":
		return s.opt.Name, nil
	case "server_id":
		return int64(s.opt.ServerID), nil
	case "server_uid":
		return s.opt.Name, nil
	case "gtid_domain_id":
		return int64(s.opt.Domain), nil
	case "port":
		return s.port(), nil
	case "datadir":
		return "(memory)", nil
	case "pseudo_thread_id":
		return int64(ss.id), nil
	case "timestamp":
		return float64(time.Now().UnixMicro()) / 1e6, nil
	case "read_only":
		return toBit(s.isReadOnly()), nil
	case "gtid_binlog_pos", "gtid_binlog_state":
		return s.log.position().String(), nil
	case "gtid_slave_pos":
		return s.replica.position().String(), nil
	case "gtid_current_pos":
		return s.currentPos().String(), nil
	}
	if scope != "global" {
		switch bare {
		case "autocommit":
			return toBit(ss.autocommit), nil
		case "sql_log_bin":
			return toBit(ss.logBin), nil
		case "last_insert_id", "identity":
			return ss.lastID, nil
		}
		if v, ok := ss.vars[bare]; ok {
			return v, nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.settings[bare]; ok {
		return v, nil
	}
	return nil, errUnknownVariable(bare)
}

func toBit(b bool) any {
	if b {
		return int64(1)
	}
	return int64(0)
}

// currentPos is gtid_slave_pos, and per domain what was written here since.
func (s *Server) currentPos() position {
	p := s.replica.position()
	for d, g := range s.log.position() {
		if g.server == s.opt.ServerID && g.seq > p[d].seq {
			p[d] = g
		}
	}
	return p
}

// variables lists everything for SHOW VARIABLES, by name.
func (ss *session) variables(global bool) ([][]any, error) {
	ss.srv.mu.Lock()
	names := append(sortedKeys(ss.srv.settings), live...)
	ss.srv.mu.Unlock()
	slices.Sort(names)
	var out [][]any
	for _, n := range names {
		full := n
		if global {
			full = "global." + n
		}
		v, err := ss.sysVar(full)
		if err != nil {
			return nil, err
		}
		s := toText(v)
		if flags[n] {
			s = map[string]string{"0": "OFF", "1": "ON"}[s]
		}
		out = append(out, []any{n, s})
	}
	return out, nil
}

// flags are shown as ON and OFF.
var flags = map[string]bool{
	"autocommit": true, "gtid_strict_mode": true, "log_bin": true, "log_slave_updates": true, "performance_schema": true, "read_only": true,
	"rpl_semi_sync_master_enabled": true, "rpl_semi_sync_slave_enabled": true, "skip_networking": true, "sql_notes": true, "sql_log_bin": true,
	"tx_read_only": true, "foreign_key_checks": true, "unique_checks": true, "sql_safe_updates": true, "sql_quote_show_create": true,
}

// set runs SET.
func (ss *session) set(c *cursor, args []any) (*result, error) {
	c.next()
	if c.any("NAMES") != "" || c.word("CHARACTER", "SET") || c.any("CHARSET") != "" {
		return &result{}, nil
	}
	if c.word("PASSWORD") || c.word("ROLE") || c.word("STATEMENT") {
		c.pos--
		return nil, c.fail()
	}
	for _, part := range split(c.toks[c.pos:]) {
		p := &cursor{src: c.src, toks: part}
		if err := ss.setOne(p, args); err != nil {
			return nil, err
		}
	}
	return &result{}, nil
}

func (ss *session) setOne(c *cursor, args []any) error {
	scope := strings.ToLower(c.any("GLOBAL", "SESSION", "LOCAL"))
	if c.word("TRANSACTION") {
		return ss.setTransaction(c)
	}
	t := c.next()
	name := strings.ToLower(t.val)
	if t.kind == kSysVar {
		scope, name = splitScope(name)
	} else if !t.name() && t.kind != kUserVar {
		c.pos--
		return c.fail()
	}
	if !c.op("=") && !c.op(":=") {
		return c.fail()
	}
	val := c.toks[c.pos:]
	if len(val) == 0 {
		return c.fail()
	}
	v, err := ss.constant(val, args)
	if err != nil {
		if v, err = ss.evaluate(c.src, val, args); err != nil {
			return err
		}
	}
	if t.kind == kUserVar {
		ss.userVars[name] = v
		return nil
	}
	if v == "DEFAULT" {
		v = globalDefaults()[name]
	}
	if scope == "global" {
		return ss.setGlobal(name, v)
	}
	return ss.setSession(name, v)
}

// evaluate is the value of an expression.
func (ss *session) evaluate(src string, toks []token, args []any) (any, error) {
	sel := token{kind: kWord, val: "SELECT", up: "SELECT", start: toks[0].start, end: toks[0].start}
	r, err := ss.query(&cursor{src: src, toks: append([]token{sel}, toks...)}, args)
	if err != nil {
		return nil, err
	}
	if len(r.rows) == 0 {
		return nil, nil
	}
	return r.rows[0][0], nil
}

func (ss *session) setTransaction(c *cursor) error {
	for !c.done() {
		switch {
		case c.word("ISOLATION", "LEVEL"):
			if !c.word("READ", "COMMITTED") && !c.word("READ", "UNCOMMITTED") && !c.word("REPEATABLE", "READ") && !c.word("SERIALIZABLE") {
				return c.fail()
			}
		case c.word("READ", "ONLY"), c.word("READ", "WRITE"):
		default:
			return c.fail()
		}
	}
	return nil
}

func (ss *session) setSession(name string, v any) error {
	on := truth(v)
	switch name {
	case "autocommit":
		if on {
			if err := ss.commit(); err != nil {
				return err
			}
		}
		ss.autocommit = on
		return nil
	case "sql_log_bin":
		if err := ss.admin(); err != nil {
			return err
		}
		if ss.tx != nil && len(ss.tx.done) > 0 {
			return errorf(1694, "HY000", "Cannot modify @@session.sql_log_bin inside a transaction")
		}
		ss.logBin = on
		return nil
	}
	if slices.Contains(live, name) {
		return errorf(1229, "HY000", "Variable '%s' is a GLOBAL variable and should be set with SET GLOBAL", name)
	}
	ss.srv.mu.Lock()
	_, ok := ss.srv.settings[name]
	ss.srv.mu.Unlock()
	if !ok {
		return errUnknownVariable(name)
	}
	ss.vars[name] = v
	return nil
}

func truth(v any) bool {
	if s, ok := v.(string); ok {
		return strings.EqualFold(s, "ON") || strings.EqualFold(s, "TRUE") || s == "1"
	}
	return toInt(v) != 0
}

func (ss *session) setGlobal(name string, v any) error {
	if err := ss.admin(); err != nil {
		return err
	}
	switch name {
	case "read_only":
		ss.srv.setReadOnly(truth(v))
		return nil
	case "gtid_slave_pos":
		return ss.srv.replica.setPosition(toText(v))
	}
	if slices.Contains(live, name) {
		return errorf(1238, "HY000", "Variable '%s' is a read only variable", name)
	}
	ss.srv.mu.Lock()
	defer ss.srv.mu.Unlock()
	if _, ok := ss.srv.settings[name]; !ok {
		return errUnknownVariable(name)
	}
	ss.srv.settings[name] = v
	return nil
}

// lockWait is lock_wait_timeout.
func (ss *session) lockWait() time.Duration {
	v, err := ss.sysVar("lock_wait_timeout")
	if err != nil {
		return time.Minute
	}
	return time.Duration(toInt(v)) * time.Second
}
