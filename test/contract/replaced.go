package contract

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/dutyops/dutyops/probes"
)

// Replaced is the fault of another server that answers under the component's address, or
// the same one without what it had; for a Flink job another run of it. Heal brings the
// first one back.
const Replaced Fault = "replaced"

// replacedBy is by which of its facts each kind is known to be another one.
var replacedBy = map[string][]string{
	"mysql":         {"server_uuid", "server_id", "position"},
	"redis":         {probes.RedisHistory},
	"kafka":         {"cluster_id"},
	"kafka-connect": {"kafka_cluster"},
	"elasticsearch": {"cluster_uuid"},
	"rabbitmq":      {"cluster_name", "started primary@localhost"}, // one of the same name looks like a restart
	"flink":         {"job_id"},
}

// RunReplaced replaces the server of each kind and looks whether the probe's facts tell
// it from the one before, and stay the same while it stays. It returns the kinds that
// cannot be replaced, sorted.
func RunReplaced(t *testing.T, b Backend, kinds ...string) (cannot []string) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind+"/replaced", func(t *testing.T) {
			comp, err := b.Start(t, kind, probes.RoleAny)
			if err != nil {
				t.Fatal(err)
			}
			tg := comp.Target(Replaced)
			tg.Name, tg.Kind = "site/data/"+kind, kind
			p := open(t, tg)
			// A job that has only just begun, or a broker that has a topic only just now, is
			// known a moment later.
			var known probes.Identity
			until(t, p, 5*time.Second, "known at first", func(r probes.Result) error {
				known, _ = known.Recognise(kind, r.Facts)
				told := slices.ContainsFunc(replacedBy[kind], func(id string) bool { return known.IDs[id] != "" })
				if !told || kind == "rabbitmq" && len(known.IDs) < 2 { // since when it is up, it tells after some seconds
					return errors.New("nothing tells it from another one: " + r.Detail)
				}
				return nil
			})
			if err := comp.Break(Replaced); errors.Is(err, ErrCannot) {
				cannot = append(cannot, kind)
				return
			} else if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = comp.Heal(Replaced) }()
			until(t, open(t, tg), 5*time.Second, "replaced", func(r probes.Result) error {
				next, changes := known.Recognise(kind, r.Facts)
				if !slices.ContainsFunc(changes, func(c probes.Change) bool { return slices.Contains(replacedBy[kind], c.What) }) {
					return errors.New("it looks like the same one: " + r.Detail)
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
