package probes

import (
	"fmt"
	"net"
	"strings"
)

// Replica states in Facts.ReplicaState.
const (
	replicaStreaming  = "streaming"
	replicaStopped    = "stopped"
	replicaConnecting = "connecting"
	replicaBroken     = "broken"
)

// col reads a replica status column by MariaDB's name (slave_, master_) or by
// MySQL 8's (replica_, source_).
func (st *mysqlState) col(names ...string) string {
	for _, n := range names {
		if v, ok := st.replica[n]; ok {
			return v
		}
	}
	return ""
}

func (st *mysqlState) io() string  { return st.col("slave_io_running", "replica_io_running") }
func (st *mysqlState) sql() string { return st.col("slave_sql_running", "replica_sql_running") }

func (st *mysqlState) source() string {
	host := st.col("master_host", "source_host")
	if host == "" {
		return ""
	}
	return net.JoinHostPort(host, st.col("master_port", "source_port"))
}

// lastError is the error that stopped or hinders replication, with its number.
func (st *mysqlState) lastError() string {
	for _, k := range []string{"sql", "io"} {
		no, text := st.col("last_"+k+"_errno"), st.col("last_"+k+"_error")
		if no != "" && no != "0" {
			switch no {
			case "2002", "2003", "2005", "2013":
				text = "cannot reach its source"
			case "1045":
				text = "its replication account is refused"
			case "1597": // COM_REGISTER_SLAVE
				if strings.Contains(text, "Access denied") {
					text = "its replication account lacks REPLICATION SLAVE"
				}
			}
			return fmt.Sprintf("error %s: %s", clean(no, 8), clean(text, 100))
		}
	}
	return ""
}

func (st *mysqlState) replicaState() string {
	if st.replica == nil {
		return ""
	}
	yes := func(s string) bool { return strings.EqualFold(s, "Yes") }
	no := func(s string) bool { return strings.EqualFold(s, "No") || s == "" }
	ioErr, sqlErr := st.col("last_io_errno"), st.col("last_sql_errno")
	bad := func(errno string) bool { return errno != "" && errno != "0" }
	switch {
	case no(st.sql()) && bad(sqlErr), no(st.io()) && bad(ioErr):
		return replicaBroken
	case no(st.io()) || no(st.sql()):
		return replicaStopped
	case yes(st.io()) && yes(st.sql()):
		return replicaStreaming
	default: // Connecting, Preparing
		return replicaConnecting
	}
}

// ReplicationHidden in Facts.Extra says why it is not known whether a database follows another.
const ReplicationHidden = "replication"

func (st *mysqlState) facts(c *conv) {
	f := &c.facts
	f.Version, f.ReadOnly, f.Position = st.version, ptr(st.readOnly), st.position
	if st.nothingYet {
		c.extra(positionKey, positionNone)
	}
	for k, v := range st.ids {
		c.extra(k, v)
	}
	if st.replicaErr != "" {
		c.extra(ReplicationHidden, "cannot see it: "+st.replicaErr+" (grant REPLICA MONITOR or REPLICATION CLIENT to "+c.t.User+")")
	}
	if st.replica == nil {
		if st.replicaErr == "" {
			f.Role = "primary"
			if st.readOnly {
				f.Role = "standalone"
			}
		}
		return
	}
	f.Role, f.ReplicaOf, f.ReplicaState = "replica", st.source(), st.replicaState()
	if lag, ok := number(st.col("seconds_behind_master", "seconds_behind_source")); ok && lag >= 0 {
		f.LagSeconds = ptr(lag)
	}
	f.SourcePosition = squeeze(st.col("gtid_io_pos"))
	if got := squeeze(st.col("retrieved_gtid_set")); got != "" {
		// MySQL lists only what came since the relay log began
		f.SourcePosition = got
		if all, err := Union(got, st.position); err == nil {
			f.SourcePosition = all
		}
	}
	c.extra("io_thread", st.io())
	c.extra("sql_thread", st.sql())
	c.extra("applied", st.applied)
	c.extra("using_gtid", st.col("using_gtid", "auto_position"))
	c.extra("replication_error", st.lastError())
}

// judge holds the facts against the role that is expected now.
func (st *mysqlState) judge(c *conv, role Role) answer {
	var f findings
	switch role {
	case RoleSource:
		if st.readOnly {
			c.expected("read_only = 0, as this is the source")
			f.add(down("read-only, but it should take writes"))
		}
	case RoleReplica:
		st.judgeReplica(c, &f)
	case RoleAny:
	}
	return f.verdict(up("%s", st.describe(c)))
}

func (st *mysqlState) judgeReplica(c *conv, f *findings) {
	switch state := st.replicaState(); {
	case st.replicaErr != "":
		// a missing privilege is a missing fact, not a fault of the component
	case st.replica == nil:
		c.expected("a replica status, as this is a replica")
		f.add(degraded("should be a replica, but follows nobody"))
	case state != replicaStreaming:
		c.expected("both replication threads running")
		text := fmt.Sprintf("replication of %s is %s", orNobody(st.source()), state)
		if e := st.lastError(); e != "" {
			text += ", " + e
		}
		f.add(degraded("%s", text))
	}
	if !st.readOnly {
		c.expected("read_only = 1, as this is a replica")
		f.add(degraded("should be a replica, but takes writes (read_only is off)"))
	}
}

func (st *mysqlState) describe(c *conv) string {
	mode := "takes writes"
	if st.readOnly {
		mode = "read-only"
	}
	switch {
	case st.replica == nil && st.replicaErr != "":
		return mode + ", replication not visible (missing privilege)"
	case st.replica == nil:
		return mode
	}
	var text string
	switch {
	case st.replicaState() != replicaStreaming:
		text = fmt.Sprintf("replica of %s, %s", orNobody(st.source()), st.replicaState())
	case c.facts.LagSeconds != nil:
		text = fmt.Sprintf("replica, %s behind %s", seconds(*c.facts.LagSeconds), orNobody(st.source()))
	default:
		text = "replica of " + orNobody(st.source())
	}
	if !st.readOnly {
		text += ", takes writes"
	}
	if n, err := Missing(st.applied, c.facts.SourcePosition); err == nil && n > 0 && st.applied != "" {
		text += fmt.Sprintf(", %d transactions received and not applied", n)
	}
	return text
}

func orNobody(s string) string {
	if s == "" {
		return "nobody"
	}
	return s
}

func seconds(s float64) string {
	if s == float64(int64(s)) {
		return fmt.Sprintf("%d s", int64(s))
	}
	return fmt.Sprintf("%.1f s", s)
}
