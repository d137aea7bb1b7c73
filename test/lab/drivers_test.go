//go:build integration

package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/failoverplan"
)

func stores(t *testing.T) (context.Context, *Stores) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	s, err := StartStores(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return ctx, s
}

// secretFile writes a password where only the test can read it.
func secretFile(t *testing.T, value string) config.Secret {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(value + "\n"); err != nil {
		t.Fatal(err)
	}
	return config.Secret("file:" + filepath.Join(f.Name()))
}

func mariaEndpoint(t *testing.T, m *Maria) replication.Endpoint {
	t.Helper()
	return replication.Endpoint{
		Site: m.Site, Platform: failoverplan.Business, Name: "monitoring-mysql", Kind: failoverplan.MySQL,
		Config: config.Component{
			Address: m.Address, User: "probe", Password: secretFile(t, m.Passwords["probe"]),
			Control:     config.Account{User: "control", Password: secretFile(t, m.Passwords["control"])},
			Replication: config.Replication{Address: m.Address, User: "repl", Password: secretFile(t, m.Passwords["repl"])},
		},
	}
}

func redisEndpoint(t *testing.T, r *Redis) replication.Endpoint {
	t.Helper()
	return replication.Endpoint{
		Site: r.Site, Platform: failoverplan.Business, Name: "monitoring-redis", Kind: failoverplan.Redis,
		Config: config.Component{
			Address: r.Address, Password: secretFile(t, r.Password),
			Replication: config.Replication{Address: r.Address, Password: secretFile(t, r.Password)},
		},
	}
}

func open(t *testing.T, e replication.Endpoint) replication.Store {
	t.Helper()
	s, err := replication.Open(e, replication.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// must fails the test on an error and logs the evidence.
func must(t *testing.T, what string) func([]string, error) {
	return func(evidence []string, err error) {
		t.Helper()
		t.Logf("%s: %s", what, strings.Join(evidence, "; "))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func wantSource(ctx context.Context, t *testing.T, s replication.Store, want bool) {
	t.Helper()
	ok, seen, err := s.IsSource(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if ok != want {
		t.Fatalf("IsSource = %v, want %v (%s)", ok, want, seen)
	}
}

func awaitCaughtUp(ctx context.Context, t *testing.T, s replication.Store, source replication.Endpoint) {
	t.Helper()
	if err := Await(ctx, 20*time.Second, "catch up", func(ctx context.Context) string {
		ok, seen, err := s.CaughtUp(ctx, source)
		if err != nil {
			return err.Error()
		}
		if !ok {
			return seen
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
}

func insert(ctx context.Context, t *testing.T, m *Maria, flight string) {
	t.Helper()
	if err := m.Exec(ctx, "REPLACE INTO ops.flights VALUES ('"+flight+"', 1, '{}', NOW(3))"); err != nil {
		t.Fatal(err)
	}
}

func TestMariaDBPlannedSwitchAndHome(t *testing.T) {
	ctx, s := stores(t)
	a, b := s.Primary.Maria, s.Standby.Maria
	ea, eb := mariaEndpoint(t, a), mariaEndpoint(t, b)
	sa, sb := open(t, ea), open(t, eb)

	wantSource(ctx, t, sa, true)
	wantSource(ctx, t, sb, false)
	insert(ctx, t, a, "MU5101")
	must(t, "demote primary")(sa.Demote(ctx))
	must(t, "demote primary again")(sa.Demote(ctx))
	awaitCaughtUp(ctx, t, sb, ea)
	must(t, "promote standby")(sb.Promote(ctx))
	must(t, "promote standby again")(sb.Promote(ctx))
	wantSource(ctx, t, sb, true)
	wantSource(ctx, t, sa, false)

	insert(ctx, t, b, "MU5102")
	must(t, "primary follows")(sa.Follow(ctx, eb))
	must(t, "primary follows again")(sa.Follow(ctx, eb))
	if ok, seen, err := sa.Follows(ctx, eb); err != nil || !ok {
		t.Fatalf("Follows = %v, %s, %v", ok, seen, err)
	}
	awaitCaughtUp(ctx, t, sa, eb)
	if n, err := a.Query(ctx, "SELECT COUNT(*) FROM ops.flights WHERE flight IN ('MU5101','MU5102')"); err != nil || n != "2" {
		t.Fatalf("primary has %s of 2 rows (%v)", n, err)
	}
	if _, err := sb.Follow(ctx, ea); !errors.Is(err, replication.ErrLoop) {
		t.Fatalf("following one's own replica: %v, want ErrLoop", err)
	}

	// Home: the same way back.
	must(t, "demote standby")(sb.Demote(ctx))
	awaitCaughtUp(ctx, t, sa, eb)
	must(t, "promote primary")(sa.Promote(ctx))
	insert(ctx, t, a, "MU5103")
	must(t, "standby follows")(sb.Follow(ctx, ea))
	awaitCaughtUp(ctx, t, sb, ea)
	if n, err := b.Query(ctx, "SELECT COUNT(*) FROM ops.flights"); err != nil || n != "3" {
		t.Fatalf("standby has %s of 3 rows (%v)", n, err)
	}
}

func TestMariaDBAfterACrash(t *testing.T) {
	ctx, s := stores(t)
	a, b := s.Primary.Maria, s.Standby.Maria
	ea, eb := mariaEndpoint(t, a), mariaEndpoint(t, b)
	sa, sb := open(t, ea), open(t, eb)
	insert(ctx, t, a, "MU5101")
	a.Kill()

	if _, _, err := sa.IsSource(ctx); !errors.Is(err, replication.ErrUnreachable) {
		t.Fatalf("asking a dead server: %v, want ErrUnreachable", err)
	}
	if _, _, err := sb.CaughtUp(ctx, ea); !errors.Is(err, replication.ErrUnreachable) {
		t.Fatalf("comparing with a dead source: %v, want ErrUnreachable", err)
	}
	if ok, seen, err := sb.Applied(ctx); err != nil || !ok {
		t.Fatalf("Applied = %v, %s, %v", ok, seen, err)
	}
	must(t, "promote standby")(sb.Promote(ctx))
	insert(ctx, t, b, "MU5102")

	if err := a.Start(ctx); err != nil {
		t.Fatal(err)
	}
	wantSource(ctx, t, sa, false) // it came back read-only
	must(t, "old primary follows")(sa.Follow(ctx, eb))
	awaitCaughtUp(ctx, t, sa, eb)
}

func TestMariaDBDivergedSideIsNotOverwritten(t *testing.T) {
	ctx, s := stores(t)
	a, b := s.Primary.Maria, s.Standby.Maria
	ea, eb := mariaEndpoint(t, a), mariaEndpoint(t, b)
	sa, sb := open(t, ea), open(t, eb)

	// The link is cut, the primary goes on alone: the standby lacks two transactions.
	if err := b.Exec(ctx, "STOP REPLICA IO_THREAD"); err != nil {
		t.Fatal(err)
	}
	insert(ctx, t, a, "LOST1")
	insert(ctx, t, a, "LOST2")
	must(t, "promote standby")(sb.Promote(ctx))
	insert(ctx, t, b, "MU5102")

	pos, err := a.Query(ctx, "SELECT @@gtid_binlog_pos")
	if err != nil {
		t.Fatal(err)
	}
	_, err = sa.Follow(ctx, eb)
	if !errors.Is(err, replication.ErrDiverged) {
		t.Fatalf("Follow = %v, want ErrDiverged", err)
	}
	last := strings.TrimPrefix(pos, "1-1-")
	if !strings.Contains(err.Error(), "2 transactions") || !strings.Contains(err.Error(), ".."+last) {
		t.Errorf("the error names neither the number nor %s: %v", last, err)
	}
	if ro, _ := a.Query(ctx, "SELECT @@read_only"); ro != "0" {
		t.Errorf("a refused Follow changed read_only to %s", ro)
	}
	if n, _ := a.Query(ctx, "SELECT COUNT(*) FROM ops.flights WHERE flight LIKE 'LOST%'"); n != "2" {
		t.Errorf("the old primary kept %s of its 2 rows", n)
	}

	// A stray write on a replica is errant too, and named with its own domain.
	if err := a.Exec(ctx, "DROP TABLE ops.flights"); err != nil {
		t.Fatal(err)
	}
	if _, err = sb.Follow(ctx, ea); !errors.Is(err, replication.ErrDiverged) || !strings.Contains(err.Error(), "2-2-") {
		t.Errorf("Follow with a stray write = %v, want ErrDiverged naming 2-2-…", err)
	}
}

func TestMariaDBPromoteAppliesWhatWasReceived(t *testing.T) {
	ctx, s := stores(t)
	a, b := s.Primary.Maria, s.Standby.Maria
	sb := open(t, mariaEndpoint(t, b))
	if err := b.Exec(ctx, "STOP REPLICA SQL_THREAD"); err != nil {
		t.Fatal(err)
	}
	insert(ctx, t, a, "MU5101") // semi-synchronous: received by the standby when this returns
	a.Kill()
	if ok, seen, err := sb.Applied(ctx); err != nil || ok {
		t.Fatalf("Applied = %v (%s, %v), want false: one transaction waits", ok, seen, err)
	}
	must(t, "promote")(sb.Promote(ctx))
	if n, err := b.Query(ctx, "SELECT COUNT(*) FROM ops.flights"); err != nil || n != "1" {
		t.Fatalf("%s rows after promotion, want the received one (%v)", n, err)
	}
}

// MariaDB throws the relay log away when a thread is started while both are stopped.
func TestMariaDBPromoteDoesNotThrowTheRelayLogAway(t *testing.T) {
	ctx, s := stores(t)
	a, b := s.Primary.Maria, s.Standby.Maria
	ea := mariaEndpoint(t, a)
	sb := open(t, mariaEndpoint(t, b))
	if err := b.Exec(ctx, "STOP REPLICA SQL_THREAD"); err != nil {
		t.Fatal(err)
	}
	insert(ctx, t, a, "MU5101")
	if err := b.Exec(ctx, "STOP REPLICA"); err != nil {
		t.Fatal(err)
	}
	if _, err := sb.Promote(ctx); !errors.Is(err, replication.ErrBroken) || !strings.Contains(err.Error(), "1-1-3") {
		t.Fatalf("Promote = %v, want ErrBroken naming 1-1-3", err)
	}
	if ro, _ := b.Query(ctx, "SELECT @@read_only"); ro != "1" {
		t.Errorf("read_only = %s after a refused promotion, want 1", ro)
	}
	// With the source alive, following it again brings them back.
	must(t, "follow")(sb.Follow(ctx, ea))
	awaitCaughtUp(ctx, t, sb, ea)
	must(t, "promote")(sb.Promote(ctx))
}

func TestMariaDBPromoteStopsAtATransactionThatCannotBeApplied(t *testing.T) {
	ctx, s := stores(t)
	a, b := s.Primary.Maria, s.Standby.Maria
	sb := open(t, mariaEndpoint(t, b))
	if err := b.Exec(ctx, "SET GLOBAL gtid_strict_mode=0", "DROP TABLE ops.flights"); err != nil {
		t.Fatal(err)
	}
	insert(ctx, t, a, "MU5101")
	if err := Await(ctx, 10*time.Second, "the SQL thread stops", func(ctx context.Context) string {
		if _, _, err := sb.Applied(ctx); errors.Is(err, replication.ErrBroken) {
			return ""
		}
		return "no error yet"
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := sb.Promote(ctx); !errors.Is(err, replication.ErrBroken) {
		t.Fatalf("Promote = %v, want ErrBroken", err)
	}
	if ro, _ := b.Query(ctx, "SELECT @@read_only"); ro != "1" {
		t.Errorf("read_only = %s after a refused promotion, want 1", ro)
	}
}

func TestMariaDBPasswordsStayOutOfErrors(t *testing.T) {
	ctx, s := stores(t)
	b := s.Standby.Maria
	ea, eb := mariaEndpoint(t, s.Primary.Maria), mariaEndpoint(t, b)
	odd := `it's a \"secret\" ` + secret()
	ea.Config.Replication.Password = secretFile(t, odd)
	if err := b.Exec(ctx, "STOP REPLICA", "RESET REPLICA ALL"); err != nil {
		t.Fatal(err)
	}
	sb := open(t, eb)
	short, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err := sb.Follow(short, ea)
	if err == nil {
		t.Fatal("following with a wrong password worked")
	}
	if strings.Contains(err.Error(), odd[12:20]) || !strings.Contains(err.Error(), "1045") {
		t.Errorf("want the server's 1045 and no secret: %v", err)
	}

	// The same odd password, when it is right, is written correctly.
	quoted := strings.ReplaceAll(strings.ReplaceAll(odd, `\`, `\\`), "'", "''")
	if err := s.Primary.Maria.Exec(ctx, "SET PASSWORD FOR 'repl'@'127.0.0.1' = PASSWORD('"+quoted+"')"); err != nil {
		t.Fatal(err)
	}
	if err := b.Exec(ctx, "STOP REPLICA", "RESET REPLICA ALL"); err != nil {
		t.Fatal(err)
	}
	must(t, "follow")(sb.Follow(ctx, ea))

	// An account without rights is told what is missing.
	weak := eb
	weak.Config.Control = config.Account{}
	// MariaDB 10.11 writes the right with an underscore.
	if _, err := open(t, weak).Promote(ctx); err == nil || !strings.Contains(err.Error(), "READ_ONLY ADMIN") || !strings.Contains(err.Error(), "grant it to probe") {
		t.Errorf("promote with the probe account: %v, want the missing privilege named", err)
	}
}
