package contract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/dutyops/dutyops/probes"
)

// Fault is one way in which a Backend breaks a component.
type Fault string

// Faults of the line apply to every kind, the others to those that Cases lists.
const (
	Down      Fault = "down"      // nothing listens, connections are reset
	Refuse    Fault = "refuse"    // nothing listens, connections live on
	Blackhole Fault = "blackhole" // bytes are held
	OneWay    Fault = "one-way"   // answers are held
	Slow      Fault = "slow"      // answers take longer than SlowAfter
	Frozen    Fault = "frozen"    // the process is stopped (SIGSTOP): it holds its connections and says nothing
	Killed    Fault = "killed"    // the process is ended (SIGKILL), and comes back with what it had on disk

	WrongPassword   Fault = "wrong-password"        // the probe's own password is wrong
	ReadOnly        Fault = "read-only"             // refuses writes
	ReplicaStopped  Fault = "replica-stopped"       // replication is stopped
	SourceGone      Fault = "source-gone"           // the replica's source does not answer
	Lagging         Fault = "lagging"               // the replica is behind
	ReplicaBroken   Fault = "replica-broken"        // the replica meets a transaction that it cannot apply
	ReplicaRefused  Fault = "replica-refused"       // the source refuses the replica's account
	ReplicaWrites   Fault = "replica-writes"        // the replica takes writes
	Crowded         Fault = "crowded"               // all connections are taken
	MemoryFull      Fault = "memory-full"           // no memory is left for what is written
	JobFailed       Fault = "job-failed"            // the ingest job fails again and again
	NoJob           Fault = "no-job"                // the ingest job is not there
	NoCheckpoint    Fault = "no-checkpoint"         // the ingest job has completed none, and none succeeds
	CheckpointWaits Fault = "checkpoint-waits"      // the ingest job's first checkpoint does not end
	DiskAlarm       Fault = "disk-alarm"            // the broker takes no messages: its disk is nearly full
	MemoryAlarm     Fault = "memory-alarm"          // the broker takes no messages: its memory is full
	Red             Fault = "red"                   // part of the cluster's data is missing
	Yellow          Fault = "yellow"                // a copy of the data is missing
	NoIndex         Fault = "no-index"              // the index is gone
	CopiesBehind    Fault = "copies-behind"         // a broker is away, and with it copies of partitions
	NoLeader        Fault = "no-leader"             // the broker that is away has a partition's only copy
	LogDirOffline   Fault = "log-directory-offline" // a broker cannot write one of its log directories
	DiskNearlyFull  Fault = "disk-nearly-full"      // hardly any of a broker's disk is free
	Paused          Fault = "paused"                // the connector is paused
	TaskFailed      Fault = "task-failed"           // a connector's task has failed

	Rotated Fault = "rotated" // the probe's password, or certificates, are others at the server
)

// ErrCannot is what a Backend answers to a kind or fault it has no means for. Run
// returns the names of those cases, so that a suite can pin them.
var ErrCannot = errors.New("this backend cannot do that")

// Backend makes components.
type Backend interface {
	// Start returns a healthy component of the kind, that plays the role. It is
	// cleaned up with t.
	Start(t *testing.T, kind string, role probes.Role) (Component, error)
}

// Component is one server that can be broken and healed.
type Component interface {
	// Target is how to ask it while f is tried, with credentials that work. Faults of
	// the line need a line to break; the others may ask the server itself.
	Target(f Fault) probes.Target
	Break(f Fault) error
	Heal(f Fault) error
}

// SlowAfter is the limit that targets under Slow are given; a Backend's Slow must
// delay every answer by more.
const SlowAfter = 100 * time.Millisecond

// Case is one promise.
type Case struct {
	Kind  string
	Role  probes.Role
	Fault Fault
	// Want are the answers allowed, Detail what the line for people must hold.
	Want   []probes.Status
	Detail string
	// Check looks at the facts of that answer; nil = no more to say.
	Check func(probes.Result) error
}

// Name of the case as a subtest.
func (c Case) Name() string {
	role := string(c.Role)
	if role == "" {
		role = "any"
	}
	return fmt.Sprintf("%s/%s/%s", c.Kind, role, c.Fault)
}

// lineKinds are those that a fault of the line is tried on.
var lineKinds = []string{"http", "tcp", "mysql", "redis", "kafka", "rabbitmq", "elasticsearch", "flink", "kafka-connect"}

// Cases lists every promise: faults of the line on each kind, then what each kind
// knows of itself.
func Cases() []Case {
	var out []Case
	down := []probes.Status{probes.StatusDown}
	for _, k := range lineKinds {
		out = append(out,
			Case{Kind: k, Fault: Down, Want: down, Detail: "refused: nothing listens"},
			Case{Kind: k, Fault: Refuse, Want: down, Detail: "refused: nothing listens"})
		if k == "tcp" {
			continue // a connection is all it asks for
		}
		out = append(out,
			Case{Kind: k, Fault: Blackhole, Want: down, Detail: "no answer within"},
			Case{Kind: k, Fault: OneWay, Want: down, Detail: "no answer within"},
			Case{Kind: k, Fault: Slow, Want: []probes.Status{probes.StatusDegraded}, Detail: "slow: answered after"})
		if k == "http" {
			continue // any process, none of a kind
		}
		out = append(out,
			Case{Kind: k, Fault: Frozen, Want: down, Detail: "no answer within"},
			Case{Kind: k, Fault: Killed, Want: down, Detail: "refused: nothing listens"})
	}
	return append(out, kindCases()...)
}

func kindCases() []Case {
	up, degraded, down, unknown := []probes.Status{probes.StatusUp}, []probes.Status{probes.StatusDegraded}, []probes.Status{probes.StatusDown}, []probes.Status{probes.StatusUnknown}
	src, rep := probes.RoleSource, probes.RoleReplica
	readOnly := func(want bool) func(probes.Result) error {
		return func(r probes.Result) error {
			if r.Facts.ReadOnly == nil || *r.Facts.ReadOnly != want {
				return fmt.Errorf("fact read_only is %v, want %v", r.Facts.ReadOnly, want)
			}
			return nil
		}
	}
	replicaState := func(want string) func(probes.Result) error {
		return func(r probes.Result) error {
			if r.Facts.ReplicaState != want {
				return fmt.Errorf("fact replica_state is %q, want %q", r.Facts.ReplicaState, want)
			}
			return nil
		}
	}
	return []Case{
		{"mysql", src, WrongPassword, unknown, "wrong password for", nil},
		{"mysql", src, ReadOnly, down, "read-only, but it should take writes", readOnly(true)},
		{"mysql", rep, ReplicaStopped, degraded, "is stopped", replicaState("stopped")},
		{"mysql", rep, SourceGone, degraded, "replication of", replicaState("connecting")},
		{"mysql", rep, Lagging, up, "replica", func(r probes.Result) error {
			n, err := probes.Missing(r.Facts.Position, r.Facts.SourcePosition)
			if err == nil && n == 0 && (r.Facts.LagSeconds == nil || *r.Facts.LagSeconds == 0) {
				err = errors.New("no fact shows the lag")
			}
			return err
		}},
		{"mysql", rep, ReplicaBroken, degraded, "is broken, error 1062", replicaState("broken")},
		{"mysql", rep, ReplicaRefused, degraded, "error 1045: its replication account is refused", nil},
		{"mysql", rep, ReplicaWrites, degraded, "takes writes (read_only is off)", readOnly(false)},
		{"mysql", src, Crowded, down, "too many connections", nil},
		{"redis", src, WrongPassword, unknown, "wrong password", nil},
		{"redis", src, ReadOnly, down, "refuses writes", readOnly(true)},
		{"redis", src, MemoryFull, down, "its memory is full", readOnly(true)},
		{"redis", src, Crowded, down, "max number of clients", nil},
		{"redis", rep, ReplicaRefused, degraded, "is connecting", replicaState("connecting")},
		{"redis", rep, ReplicaStopped, degraded, "follows nobody", nil},
		{"redis", rep, SourceGone, degraded, "is connecting", replicaState("connecting")},
		{"rabbitmq", "", WrongPassword, unknown, "wrong password for", nil},
		{"rabbitmq", "", DiskAlarm, degraded, "takes no messages: disk space alarm at", nil},
		{"rabbitmq", "", MemoryAlarm, degraded, "takes no messages: memory alarm at", nil},
		{"elasticsearch", src, WrongPassword, unknown, "wrong password for", nil},
		{"elasticsearch", src, ReadOnly, down, "refuses writes", readOnly(true)},
		{"elasticsearch", rep, ReadOnly, up, "writes blocked", readOnly(true)},
		{"elasticsearch", src, Red, []probes.Status{probes.StatusDown, probes.StatusDegraded}, "cluster is red", nil},
		{"elasticsearch", src, Yellow, degraded, "cluster is yellow", nil},
		{"elasticsearch", src, NoIndex, degraded, "does not exist", nil},
		{"flink", src, JobFailed, []probes.Status{probes.StatusDown, probes.StatusDegraded}, "ingest job is", nil},
		{"flink", src, NoJob, down, "ingest job is not running", nil},
		{"flink", src, NoCheckpoint, degraded, "is running, but of its checkpoints there is none", nil},
		{"flink", src, CheckpointWaits, up, "ingest job is running, no checkpoint yet", nil},
		{"flink", rep, NoJob, up, "ready, no job", nil},
		{"kafka", "", CopiesBehind, degraded, "partitions have copies that are not in sync", brokerAway},
		{"kafka", "", NoLeader, down, "no leader for", nil},
		{"kafka", "", LogDirOffline, degraded, "has lost its log directory /", nil},
		{"kafka", "", DiskNearlyFull, degraded, "is nearly full: 1 % free", nil},
		{"kafka-connect", "", Paused, up, "1 paused", nil},
		{"kafka-connect", "", TaskFailed, degraded, "failed", nil},
		{"kafka-connect", "", SourceGone, []probes.Status{probes.StatusUp, probes.StatusDegraded}, "", nil},
	}
}

// brokerAway wants the broker that is missing named.
func brokerAway(r probes.Result) error {
	if !strings.Contains(r.Detail, "is registered and not alive (fenced)") {
		return fmt.Errorf("%q does not name the broker that is away", r.Detail)
	}
	return nil
}

// Run checks every case of the kinds against the backend and returns the names of
// those it cannot do, sorted.
func Run(t *testing.T, b Backend, kinds ...string) (cannot []string) {
	t.Helper()
	for _, c := range Cases() {
		if !slices.Contains(kinds, c.Kind) {
			continue
		}
		t.Run(c.Name(), func(t *testing.T) {
			comp, err := b.Start(t, c.Kind, c.Role)
			if errors.Is(err, ErrCannot) {
				cannot = append(cannot, c.Name())
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !c.run(t, comp) {
				cannot = append(cannot, c.Name())
			}
		})
	}
	slices.Sort(cannot)
	return cannot
}

// run breaks, looks, heals, looks again. False when the component cannot be broken so.
func (c Case) run(t *testing.T, comp Component) bool {
	tg := comp.Target(c.Fault)
	tg.Name, tg.Kind = "site/data/"+c.Kind, c.Kind
	tg.Role = func() probes.Role { return c.Role }
	if c.Fault == Slow {
		tg.SlowAfter = SlowAfter
	}
	p := open(t, tg)
	until(t, p, 5*time.Second, "healthy at first", func(r probes.Result) error { return is(r, "", probes.StatusUp) })

	if c.Fault == WrongPassword && tg.Password == nil {
		return false // it knows no passwords
	}
	if c.Fault == WrongPassword {
		wrong := tg
		wrong.Password = func() (string, error) { return "not-the-password-" + t.Name(), nil }
		until(t, open(t, wrong), 5*time.Second, "asked with a wrong password", c.verdict(t, "not-the-password-"+t.Name()))
		return true
	}
	err := comp.Break(c.Fault)
	if errors.Is(err, ErrCannot) {
		return false
	}
	healed := false
	defer func() { // a case that fails leaves nothing broken to those after it
		if !healed {
			_ = comp.Heal(c.Fault)
		}
	}()
	if err != nil {
		t.Fatalf("break: %v", err)
	}
	secret := ""
	if tg.Password != nil {
		secret, _ = tg.Password()
	}
	broken := p
	if slices.Contains([]Fault{Refuse, Crowded, CopiesBehind, LogDirOffline, DiskNearlyFull}, c.Fault) {
		broken = open(t, tg) // as one sees it who has no connection from before, and has not looked yet
	}
	until(t, broken, budget(c.Fault), "broken", c.verdict(t, secret))
	healed = true
	if err := comp.Heal(c.Fault); err != nil {
		t.Fatalf("heal: %v", err)
	}
	until(t, p, 5*time.Second, "healed", func(r probes.Result) error { return is(r, "", probes.StatusUp) })
	return true
}

// budget of one probe: short where the fault is silence.
func budget(f Fault) time.Duration {
	if f == Blackhole || f == OneWay || f == Frozen {
		return 400 * time.Millisecond
	}
	return 5 * time.Second
}

func (c Case) verdict(t *testing.T, secret string) func(probes.Result) error {
	return func(r probes.Result) error {
		if err := is(r, c.Detail, c.Want...); err != nil {
			return err
		}
		fit(t, r, secret)
		if c.Check != nil {
			return c.Check(r)
		}
		return nil
	}
}

func open(t *testing.T, tg probes.Target) probes.Prober {
	t.Helper()
	p, err := probes.New(tg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func is(r probes.Result, detail string, want ...probes.Status) error {
	if !slices.Contains(want, r.Status) || !strings.Contains(r.Detail, detail) {
		return fmt.Errorf("%s %q, want %v with %q", r.Status, r.Detail, want, detail)
	}
	return nil
}

// until probes until the answer is right, at most a minute.
func until(t *testing.T, p probes.Prober, budget time.Duration, what string, right func(probes.Result) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		pctx, pcancel := context.WithTimeout(t.Context(), budget)
		r := p.Probe(pctx)
		pcancel()
		err := right(r)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v\n%s", what, err, strings.Join(r.Transcript, "\n"))
		case <-tick.C:
		}
	}
}

// fit: an answer that is not up says why, fit for a screen and without the secret.
func fit(t *testing.T, r probes.Result, secret string) {
	t.Helper()
	if r.Status != probes.StatusUp && len(r.Transcript) == 0 {
		t.Errorf("%s %q without a transcript", r.Status, r.Detail)
	}
	for _, l := range append([]string{r.Detail}, r.Transcript...) {
		if secret != "" && strings.Contains(l, secret) {
			t.Errorf("the password is shown: %q", l)
		}
		if strings.ContainsFunc(l, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("unprintable: %q", l)
		}
	}
}
