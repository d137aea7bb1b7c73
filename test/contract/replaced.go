package contract

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/dutyops/dutyops/probes"
)

// Faults that leave a healthy server which is not what it was.
const (
	// Replaced: another server answers under the component's address, or the same one
	// without what it had; for a Flink job another run of it. Heal brings the first one back.
	Replaced Fault = "replaced"
	// DataLost: the server came back under its address and with its configuration, and
	// everything that it held is gone. It stays so.
	DataLost Fault = "data-lost"
	// Restarted: the server was ended and came back with what it had.
	Restarted Fault = "restarted"
)

// toldBy is by which of its facts each kind is known to be another one, or to be started anew.
var toldBy = map[Fault]map[string][]string{
	Replaced: {
		"mysql":         {"server_uuid", "server_id", "position"},
		"redis":         {probes.RedisHistory},
		"kafka":         {"cluster_id"},
		"kafka-connect": {"kafka_cluster"},
		"elasticsearch": {"cluster_uuid"},
		"rabbitmq":      {"cluster_name", "started primary@localhost"}, // one of the same name looks like a restart
		"flink":         {"job_id"},
	},
	DataLost: {"mysql": {"server_uuid", "position"}},
	Restarted: {
		"mysql": {"started"},
	},
}

// RunReplaced replaces the server of each kind and looks whether the probe's facts tell
// it from the one before, and stay the same while it stays. It returns the kinds that
// cannot be replaced, sorted.
func RunReplaced(t *testing.T, b Backend, kinds ...string) (cannot []string) {
	t.Helper()
	return recognised(t, b, Replaced, kinds)
}

// RunDataLost empties the server of each kind and looks whether that is told, once.
func RunDataLost(t *testing.T, b Backend, kinds ...string) (cannot []string) {
	t.Helper()
	return recognised(t, b, DataLost, kinds)
}

// RunRestarted restarts the server of each kind and looks whether that is told, once, and
// not as a loss.
func RunRestarted(t *testing.T, b Backend, kinds ...string) (cannot []string) {
	t.Helper()
	return recognised(t, b, Restarted, kinds)
}

func recognised(t *testing.T, b Backend, fault Fault, kinds []string) (cannot []string) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind+"/"+string(fault), func(t *testing.T) {
			comp, err := b.Start(t, kind, probes.RoleAny)
			if err != nil {
				t.Fatal(err)
			}
			by := toldBy[fault][kind]
			tells := func(c probes.Change) bool { return slices.Contains(by, c.What) && c.Lost == (fault == DataLost) }
			if fault == Replaced { // what it means differs by kind
				tells = func(c probes.Change) bool { return slices.Contains(by, c.What) }
			}
			tg := comp.Target(fault)
			tg.Name, tg.Kind = "site/data/"+kind, kind
			p := open(t, tg)
			// A job that has only just begun, or a broker that has a topic only just now, is
			// known a moment later.
			var known probes.Identity
			until(t, p, 5*time.Second, "known at first", func(r probes.Result) error {
				known, _ = known.Recognise(kind, r.Facts)
				told := slices.ContainsFunc(by, func(id string) bool { return known.IDs[id] != "" || id == "position" && known.Position != "" })
				if !told || kind == "rabbitmq" && len(known.IDs) < 2 { // since when it is up, it tells after some seconds
					return errors.New("nothing tells it from another one: " + r.Detail)
				}
				// Two starts a few seconds apart are taken for one.
				if at, err := time.Parse(time.RFC3339, known.IDs["started"]); fault == Restarted && err == nil && time.Since(at) < 8*time.Second {
					return errors.New("it has only just been started")
				}
				return nil
			})
			if err := comp.Break(fault); errors.Is(err, ErrCannot) {
				cannot = append(cannot, kind)
				return
			} else if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = comp.Heal(fault) }()
			until(t, open(t, tg), 5*time.Second, string(fault), func(r probes.Result) error {
				next, changes := known.Recognise(kind, r.Facts)
				if !slices.ContainsFunc(changes, tells) {
					return errors.New("it looks like the same one: " + r.Detail)
				}
				if fault == Restarted && slices.ContainsFunc(changes, func(c probes.Change) bool { return c.Lost }) {
					t.Errorf("a restart with all data is told as a loss: %+v", changes)
				}
				known = next
				return nil
			})
			until(t, p, 5*time.Second, "asked again", func(r probes.Result) error {
				var changes []probes.Change
				if known, changes = known.Recognise(kind, r.Facts); len(changes) != 0 {
					t.Errorf("told of again: %+v", changes)
				}
				return is(r, "", probes.StatusUp, probes.StatusDegraded)
			})
		})
	}
	slices.Sort(cannot)
	return cannot
}
