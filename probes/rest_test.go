package probes

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

type docs = map[string]any

func merged(base docs, more docs) docs {
	m := maps.Clone(base)
	maps.Copy(m, more)
	return m
}

func TestElasticsearch(t *testing.T) {
	newest := time.Now().Add(-2 * time.Second).UnixMilli()
	good := docs{
		"/":                     `{"version":{"number":"2.19.3","distribution":"opensearch"}}`,
		"/_cluster/health":      `{"cluster_name":"c1","status":"green","number_of_nodes":1,"unassigned_shards":0}`,
		"/messages/_search":     fmt.Sprintf(`{"_shards":{"total":1,"successful":1,"failed":0},"hits":{"total":{"value":5000,"relation":"eq"}},"aggregations":{"newest":{"value":%d.0}}}`, newest),
		"/messages/_settings":   `{"messages":{"settings":{"index":{"number_of_shards":"1"}}}}`,
		"/messages/_stats/docs": `{"indices":{"messages":{"shards":{"0":[{"routing":{"primary":true},"seq_no":{"max_seq_no":4}}]}}}}`,
	}
	blocked := docs{"/messages/_settings": `{"messages":{"settings":{"index":{"blocks":{"write":"true"}}}}}`}
	// what OpenSearch 2.19 says of an alias over an index that is well and one whose only shard
	// no node may hold: nothing "failed"
	missing := docs{"/messages/_search": `{"timed_out":false,"_shards":{"total":2,"successful":1,"skipped":0,"failed":0},"hits":{"total":{"value":1,"relation":"eq"}},"aggregations":{"newest":{"value":1.0}}}`}
	health := func(s string) docs {
		return docs{"/_cluster/health": `{"status":"` + s + `","unassigned_shards":3}`}
	}
	for _, tc := range []struct {
		name   string
		docs   docs
		with   func(*Target)
		status Status
		detail string
	}{
		{"green", good, nil, StatusUp, "cluster green, 5000 documents, newest 2"},
		{"old form of the total", merged(good, docs{"/messages/_search": `{"_shards":{"total":1,"successful":1},"hits":{"total":7}}`}), nil, StatusUp, "7 documents"},
		{"yellow", merged(good, health("yellow")), nil, StatusDegraded, "cluster is yellow, 3 shard copies are missing"},
		{"yellow is fine here", merged(good, health("yellow")), func(t *Target) { t.YellowOK = true }, StatusUp, "cluster yellow"},
		{"red, the index is whole", merged(good, health("red")), nil, StatusDegraded, "cluster is red, but index messages is whole"},
		{"red, no index to look at", merged(good, health("red")), func(t *Target) { t.Index = "" }, StatusDown, "cluster is red"},
		{
			"red, the index too", merged(good, merged(health("red"), docs{"/messages/_search": failing{503, `{"error":{"type":"search_phase_execution_exception","reason":"all shards failed"}}`}})),
			nil, StatusDown, "all shards failed",
		},
		{"some shards failed", merged(good, docs{"/messages/_search": `{"_shards":{"total":5,"successful":3,"failed":2},"hits":{"total":7}}`}), nil, StatusDegraded, "2 of 5 shards"},
		{"red, a shard of the index is nowhere", merged(good, merged(health("red"), missing)), nil, StatusDown, "part of the data cannot be read"},
		{"a shard is nowhere", merged(good, missing), nil, StatusDegraded, "1 of 2 shards failed to answer"},
		{"a shard failed at one copy", merged(good, docs{"/messages/_search": `{"_shards":{"total":2,"successful":2,"failed":1},"hits":{"total":7}}`}), nil, StatusDegraded, "1 of 2 shards failed to answer"},
		{"the search was cut short", merged(good, docs{"/messages/_search": `{"timed_out":true,"_shards":{"total":1,"successful":1,"failed":0},"hits":{"total":{"value":7}}}`}), nil, StatusDegraded, "cut short"},
		{"red, the search was cut short", merged(good, merged(health("red"), docs{"/messages/_search": `{"timed_out":true,"_shards":{"total":1,"successful":1},"hits":{"total":7}}`})), nil, StatusDown, "cluster is red"},
		{"health not in time", merged(good, docs{"/_cluster/health": `{"status":"green","timed_out":true}`}), nil, StatusDegraded, "could not tell its health in time"},
		{"a pattern of nothing", merged(good, docs{"/messages/_search": `{"_shards":{"total":0,"successful":0,"failed":0},"hits":{"total":{"value":0}}}`}), nil, StatusDegraded, "index messages does not exist"},
		{"no number of documents", merged(good, docs{"/messages/_search": `{}`}), nil, StatusDegraded, "no number of documents"},
		{"no master", merged(good, docs{"/_cluster/health": failing{503, `{"error":{"type":"master_not_discovered_exception","reason":null}}`}}), nil, StatusDown, "the cluster has no master"},
		{"write block at the source", merged(good, blocked), func(t *Target) { t.Role = asRole(RoleSource) }, StatusDown, "index messages refuses writes (index.blocks.write)"},
		{
			"disk full at the source", merged(good, docs{"/messages/_settings": `{"messages":{"settings":{"index":{"blocks":{"read_only_allow_delete":"true"}}}}}`}),
			func(t *Target) { t.Role = asRole(RoleSource) }, StatusDown, "the disk is nearly full",
		},
		{"write block at the replica", merged(good, blocked), func(t *Target) { t.Role = asRole(RoleReplica) }, StatusUp, "writes blocked"},
		{
			"a block that is off", merged(good, docs{"/messages/_settings": `{"messages":{"settings":{"index":{"blocks":{"write":"false"}}}}}`}),
			func(t *Target) { t.Role = asRole(RoleSource) }, StatusUp, "cluster green",
		},
		{"no such index", merged(good, docs{"/messages/_search": 404, "/messages/_settings": 404}), nil, StatusDegraded, "index messages does not exist"},
		{"not allowed to read the index", merged(good, docs{"/messages/_search": 403, "/messages/_settings": 403}), nil, StatusUp, "cluster green"},
		{"wrong password", docs{"/_cluster/health": 401}, func(t *Target) { t.User = "duty" }, StatusUnknown, "wrong password for duty"},
		{"no password configured", docs{"/_cluster/health": 401}, nil, StatusUnknown, "it wants a user and password"},
		{"something else", docs{"/_cluster/health": `{}`}, nil, StatusDown, "answers, but not as elasticsearch"},
		{"not JSON", docs{"/_cluster/health": `<html>`}, nil, StatusDown, "answers, but not as elasticsearch"},
		{"a proxy in front", docs{"/_cluster/health": 502}, nil, StatusDown, "answered 502 Bad Gateway"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tg := Target{Kind: "elasticsearch", URL: api(t, tc.docs), Index: "messages", TimeField: "at"}
			if tc.with != nil {
				tc.with(&tg)
			}
			r := once(t, tg)
			wantAnswer(t, r, tc.status, tc.detail)
			if tc.name == "green" && (*r.Facts.Count != 5000 || r.Facts.NewestAt.UnixMilli() != newest || *r.Facts.ReadOnly || r.Facts.Version != "opensearch 2.19.3") {
				t.Errorf("facts %+v", r.Facts)
			}
			if whole := tc.status == StatusUp && tc.name != "not allowed to read the index"; strings.Contains(tc.name, "shard") && !whole && (r.Facts.Count != nil || !r.Facts.NewestAt.IsZero() || r.Facts.Position != "") {
				t.Errorf("a part was taken for the whole: %+v", r.Facts)
			}
			if strings.HasPrefix(tc.name, "write block") && !*r.Facts.ReadOnly {
				t.Error("the write block is not a fact")
			}
		})
	}
}

func TestFlink(t *testing.T) {
	ack := time.Now().Add(-3 * time.Second).UnixMilli()
	jobs := func(states ...string) docs {
		var list []string
		for i, s := range states {
			list = append(list, fmt.Sprintf(`{"jid":"j%d","name":"ingest","state":"%s","start-time":%d}`, i, s, i))
		}
		return docs{
			"/overview":              `{"taskmanagers":1,"slots-total":4,"slots-available":3,"flink-version":"1.20.3"}`,
			"/jobs/overview":         `{"jobs":[` + strings.Join(list, ",") + `]}`,
			"/jobs/j0/checkpoints":   fmt.Sprintf(`{"counts":{"failed":1},"latest":{"completed":{"id":9,"latest_ack_timestamp":%d}}}`, ack),
			"/jobs/j1/checkpoints":   `{"latest":{"completed":null}}`,
			"/jobs/nope/checkpoints": 500,
		}
	}
	checkpoints := func(doc string) docs {
		return merged(jobs("RUNNING"), docs{"/jobs/j0/checkpoints": doc})
	}
	for _, tc := range []struct {
		name   string
		docs   docs
		role   Role
		status Status
		detail string
		part   string
	}{
		{"source, running", jobs("RUNNING"), RoleSource, StatusUp, "ingest job is running, last checkpoint 3.", "RUNNING"},
		{"source, no job", jobs(), RoleSource, StatusDown, "ingest job is not running", ""},
		{"source, finished", jobs("FINISHED"), RoleSource, StatusDown, "ingest job is not running (finished)", "FINISHED"},
		{"source, failed", jobs("FAILED"), RoleSource, StatusDown, "ingest job is not running (failed)", "FAILED"},
		{"source, restarting", jobs("RESTARTING"), RoleSource, StatusDegraded, "ingest job is restarting", "RESTARTING"},
		{"source, an old one beside the running", jobs("FINISHED", "RUNNING", "CANCELED"), RoleSource, StatusUp, "is running", "RUNNING"},
		{"standby, no job", jobs(), RoleReplica, StatusUp, "ready, no job", ""},
		{"standby, finished", jobs("FINISHED"), RoleReplica, StatusUp, "ready, no job", "FINISHED"},
		{"standby, running", jobs("RUNNING"), RoleReplica, StatusUp, "ingest job is running here too", "RUNNING"},
		{"no task manager", merged(jobs(), docs{"/overview": `{"taskmanagers":0}`}), RoleReplica, StatusDegraded, "no task manager", ""},
		{"running in name only", docs{
			"/overview":      `{"taskmanagers":0,"slots-total":0,"slots-available":0,"flink-version":"1.20.3"}`,
			"/jobs/overview": `{"jobs":[{"jid":"j","name":"ingest","state":"RUNNING","tasks":{"running":0,"total":2,"scheduled":2,"finished":0}}]}`,
		}, RoleSource, StatusDegraded, "ingest job is running in name only: 2 of its 2 tasks are not, there is no task manager", "RUNNING"},
		{"no checkpoint yet", checkpoints(`{"latest":{"completed":null},"counts":{"completed":0,"failed":1}}`), RoleSource, StatusUp, "ingest job is running, no checkpoint yet", "RUNNING"},
		{"every checkpoint fails", checkpoints(`{"latest":{"completed":null},"counts":{"completed":0,"failed":3}}`), RoleSource, StatusDegraded, "is running, but of its checkpoints there is none: 3 failed", "RUNNING"},
		{"every checkpoint fails, on a standby", checkpoints(`{"latest":{"completed":null},"counts":{"completed":0,"failed":3}}`), RoleReplica, StatusUp, "running here too", "RUNNING"},
		{"something else", docs{"/overview": `{}`, "/jobs/overview": `{}`}, RoleAny, StatusDown, "answers, but not as flink", ""},
		{"error", docs{"/overview": 500, "/jobs/overview": 500}, RoleAny, StatusDown, "answered 500", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := once(t, Target{Kind: "flink", URL: api(t, tc.docs), Job: "ingest", Role: asRole(tc.role)})
			wantAnswer(t, r, tc.status, tc.detail)
			if r.Facts.Parts["ingest"] != tc.part {
				t.Errorf("part %q, want %q", r.Facts.Parts["ingest"], tc.part)
			}
			if tc.name == "source, running" && (r.Facts.Extra["last_checkpoint"] == "" || r.Facts.Extra["job_id"] != "j0" || r.Facts.Version != "1.20.3") {
				t.Errorf("facts %+v", r.Facts)
			}
		})
	}
}

func TestConnect(t *testing.T) {
	status := func(state string, tasks ...string) string {
		var list []string
		for i, s := range tasks {
			list = append(list, fmt.Sprintf(`{"id":%d,"state":"%s","trace":"org.apache.kafka.X: broken pipe\n\tat y"}`, i, s))
		}
		return fmt.Sprintf(`{"name":"m","connector":{"state":"%s","trace":"java.lang.E: no such thing\n\tat z"},"tasks":[%s]}`, state, strings.Join(list, ","))
	}
	base := func(st string) docs {
		return docs{
			"/":                          `{"version":"4.1.1","kafka_cluster_id":"abc"}`,
			"/connectors":                `["mirror"]`,
			"/connectors/mirror/status":  st,
			"/connectors/mirror/offsets": `{"offsets":[{"partition":{"cluster":"primary","partition":0,"topic":"flight.messages"},"offset":{"offset":123}},{"partition":{"cluster":"primary","partition":1,"topic":"flight.messages"},"offset":{"offset":7}},{"partition":{"foo":1},"offset":{}},{"partition":{"topic":"t","partition":"x"},"offset":{"offset":1}}]}`,
		}
	}
	for _, tc := range []struct {
		name   string
		docs   docs
		names  []string
		status Status
		detail string
		part   string
	}{
		{"running", base(status("RUNNING", "RUNNING")), []string{"mirror"}, StatusUp, "connectors: 1 running", "RUNNING"},
		{"all there are", base(status("RUNNING", "RUNNING")), nil, StatusUp, "connectors: 1 running", "RUNNING"},
		{"paused", base(status("PAUSED", "PAUSED")), []string{"mirror"}, StatusUp, "1 paused", "PAUSED"},
		{"stopped, tasks still running", base(status("STOPPED", "RUNNING")), []string{"mirror"}, StatusUp, "1 stopped", "STOPPED"},
		{"a failed task", base(status("RUNNING", "RUNNING", "FAILED")), []string{"mirror"}, StatusDegraded, "task 1 of mirror failed: org.apache.kafka.X: broken pipe", "FAILED"},
		{"a task that nobody has", base(status("RUNNING", "RUNNING", "UNASSIGNED")), []string{"mirror"}, StatusDegraded, "task 1 of mirror is unassigned", "UNASSIGNED"},
		{"a task that still rests", base(status("RUNNING", "PAUSED")), []string{"mirror"}, StatusDegraded, "task 0 of mirror is paused", "PAUSED"},
		{"a failed task beside one that nobody has", base(status("RUNNING", "UNASSIGNED", "FAILED")), []string{"mirror"}, StatusDegraded, "task 1 of mirror failed", "FAILED"},
		{"failed", base(status("FAILED")), []string{"mirror"}, StatusDegraded, "connector mirror failed: java.lang.E: no such thing", "FAILED"},
		{"unassigned", base(status("UNASSIGNED")), []string{"mirror"}, StatusDegraded, "connector mirror is unassigned", "UNASSIGNED"},
		{"missing", base(status("RUNNING")), []string{"mirror", "other"}, StatusDegraded, "connector other does not exist", "RUNNING"},
		{"no connector at all", merged(base(""), docs{"/connectors": `[]`}), nil, StatusUp, "ready, no connector", ""},
		{"too old for offsets", merged(base(status("RUNNING")), docs{"/connectors/mirror/offsets": 405}), []string{"mirror"}, StatusUp, "1 running", "RUNNING"},
		{"worker broken", docs{"/": 500}, []string{"mirror"}, StatusDown, "answered 500", ""},
		{"rebalancing", merged(base(""), docs{"/connectors/mirror/status": 409}), []string{"mirror"}, StatusDegraded, "connector mirror: answered 409", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := once(t, Target{Kind: "kafka-connect", URL: api(t, tc.docs), Connectors: tc.names})
			wantAnswer(t, r, tc.status, tc.detail)
			if r.Facts.Parts["mirror"] != tc.part {
				t.Errorf("part %q, want %q", r.Facts.Parts["mirror"], tc.part)
			}
			if tc.name == "running" {
				want := map[string]int64{"mirror:flight.messages/0": 123, "mirror:flight.messages/1": 7}
				if !maps.Equal(r.Facts.Offsets, want) || r.Facts.Version != "4.1.1" {
					t.Errorf("facts %+v, want offsets %v", r.Facts, want)
				}
			}
			if tc.name == "too old for offsets" && r.Facts.Offsets != nil {
				t.Errorf("offsets %v from nowhere", r.Facts.Offsets)
			}
		})
	}
}

// FuzzDocuments feeds any JSON to every REST kind: whatever it says, the answer must
// be fit to show and must not be an accident.
func FuzzDocuments(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `null`, `{"status":"green"}`, `{"taskmanagers":-1}`, `{"jobs":[{"name":"ingest","state":"RUNNING","jid":"../x"}]}`,
		`{"offsets":[{"partition":{"topic":"t","partition":0},"offset":{"offset":9e99}}]}`, `["a","b"]`, `{"connector":{"state":"\u001b[2J"}}`,
		`{"_shards":{"failed":-1},"hits":{"total":{"value":1e30}},"aggregations":{"newest":{"value":1e300}}}`, `{"m":{"settings":{"index":{"blocks":{"write":[1]}}}}}`,
	} {
		f.Add(s)
	}
	body := ""
	url := httpServer(f, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	var ps []Prober
	for _, kind := range []string{"elasticsearch", "flink", "kafka-connect"} {
		ps = append(ps, must(f, Target{Kind: kind, URL: url, Index: "m", TimeField: "at", Job: "ingest", Role: asRole(RoleSource)}))
	}
	f.Fuzz(func(t *testing.T, s string) {
		body = s
		for _, p := range ps {
			r := ask(t, p, 5*time.Second)
			if r.Detail == "" || strings.Contains(r.Detail, "the probe itself failed") || strings.Contains(r.Detail, "broke the reader") {
				t.Fatalf("%q made %s %q", s, r.Status, r.Detail)
			}
			if r.Status != StatusUp {
				checkFit(t, r, "")
			}
		}
	})
}
