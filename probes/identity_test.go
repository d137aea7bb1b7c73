package probes

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestRecognise(t *testing.T) {
	facts := func(role, position string, extra ...string) Facts {
		f := Facts{Role: role, Position: position, Extra: map[string]string{}}
		for i := 0; i < len(extra); i += 2 {
			f.Extra[extra[i]] = extra[i+1]
		}
		return f
	}
	const a1, a2 = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562"
	for _, tc := range []struct {
		name, kind  string
		before, now Facts
		want        []string // what changed; "!" before what was lost
	}{
		{"the same", "mysql", facts("primary", a1+":1-5", "server_uuid", "a"), facts("primary", a1+":1-9", "server_uuid", "a"), nil},
		{"another MySQL", "mysql", facts("primary", a1+":1-5", "server_uuid", "a"), facts("primary", a2+":1-9", "server_uuid", "b"), []string{"!server_uuid", "!position"}},
		{"MariaDB, same number, less data", "mysql", facts("primary", "1-1-50", "server_id", "1"), facts("primary", "1-1-40", "server_id", "1"), []string{"!position"}},
		{"MariaDB, emptied", "mysql", facts("primary", "1-1-50", "server_id", "1"), facts("primary", "1-1-2", "server_id", "1"), []string{"!position"}},
		{"MariaDB, with nothing at all", "mysql", facts("primary", "1-1-50", "server_id", "1"), facts("primary", "", "server_id", "1", positionKey, positionNone), []string{"!position"}},
		{"MariaDB, restarted with its data", "mysql", facts("primary", "1-1-50", "server_id", "1", "started", "2026-01-02T03:04:05Z"), facts("primary", "1-1-50", "server_id", "1", "started", "2026-01-02T03:06:05Z"), []string{"started"}},
		{"MariaDB, restarted without its data", "mysql", facts("primary", "1-1-50", "server_id", "1", "started", "2026-01-02T03:04:05Z"), facts("primary", "", "server_id", "1", positionKey, positionNone, "started", "2026-01-02T03:06:05Z"), []string{"started", "!position"}},
		{"MySQL, its seconds rounded differently", "mysql", facts("primary", "", "started", "2026-01-02T03:04:05Z"), facts("primary", "", "started", "2026-01-02T03:04:06Z"), nil},
		{"the other family under one address", "mysql", facts("primary", "1-1-50"), facts("primary", a1+":1-9"), []string{"!position"}},
		{"the other family, the other way", "mysql", facts("primary", a1+":1-9"), facts("primary", "1-1-50"), []string{"!position"}},
		{"a position that cannot be read", "mysql", facts("primary", "1-1-50"), facts("primary", "what"), nil},
		{"no position told", "mysql", facts("primary", "1-1-50"), facts("primary", ""), nil},
		{"a Redis that was restarted with its data", "redis", facts("primary", "9", "run_id", "a", "replid", "h"), facts("primary", "9", "run_id", "b", "replid", "h"), []string{"run_id"}},
		{"a Redis that lost its data", "redis", facts("primary", "9", "run_id", "a", "replid", "h"), facts("primary", "0", "run_id", "b", "replid", "k"), []string{"!replid", "run_id"}},
		{"a Redis that was promoted", "redis", facts("replica", "9", "run_id", "a", "replid", "h"), facts("primary", "9", "run_id", "a", "replid", "k", "replid2", "h"), nil},
		{"a primary that goes on from what it was", "redis", facts("primary", "9", "replid", "h"), facts("primary", "9", "replid", "k", "replid2", "h"), nil},
		{"a Redis that follows another now", "redis", facts("primary", "9", "replid", "h"), facts("replica", "9", "replid", "k"), nil},
		{"another Kafka", "kafka", facts("", "", "cluster_id", "a", "topic_id t", "x"), facts("", "", "cluster_id", "b", "topic_id t", "y"), []string{"!cluster_id", "!topic_id t"}},
		{"a topic made anew", "kafka", facts("", "", "cluster_id", "a", "topic_id t", "x"), facts("", "", "cluster_id", "a", "topic_id t", "y"), []string{"!topic_id t"}},
		{"another topic is looked at", "kafka", facts("", "", "topic_id t", "x"), facts("", "", "topic_id u", "y"), nil},
		{"workers of another Kafka", "kafka-connect", facts("", "", "kafka_cluster", "a"), facts("", "", "kafka_cluster", "b"), []string{"!kafka_cluster"}},
		{"another cluster", "elasticsearch", facts("", "", "cluster_uuid", "a"), facts("", "", "cluster_uuid", "b"), []string{"!cluster_uuid"}},
		{"an index made anew", "elasticsearch", facts("", "9", "index_uuid", "a"), facts("", "1", "index_uuid", "b"), []string{"!index_uuid"}},
		{"a broker that was restarted", "rabbitmq", facts("", "", "started n", "2026-01-02T03:04:05Z"), facts("", "", "started n", "2026-01-02T03:05:05Z"), []string{"started n"}},
		{"a broker that reckons a little differently", "rabbitmq", facts("", "", "started n", "2026-01-02T03:04:05Z"), facts("", "", "started n", "2026-01-02T03:04:07Z"), nil},
		{"another broker", "rabbitmq", facts("", "", "cluster_name", "a"), facts("", "", "cluster_name", "b"), []string{"!cluster_name"}},
		{"another run of the job", "flink", facts("", "", "job_id", "a"), facts("", "", "job_id", "b"), []string{"job_id"}},
		{"no job now", "flink", facts("", "", "job_id", "a"), facts("", ""), nil},
		{"a fact that identifies nothing", "mysql", facts("", "", "io_thread", "Yes"), facts("", "", "io_thread", "No"), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first, none := Identity{}.Recognise(tc.kind, tc.before)
			if len(none) != 0 {
				t.Errorf("seen for the first time: %v", none)
			}
			b, err := json.Marshal(first)
			if err != nil {
				t.Fatal(err)
			}
			var kept Identity
			if err := json.Unmarshal(b, &kept); err != nil {
				t.Fatal(err)
			}
			next, changes := kept.Recognise(tc.kind, tc.now)
			var got []string
			for _, c := range changes {
				got = append(got, map[bool]string{true: "!"}[c.Lost]+c.What)
				if c.Means == "" || c.Was == c.Is {
					t.Errorf("%+v", c)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("changes %q, want %q", got, tc.want)
			}
			if _, again := next.Recognise(tc.kind, tc.now); len(again) != 0 {
				t.Errorf("told twice: %v", again)
			}
		})
	}
}

// A server that does not answer is not forgotten: who answers afterwards is compared
// with who answered before.
func TestRecogniseRemembersOverSilence(t *testing.T) {
	i, _ := Identity{}.Recognise("kafka", Facts{Extra: map[string]string{"cluster_id": "a"}})
	i, changes := i.Recognise("kafka", Facts{})
	if len(changes) != 0 {
		t.Errorf("silence was taken for a change: %v", changes)
	}
	if _, changes = i.Recognise("kafka", Facts{Extra: map[string]string{"cluster_id": "b"}}); len(changes) != 1 {
		t.Errorf("changes %v, want the other cluster", changes)
	}
}

// A position that cannot be read does not take the place of the one that is remembered.
func TestRecogniseRemembersOverGarbage(t *testing.T) {
	i, _ := Identity{}.Recognise("mysql", Facts{Position: "1-1-50"})
	i, _ = i.Recognise("mysql", Facts{Position: "what"})
	if _, changes := i.Recognise("mysql", Facts{Position: "1-1-2"}); len(changes) != 1 || !changes[0].Lost {
		t.Errorf("48 transactions are gone, and it is told as %v", changes)
	}
}

// A start that is reckoned a second later at every answer is a clock that drifts, until
// it is far enough from the first one.
func TestRecogniseAStartThatDrifts(t *testing.T) {
	i, _ := Identity{}.Recognise("rabbitmq", Facts{Extra: map[string]string{"started n": "2026-01-02T03:04:05Z"}})
	var told int
	for _, at := range []string{"2026-01-02T03:04:08Z", "2026-01-02T03:04:10Z", "2026-01-02T03:04:12Z"} {
		var changes []Change
		i, changes = i.Recognise("rabbitmq", Facts{Extra: map[string]string{"started n": at}})
		told += len(changes)
	}
	if told != 1 {
		t.Errorf("told %d times, want once", told)
	}
}
