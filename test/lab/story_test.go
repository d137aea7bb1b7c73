//go:build integration

package lab

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// served waits until users are served by a site again and again.
func served(ctx context.Context, t *testing.T, l *Lab, site string) {
	t.Helper()
	from := l.Users.Seen().ServedBy[site]
	if err := Await(ctx, 20*time.Second, "users are served by "+site, func(context.Context) string {
		if s := l.Users.Seen(); s.Now != site || s.ServedBy[site] < from+10 {
			return fmt.Sprintf("%+v", s)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
}

// zoneSays checks every name at the authority and at the resolver.
func zoneSays(ctx context.Context, t *testing.T, l *Lab, site string) {
	t.Helper()
	want := []string{l.Gateways[site].Address}
	for _, d := range l.Domains {
		for who, server := range map[string]string{"authority": l.DNS.Authority, "resolver": l.DNS.Resolver} {
			if got, err := Lookup(ctx, server, d.Name); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: the %s says %v (%v), want %v", d.Name, who, got, err, want)
			}
		}
	}
}

// writer checks which MariaDB and which Redis take writes, by asking them directly.
func writer(ctx context.Context, t *testing.T, m *Maria, r *Redis, want bool) {
	t.Helper()
	ro, err := m.Query(ctx, "SELECT @@read_only")
	if err != nil || (ro == "0") != want {
		t.Errorf("MariaDB of %s: read_only=%s (%v), want writable=%v", m.Site, ro, err, want)
	}
	// Without an end: the deletion of an expired key is a command that the other side lacks.
	err = r.Client().Set(ctx, "probe:"+r.Site, "x", 0).Err()
	if (err == nil) != want {
		t.Errorf("Redis of %s: a write gives %v, want writable=%v", r.Site, err, want)
	}
}

// TestStory is the main job on real servers: a killed MariaDB takes the primary's
// business platform down; the console sees it, says so, moves the users, and brings
// them home once replication has been turned round and has caught up.
func TestStory(t *testing.T) {
	ctx, l := start(t)
	c := newConsole(t, l)
	a, b := l.Primary, l.Standby

	var st statusDoc
	c.want(ctx, t, 0, &st, "status")
	if st.Case != "normal" || st.ServingSite != "primary" || st.Environment != "production" || st.Advice.Action != "none" {
		t.Fatalf("before: %+v", st)
	}
	for _, name := range []string{"monitoring-mysql", "monitoring-redis"} {
		if state, lag, note := st.sync("standby", name); state != "streaming" || lag < 0 || lag > 5 {
			t.Errorf("sync of %s: %s, lag %v (%s)", name, state, lag, note)
		}
	}
	c.want(ctx, t, 2, nil, "failover", "--to", "nowhere", "--yes", "--reason", "no such site")
	zoneSays(ctx, t, l, "primary")

	a.Maria.Kill()
	killed := time.Now()
	c.want(ctx, t, 3, &st, "status")
	if st.Case != "business-down" || st.Advice.Action != "failover" || st.Advice.To != "standby" || len(st.Advice.Because) == 0 {
		t.Fatalf("after kill -9 of the primary's MariaDB: case %s, advice %+v", st.Case, st.Advice)
	}

	var run runDoc
	c.want(ctx, t, 0, &run, "failover", "--to", "standby", "--yes", "--reason", "MariaDB of the main machine room is gone")
	run.log(t)
	if run.State != "done" || run.From != "primary" || run.To != "standby" || run.DNS.Changed != len(l.Domains) {
		t.Errorf("the run: %+v", run)
	}
	zoneSays(ctx, t, l, "standby")
	served(ctx, t, l, "standby")
	writer(ctx, t, b.Maria, b.Redis, true)
	t.Logf("users: served by the standby %s after the kill; %+v", time.Since(killed).Round(time.Millisecond), l.Users.Seen())
	if err := Await(ctx, 10*time.Second, "new flights are written at the standby", func(ctx context.Context) string {
		if n, err := b.Maria.Query(ctx, `SELECT COUNT(*) FROM ops.flights WHERE doc LIKE '%"written_by":"standby"%'`); err != nil || n == "0" {
			return fmt.Sprint(n, err)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}

	// Not home yet: the old primary's MariaDB is down.
	c.want(ctx, t, 4, nil, "failback", "--yes", "--reason", "too early")
	zoneSays(ctx, t, l, "standby")
	if err := a.Maria.Start(ctx); err != nil {
		t.Fatal(err)
	}
	c.turnAllRound(ctx, t)
	home(ctx, t, l, c)

	reports(ctx, t, c)
}

// home fails back as soon as the console says that nothing stands in the way.
func home(ctx context.Context, t *testing.T, l *Lab, c *console) {
	t.Helper()
	if err := Await(ctx, 60*time.Second, "nothing stands in the way of a failback", func(ctx context.Context) string {
		code, out, errs, err := c.run(ctx, "plan", "failback")
		if err != nil || code != 0 {
			return fmt.Sprintf("exit %d, %v\n%s\n%s", code, err, out, errs)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
	var run runDoc
	c.want(ctx, t, 0, &run, "failback", "--yes", "--reason", "home")
	run.log(t)
	if run.State != "done" || run.To != "primary" {
		t.Errorf("the failback: %+v", run)
	}
	zoneSays(ctx, t, l, "primary")
	served(ctx, t, l, "primary")
	writer(ctx, t, l.Primary.Maria, l.Primary.Redis, true)
	writer(ctx, t, l.Standby.Maria, l.Standby.Redis, false)
	if err := Await(ctx, 30*time.Second, "all well, the standby follows again", func(ctx context.Context) string {
		code, out, errs, err := c.run(ctx, "status", "-o", "json")
		if err != nil || code != 0 {
			return fmt.Sprintf("exit %d, %v\n%s\n%s", code, err, out, errs)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
	var st statusDoc
	c.want(ctx, t, 0, &st, "status")
	if st.Case != "normal" || st.ServingSite != "primary" {
		t.Errorf("at home: %s, serving %s", st.Case, st.ServingSite)
	}
	equal(ctx, t, l)
	t.Logf("users in all: %+v", l.Users.Seen())
}

// equal compares the two MariaDBs row by row, once both are at rest.
func equal(ctx context.Context, t *testing.T, l *Lab) {
	t.Helper()
	if err := Await(ctx, 20*time.Second, "both MariaDBs hold the same rows", func(ctx context.Context) string {
		const sum = "SELECT CONCAT(COUNT(*), ':', BIT_XOR(CRC32(CONCAT_WS('|', flight, version, doc, updated_at)))) FROM ops.flights"
		x, err1 := l.Primary.Maria.Query(ctx, sum)
		y, err2 := l.Standby.Maria.Query(ctx, sum)
		if err1 != nil || err2 != nil || x != y {
			return fmt.Sprint(x, " and ", y, err1, err2)
		}
		return ""
	}); err != nil {
		t.Error(err)
	}
}

// reports reads the journal as the next shift would.
func reports(ctx context.Context, t *testing.T, c *console) {
	t.Helper()
	var list struct {
		Runs []runDoc `json:"runs"`
	}
	c.want(ctx, t, 0, &list, "runs", "list")
	kinds := map[string]string{}
	for _, r := range list.Runs {
		if r.State == "done" {
			kinds[r.Kind] = r.ID
		}
	}
	if kinds["failover"] == "" || kinds["failback"] == "" {
		t.Fatalf("the journal has %v", kinds)
	}
	code, out, errs, err := c.run(ctx, "runs", "report", kinds["failover"])
	if err != nil || code != 0 || !strings.Contains(out, "MariaDB of the main machine room is gone") {
		t.Errorf("runs report: exit %d, %v %s\n%s", code, err, errs, out)
	}
	c.want(ctx, t, 0, nil, "runs", "verify")
	c.keepsSecrets(t, out)
}

// keepsSecrets: no secret of the lab is in anything that was written or printed (promise 12).
func (c *console) keepsSecrets(t *testing.T, printed ...string) {
	t.Helper()
	secrets := secretsOf(t, c)
	everything := strings.Join(printed, "")
	files, err := os.ReadDir(c.state)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(c.state + "/" + f.Name()); err == nil {
			everything += string(b)
		}
	}
	for name, s := range secrets {
		if strings.Contains(everything, s) {
			t.Errorf("the secret %s is in the journal or the report", name)
		}
	}
}

func secretsOf(t *testing.T, c *console) map[string]string {
	t.Helper()
	dir := strings.TrimSuffix(c.config, "dutyops.yaml") + "secrets"
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(dir + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name()] = strings.TrimSpace(string(b))
	}
	return out
}

// TestStoryFrozenDatabase: a server that holds its connections and answers nothing is
// as bad as a dead one, and must not hold the console up.
func TestStoryFrozenDatabase(t *testing.T) {
	ctx, l := start(t)
	c := newConsole(t, l)
	if err := l.Primary.Maria.Freeze(); err != nil {
		t.Fatal(err)
	}
	var st statusDoc
	c.want(ctx, t, 3, &st, "status")
	if st.Case != "business-down" {
		t.Fatalf("a frozen MariaDB: case %s", st.Case)
	}
	// The replica's own word, "0 seconds behind", is not believed.
	if _, lag, note := st.sync("standby", "monitoring-mysql"); lag >= 0 {
		t.Errorf("lag %v is stated behind a frozen source (%s)", lag, note)
	}
	var run runDoc
	c.want(ctx, t, 0, &run, "failover", "--to", "standby", "--yes", "--reason", "frozen")
	run.log(t)
	served(ctx, t, l, "standby")
	writer(ctx, t, l.Standby.Maria, l.Standby.Redis, true)

	if err := l.Primary.Maria.Thaw(); err != nil {
		t.Fatal(err)
	}
	// It comes back as it was: writable, and the business service at its side goes on
	// writing. That is a split brain; nothing of it may be thrown away silently.
	code, _, errs, err := c.run(ctx, "failback", "--yes", "--reason", "too early")
	if err != nil || code != 4 {
		t.Errorf("failback with two writers: exit %d, %v %s; want a refusal", code, err, errs)
	}
}

// TestStoryGateway: a stopped gateway takes the whole site from its users, although
// everything behind it works.
func TestStoryGateway(t *testing.T) {
	ctx, l := start(t)
	c := newConsole(t, l)
	l.Gateways["primary"].Kill()
	var st statusDoc
	c.want(ctx, t, 3, &st, "status")
	if st.Advice.Action != "failover" || st.Advice.To != "standby" {
		t.Fatalf("without the primary's gateway: case %s, advice %+v", st.Case, st.Advice)
	}
	var run runDoc
	c.want(ctx, t, 0, &run, "failover", "--to", "standby", "--yes", "--reason", "gateway")
	run.log(t)
	zoneSays(ctx, t, l, "standby")
	served(ctx, t, l, "standby")
	writer(ctx, t, l.Standby.Maria, l.Standby.Redis, true)
	writer(ctx, t, l.Primary.Maria, l.Primary.Redis, false) // fenced: it was reachable

	if err := l.Gateways["primary"].Start(ctx); err != nil {
		t.Fatal(err)
	}
	c.turnAllRound(ctx, t)
	home(ctx, t, l, c)
}

// TestStoryKilledConsole: the console itself is killed in the middle of a failover. The
// journal knows, and resume brings it to an end by looking at the world first.
func TestStoryKilledConsole(t *testing.T) {
	ctx, l := start(t)
	c := newConsole(t, l)
	l.Primary.Maria.Kill()
	cmd := c.command(ctx, "failover", "--to", "standby", "--yes", "--reason", "killed half-way")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// BIND is changed; Unbound still holds the old answer for up to two seconds, which
	// the run waits for.
	err := Await(ctx, 20*time.Second, "the zone is changed", func(ctx context.Context) string {
		got, err := Lookup(ctx, l.DNS.Authority, l.Domains[0].Name)
		if err != nil || got[0] != l.Gateways["standby"].Address {
			return fmt.Sprint(got, err)
		}
		return ""
	})
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Runs []runDoc `json:"runs"`
	}
	c.want(ctx, t, 0, &list, "runs", "list")
	if len(list.Runs) != 1 || list.Runs[0].State != "interrupted" {
		t.Fatalf("the journal says %+v, want one interrupted run", list.Runs)
	}
	var run runDoc
	c.want(ctx, t, 0, &run, "runs", "resume", list.Runs[0].ID, "--yes")
	run.log(t)
	if run.State != "done" {
		t.Errorf("resumed: %s", run.State)
	}
	zoneSays(ctx, t, l, "standby")
	served(ctx, t, l, "standby")
	writer(ctx, t, l.Standby.Maria, l.Standby.Redis, true)
	c.want(ctx, t, 0, nil, "runs", "verify")
}
