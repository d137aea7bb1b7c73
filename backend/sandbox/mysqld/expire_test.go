package mysqld_test

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend/sandbox/link"
)

// kept is how much log the sources of these tests keep.
const kept = 64 << 10

// fill writes rows that do not pack, about bytes of them.
func fill(t *testing.T, s *site, prefix string, bytes int) {
	t.Helper()
	for i := 0; bytes > 0; i++ {
		noise := make([]byte, 2000)
		_, _ = rand.Read(noise) // never fails
		if _, err := s.app.ExecContext(t.Context(), "INSERT INTO ops.flights (flight, doc) VALUES (?, ?)", fmt.Sprint(prefix, i), `"`+hex.EncodeToString(noise)+`"`); err != nil {
			t.Fatal(err)
		}
		bytes -= len(noise)
	}
}

func bounded(t *testing.T) (a, b *site, l *link.Link) {
	t.Helper()
	a, b = startBounded(t, 1, false, kept), startSite(t, 2, true)
	l = newLink(t, a.Addr())
	exec(t, a.app, "CREATE DATABASE ops", flights)
	follow(t, b, l.Addr(), a.secret)
	reached(t, a, b)
	return a, b, l
}

// A replica that was away gets what it needs, beyond the usual bound.
func TestTheLogIsHeldForAKnownReplica(t *testing.T) {
	a, b, l := bounded(t)
	fill(t, a, "before", 4*kept)
	reached(t, a, b)
	l.Set(link.Down)
	eventually(t, "the replica is gone", state(t, b, map[string]string{"Slave_IO_Running": "Connecting"}))
	fill(t, a, "away", kept+kept/2)
	l.Set(link.Pass)
	reached(t, a, b)
	sameRows(t, a, b, "ops.flights")
}

// What nobody needs is purged, and a new replica is told so. It would not be told
// when it came while everything is there.
func TestTheLogIsPurged(t *testing.T) {
	for name, c := range map[string]struct {
		bytes int
		want  map[string]string
	}{
		"little": {kept / 4, map[string]string{"Slave_IO_Running": "Yes", "Last_IO_Errno": "0"}},
		"much":   {2 * kept, map[string]string{"Slave_IO_Running": "No", "Last_IO_Errno": "1236"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := startBounded(t, 1, false, kept), startSite(t, 2, true)
			exec(t, a.app, "CREATE DATABASE ops", flights)
			fill(t, a, "F", c.bytes)
			follow(t, b, a.Addr(), a.secret)
			eventually(t, fmt.Sprint(c.want), state(t, b, c.want))
		})
	}
}

// A replica that stays away longer than the held log reaches needs a new copy.
func TestAReplicaThatIsTooFarBehindIsToldSo(t *testing.T) {
	a, b, l := bounded(t)
	l.Set(link.Down)
	fill(t, a, "away", 3*kept)
	l.Set(link.Pass)
	eventually(t, "error 1236", state(t, b, map[string]string{"Slave_IO_Running": "No", "Last_IO_Errno": "1236"}))
	if msg := status(t, b.ro)["Last_IO_Error"]; !strings.Contains(msg, "purged") {
		t.Errorf("the error is %q", msg)
	}
}

// What came from a source takes less of the log: an own replica that was there in
// time gets it, and the source itself needs nothing of it when it follows.
func TestWhatCameFromASourceIsPurgedSooner(t *testing.T) {
	a, b, c := startSite(t, 1, false), startBounded(t, 2, true, 4*kept), startSite(t, 3, true)
	exec(t, a.app, "CREATE DATABASE ops", flights)
	follow(t, b, a.Addr(), a.secret)
	fill(t, a, "F", 2*kept)
	reached(t, a, b)
	follow(t, c, b.Addr(), b.secret)
	eventually(t, "error 1236", state(t, c, map[string]string{"Slave_IO_Running": "No", "Last_IO_Errno": "1236"}))

	exec(t, b.admin, "STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL read_only=0")
	exec(t, a.admin, "SET GLOBAL read_only=1", "SET GLOBAL gtid_slave_pos='"+one(t, a.admin, "SELECT @@gtid_binlog_pos")+"'")
	fill(t, b, "own", 2*kept)
	follow(t, a, b.Addr(), b.secret)
	reached(t, b, a)
	sameRows(t, a, b, "ops.flights")
}
