package mysqld

import (
	"math"
	"strings"
	"time"
)

// replication runs CHANGE MASTER and START, STOP, RESET of SLAVE or REPLICA.
func (ss *session) replication(c *cursor, args []any) (*result, error) {
	r := ss.srv.replica
	verb := c.next().up
	if verb == "RESET" && c.word("MASTER") {
		if err := firstErr(c.end(), ss.admin()); err != nil {
			return nil, err
		}
		ss.srv.log.reset()
		return &result{}, nil
	}
	if verb == "CHANGE" {
		if !c.word("MASTER") {
			return nil, c.fail()
		}
		ss.connectionName(c)
		if !c.word("TO") {
			return nil, c.fail()
		}
		if err := ss.admin(); err != nil {
			return nil, err
		}
		return &result{}, r.change(func(conf *sourceConf) error { return ss.changeMaster(c, args, conf) })
	}
	if c.word("ALL") { // START ALL SLAVES: there is one
		if c.any("SLAVES", "REPLICAS") == "" {
			return nil, c.fail()
		}
	} else if c.any("SLAVE", "REPLICA") == "" {
		return nil, c.fail()
	}
	ss.connectionName(c)
	if err := ss.admin(); err != nil {
		return nil, err
	}
	if verb == "RESET" {
		all := c.word("ALL")
		return &result{}, firstErr(c.end(), r.reset(all))
	}
	io, sql := true, true
	switch c.any("IO_THREAD", "SQL_THREAD") {
	case "IO_THREAD":
		sql = c.op(",") && c.word("SQL_THREAD")
	case "SQL_THREAD":
		io = c.op(",") && c.word("IO_THREAD")
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	if verb == "STOP" {
		r.stop(io, sql)
		return &result{}, nil
	}
	return &result{}, r.start(io, sql)
}

// connectionName skips the name of a connection; there is only the unnamed one.
func (ss *session) connectionName(c *cursor) {
	if t := c.peek(); t.kind == kString && t.val == "" {
		c.next()
	}
}

func (ss *session) changeMaster(c *cursor, args []any, conf *sourceConf) error {
	for _, part := range split(c.toks[c.pos:]) {
		if len(part) < 3 || !part[1].op("=") {
			return c.fail()
		}
		v, err := ss.constant(part[2:], args)
		if err != nil {
			return err
		}
		secs := time.Duration(math.Min(toFloat(v), 1e9) * float64(time.Second))
		switch part[0].up {
		case "MASTER_HOST":
			conf.host = toText(v)
		case "MASTER_PORT":
			conf.port = int(toInt(v))
		case "MASTER_USER":
			conf.user = toText(v)
		case "MASTER_PASSWORD":
			conf.password = toText(v)
		case "MASTER_CONNECT_RETRY":
			conf.retry = secs
		case "MASTER_HEARTBEAT_PERIOD":
			conf.heartbeat = secs
		case "MASTER_DELAY":
			conf.delay = secs
		case "MASTER_SSL", "MASTER_SSL_VERIFY_SERVER_CERT":
			if truth(v) {
				return errorf(1235, "42000", "This version of MariaDB doesn't yet support 'TLS between sandbox servers'")
			}
		case "MASTER_SSL_CA", "MASTER_SSL_CERT", "MASTER_SSL_KEY": // of no use without MASTER_SSL
		case "MASTER_USE_GTID":
			switch strings.ToLower(toText(v)) {
			case "slave_pos", "replica_pos":
				conf.currentPos = false
			case "current_pos":
				conf.currentPos = true
			default:
				return errorf(1235, "42000", "This version of MariaDB doesn't yet support 'replication without GTID'")
			}
		default:
			return errSyntax(c.src[part[0].start:])
		}
	}
	return nil
}

// reset is RESET MASTER: an empty log.
func (b *binlog) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.first += uint64(len(b.events))
	b.events, b.bytes, b.foreign = nil, 0, 0
	b.base, b.last = position{}, position{}
	clear(b.used)
	clear(b.undone)
	clear(b.holds)
	b.releaseLocked(^uint64(0), nil)
	b.changed.notify()
}

// replicaColumns are those of MariaDB 10.11's SHOW SLAVE STATUS, in its order.
var replicaColumns = strings.Fields(`Slave_IO_State Master_Host Master_User Master_Port Connect_Retry Master_Log_File Read_Master_Log_Pos
	Relay_Log_File Relay_Log_Pos Relay_Master_Log_File Slave_IO_Running Slave_SQL_Running Replicate_Do_DB Replicate_Ignore_DB
	Replicate_Do_Table Replicate_Ignore_Table Replicate_Wild_Do_Table Replicate_Wild_Ignore_Table Last_Errno Last_Error Skip_Counter
	Exec_Master_Log_Pos Relay_Log_Space Until_Condition Until_Log_File Until_Log_Pos Master_SSL_Allowed Master_SSL_CA_File
	Master_SSL_CA_Path Master_SSL_Cert Master_SSL_Cipher Master_SSL_Key Seconds_Behind_Master Master_SSL_Verify_Server_Cert
	Last_IO_Errno Last_IO_Error Last_SQL_Errno Last_SQL_Error Replicate_Ignore_Server_Ids Master_Server_Id Master_SSL_Crl
	Master_SSL_Crlpath Using_Gtid Gtid_IO_Pos Replicate_Do_Domain_Ids Replicate_Ignore_Domain_Ids Parallel_Mode SQL_Delay
	SQL_Remaining_Delay Slave_SQL_Running_State Slave_DDL_Groups Slave_Non_Transactional_Groups Slave_Transactional_Groups`)

// replicaStatus is SHOW SLAVE STATUS: no row when there is no source.
func (s *Server) replicaStatus() *result {
	r := s.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	out := table(replicaColumns...)
	if !r.configured {
		return out
	}
	var behind, remaining any
	ioRun, sqlRun := "No", "No"
	ioState, sqlState := "", ""
	if r.io.running() {
		ioRun = r.io.state
		ioState = map[bool]string{true: "Waiting for master to send event", false: "Connecting to master"}[ioRun == "Yes"]
	}
	if r.sql.running() {
		sqlRun, sqlState = "Yes", "Slave has read all relay log; waiting for more updates"
	}
	if len(r.relay) > 0 && sqlRun == "Yes" {
		sqlState = "Reading event from the relay log"
		if left := time.Until(r.relay[0].at.Add(r.lag + r.conf.delay)); left > 0 {
			sqlState = "Waiting until MASTER_DELAY seconds after master executed event"
			remaining = int64(left / time.Second)
		}
	}
	if ioRun == "Yes" && sqlRun == "Yes" {
		behind = int64(0)
		if len(r.relay) > 0 {
			behind = int64(max(time.Since(r.relay[0].at), 0) / time.Second)
		}
	}
	using := "Slave_Pos"
	if r.conf.currentPos {
		using = "Current_Pos"
	}
	vals := map[string]any{
		"Slave_IO_State": ioState, "Master_Host": r.conf.host, "Master_User": r.conf.user, "Master_Port": int64(r.conf.port),
		"Connect_Retry": int64(r.conf.retry / time.Second), "Slave_IO_Running": ioRun, "Slave_SQL_Running": sqlRun,
		"Seconds_Behind_Master": behind, "Last_IO_Errno": int64(r.io.errno), "Last_IO_Error": r.io.msg,
		"Last_SQL_Errno": int64(r.sql.errno), "Last_SQL_Error": r.sql.msg, "Last_Errno": int64(r.sql.errno), "Last_Error": r.sql.msg,
		"Using_Gtid": using, "Gtid_IO_Pos": r.received.String(), "SQL_Delay": int64(r.conf.delay / time.Second), "SQL_Remaining_Delay": remaining,
		"Slave_SQL_Running_State": sqlState, "Until_Condition": "None", "Master_SSL_Allowed": "No", "Master_SSL_Verify_Server_Cert": "No",
		"Parallel_Mode": "optimistic", "Master_Log_File": "binlog.000001", "Relay_Log_File": "relay.000001", "Relay_Master_Log_File": "binlog.000001",
	}
	numbers := map[string]bool{
		"Read_Master_Log_Pos": true, "Relay_Log_Pos": true, "Skip_Counter": true, "Exec_Master_Log_Pos": true, "Relay_Log_Space": true,
		"Until_Log_Pos": true, "Master_Server_Id": true, "Slave_DDL_Groups": true, "Slave_Non_Transactional_Groups": true, "Slave_Transactional_Groups": true,
	}
	row := make([]any, len(replicaColumns))
	for i, n := range replicaColumns {
		v, ok := vals[n]
		switch {
		case ok:
			row[i] = v
		case numbers[n]:
			row[i] = int64(0)
		default:
			row[i] = ""
		}
	}
	out.add(row...)
	for i, n := range replicaColumns { // these are numbers even when NULL
		if n == "Seconds_Behind_Master" || n == "SQL_Remaining_Delay" {
			out.cols[i].typ, out.cols[i].flags = typLongLong, flagBinary
		}
	}
	return out
}
