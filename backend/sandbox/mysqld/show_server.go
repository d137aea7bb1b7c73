package mysqld

import (
	"strconv"
	"time"
)

func (s *Server) status() *result {
	r := table("Variable_name", "Value")
	s.mu.Lock()
	threads := len(s.sessions)
	s.mu.Unlock()
	replicas, semi := s.log.connected()
	on := map[bool]string{true: "ON", false: "OFF"}
	up := strconv.Itoa(int(time.Since(s.started) / time.Second))
	for _, v := range [][2]string{
		{"Questions", strconv.FormatUint(s.questions.Load(), 10)},
		{"Rpl_semi_sync_master_clients", strconv.Itoa(replicas)},
		{"Rpl_semi_sync_master_status", on[semi]},
		{"Rpl_semi_sync_slave_status", on[s.replica.following()]},
		{"Slave_running", on[s.replica.following()]},
		{"Slaves_connected", strconv.Itoa(replicas)},
		{"Threads_connected", strconv.Itoa(threads)},
		{"Threads_running", "1"},
		{"Uptime", up},
	} {
		r.add(v[0], v[1])
	}
	return r
}

// following tells whether both threads run and are connected.
func (r *replica) following() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.io.running() && r.sql.running() && r.io.state == "Yes"
}

func (s *Server) replicaHosts() *result {
	r := table("Server_id", "Host", "Port", "Master_id")
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for _, id := range sortedKeys(s.log.followers) {
		r.add(int64(id), "", int64(0), int64(s.opt.ServerID))
	}
	return r
}

func (s *Server) binaryLogs() *result {
	r := table("Log_name", "File_size")
	_, bytes := s.log.size()
	r.add("binlog.000001", int64(bytes))
	return r
}

func (s *Server) processes() *result {
	r := table("Id", "User", "Host", "db", "Command", "Time", "State", "Info", "Progress")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range sortedKeys(s.sessions) {
		ss := s.sessions[id]
		state, _ := ss.command.Load().(string)
		r.add(int64(id), ss.who(), ss.wire.conn.RemoteAddr().String(), nil, state, int64(time.Since(ss.began)/time.Second), "", nil, float64(0))
	}
	return r
}

func (ss *session) grants() *result {
	r := table("Grants for " + ss.user + "@%")
	g := "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, BINLOG MONITOR, REPLICATION SLAVE, REPLICA MONITOR"
	switch {
	case ss.account.ReadOnly:
		g = "SELECT, BINLOG MONITOR, REPLICA MONITOR"
	case ss.account.ReadOnlyAdmin:
		g = "ALL PRIVILEGES"
	}
	r.add("GRANT " + g + " ON *.* TO `" + ss.user + "`@`%`")
	return r
}
