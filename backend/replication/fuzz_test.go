package replication

import (
	"strings"
	"testing"

	"github.com/dutyops/dutyops/probes/guard"
)

// FuzzGTIDs: a set of either notation, or none; whatever was read lacks nothing of itself.
func FuzzGTIDs(f *testing.F) {
	for _, s := range []string{"", "0-1-5", "0-1-5,1-2-9", uuidA + ":1-5:7", uuidA + ":tag:1-3,\n" + uuidA + ":1", "0-1-5," + uuidA + ":1", uuidA + ":9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g, err := parseGTIDs(s)
		if err != nil {
			return
		}
		if lacks := behind(g, g); !lacks.empty() || len(lacks.names) != 0 {
			t.Fatalf("%q lacks %s of itself", s, lacks)
		}
		_ = g.position()
	})
}

// FuzzStatusRow: the row of SHOW REPLICA STATUS, whatever its columns hold.
func FuzzStatusRow(f *testing.F) {
	f.Add("Slave_IO_Running=Yes\nSlave_SQL_Running=Yes\nMaster_Host=a\nMaster_Port=1\nGtid_IO_Pos=0-1-5\nUsing_Gtid=Slave_Pos")
	f.Add("Replica_IO_Running=No\nLast_IO_Errno=1045\nLast_IO_Error=x\nSource_Host=b\nAuto_Position=1\nRetrieved_Gtid_Set=" + uuidA + ":1-5")
	f.Fuzz(func(t *testing.T, s string) {
		row := map[string]string{}
		for line := range strings.SplitSeq(s, "\n") {
			k, v, _ := strings.Cut(line, "=")
			row[k] = v
		}
		l := readLink(row)
		if !l.following() || l.String() == "" || l.refused() && l.ioErrno == "" {
			t.Fatalf("%q became %+v", s, l)
		}
	})
}

// FuzzVersion: what @@version says.
func FuzzVersion(f *testing.F) {
	for _, s := range []string{"10.11.6-MariaDB-log", "5.5.5-10.4.1-MariaDB", "8.4.0", "5.6.14", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if w := parseDialect(s).replica(); w != "REPLICA" && w != "SLAVE" {
			t.Fatalf("%q is spoken to with %q", s, w)
		}
	})
}

// FuzzConnectors: offsets and states as Kafka Connect tells them.
func FuzzConnectors(f *testing.F) {
	f.Add([]byte(`{"offsets":[{"partition":{"cluster":"a","partition":0,"topic":"t"},"offset":{"offset":5}}]}`))
	f.Add([]byte(`{"connector":{"state":"FAILED","trace":"a\n b"},"tasks":[{"id":0,"state":"RUNNING"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var o sourceOffsets
		if guard.JSON(b, &o) == nil {
			for _, x := range o.Offsets {
				_, _ = x.Partition.key(), x.reached()
			}
		}
		var st connStatus
		if guard.JSON(b, &st) == nil {
			if s := st.String() + st.cause(); len(s) > 3*maxText || strings.ContainsAny(s, "\x1b\n\r") {
				t.Fatalf("not fit to show: %q", s)
			}
		}
	})
}

// FuzzRedisStream: what a server has beyond another; nothing that it has is left out.
func FuzzRedisStream(f *testing.F) {
	f.Add("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n")
	f.Add("*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n1\r\n")
	f.Fuzz(func(t *testing.T, raw string) {
		whole, err := readRedisStream(raw)
		if err != nil {
			return
		}
		longer, err := readRedisStream(raw + "*1\r\n$8\r\nFLUSHALL\r\n")
		if err != nil || longer.writes != whole.writes+1 || longer.pings != whole.pings || len(longer.deletions) != len(whole.deletions) {
			t.Fatalf("%q: %+v, with a write after it %+v, %v", raw, whole, longer, err)
		}
	})
}

// FuzzRedisInfo: what INFO replication says; an offset that is no number is not told.
func FuzzRedisInfo(f *testing.F) {
	f.Add("role:master\r\nmaster_repl_offset:5\r\nmaster_replid:a\r\n")
	f.Add("role:slave\r\nmaster_host:h\r\nmaster_port:1\r\nslave_repl_offset:7\r\nmaster_link_status:up\r\nmaster_sync_in_progress:1")
	f.Fuzz(func(t *testing.T, text string) {
		i := readRedisInfo(text)
		if i.offset() != 0 && !i.tells() {
			t.Fatalf("%q: offset %d is told of nothing", text, i.offset())
		}
		if s := i.String(); len(s) > 8*maxText || strings.ContainsAny(s, "\x1b\n\r") {
			t.Fatalf("not fit to show: %q", s)
		}
	})
}
