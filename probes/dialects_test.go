package probes

import (
	"strings"
	"testing"
)

// Answers in the form that products have which cannot be had as servers here, after the
// vendors' reference pages.

func TestSearchDialects(t *testing.T) {
	answers := func(root string) docs {
		return docs{
			"/":                     root,
			"/_cluster/health":      `{"cluster_name":"c1","status":"green","timed_out":false,"number_of_nodes":3,"unassigned_shards":0}`,
			"/messages/_search":     `{"took":1,"timed_out":false,"_shards":{"total":2,"successful":2,"skipped":0,"failed":0},"hits":{"total":{"value":3,"relation":"eq"},"max_score":null,"hits":[]},"aggregations":{"newest":{"value":1.7672256E12,"value_as_string":"2026-01-01T00:00:00.000Z"}}}`,
			"/messages/_settings":   `{"messages":{"settings":{"index":{"routing":{"allocation":{"include":{"_tier_preference":"data_content"}}},"number_of_shards":"2","uuid":"u-1","provided_name":"messages"}}}}`,
			"/messages/_stats/docs": `{"indices":{"messages":{"uuid":"u-1","shards":{"0":[{"routing":{"primary":true},"seq_no":{"max_seq_no":4,"local_checkpoint":4}},{"routing":{"primary":false},"seq_no":{"max_seq_no":4}}],"1":[{"routing":{"primary":true},"seq_no":{"max_seq_no":-1}}]}}}}`,
		}
	}
	for _, tc := range []struct{ name, root, version string }{
		{"Elasticsearch 8", `{"name":"n","cluster_name":"c1","cluster_uuid":"k-1","version":{"number":"8.19.7","build_flavor":"default","build_type":"docker","minimum_wire_compatibility_version":"7.17.0"},"tagline":"You Know, for Search"}`, "8.19.7"},
		{"OpenSearch 3", `{"name":"n","cluster_name":"c1","cluster_uuid":"k-1","version":{"distribution":"opensearch","number":"3.1.0","minimum_wire_compatibility_version":"2.19.0"},"tagline":"The OpenSearch Project: https://opensearch.org/"}`, "opensearch 3.1.0"},
	} {
		r := once(t, Target{Kind: "elasticsearch", URL: api(t, answers(tc.root)), Index: "messages", TimeField: "at", Role: asRole(RoleSource)})
		wantAnswer(t, r, StatusUp, "cluster green, 3 documents")
		f := r.Facts
		if f.Version != tc.version || f.Position != "5" || f.Extra["cluster_uuid"] != "k-1" || f.Extra["index_uuid"] != "u-1" || f.NewestAt.Year() != 2026 {
			t.Errorf("%s: %+v", tc.name, f)
		}
	}
	denied := answers(`{}`)
	for _, path := range []string{"/messages/_search", "/messages/_settings", "/messages/_stats/docs"} {
		denied[path] = 403
	}
	r := once(t, Target{Kind: "elasticsearch", URL: api(t, denied), Index: "messages", User: "least", Password: fixed(randomSecret())})
	wantAnswer(t, r, StatusUp, "cluster green")
	for key, right := range map[string]string{"index": "grant read on it to least", "write_block": "grant view_index_metadata on messages to least", "changes": "grant monitor on index messages"} {
		if !strings.Contains(r.Facts.Extra[key], right) {
			t.Errorf("%s says %q, want %q", key, r.Facts.Extra[key], right)
		}
	}
	denied["/_cluster/health"] = 403
	r = once(t, Target{Kind: "elasticsearch", URL: api(t, denied), Index: "messages", User: "least", Password: fixed(randomSecret())})
	wantAnswer(t, r, StatusUnknown, "cannot ask: least lacks the cluster privilege monitor (403)")
}

// MySQL 8.4: a replica that cannot apply, in the words that took the place of the old ones.
func TestMySQL84Broken(t *testing.T) {
	pw := randomSecret()
	row := mysql8Replica()
	for i, col := range row.cols {
		switch col {
		case "Replica_SQL_Running":
			row.vals[i] = "No"
		case "Seconds_Behind_Source":
			row.vals[i] = nil
		case "Last_SQL_Errno":
			row.vals[i] = "1062"
		}
	}
	row.cols, row.vals = append(row.cols, "Last_SQL_Error"), append(row.vals, "Could not execute Write_rows event on table ops.flights")
	f := newFakeMySQL(t, pw, map[string]myAnswer{
		qHead:                  {cols: []string{"version", "read_only"}, vals: []any{"8.4.3", "1"}},
		"SELECT UTC_TIMESTAMP": {cols: []string{"utc", "server_uuid"}, vals: []any{"2026-01-02 03:04:05.000006", "4e11fa47-71ca-11e1-9e33-c80aa9429562"}},
		qMySQL:                 {cols: []string{"executed"}, vals: []any{"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7"}},
		qReplica:               row,
	})
	r := once(t, Target{Kind: "mysql", Address: f.addr, User: "dutyops_probe", Password: fixed(pw), Role: asRole(RoleReplica)})
	wantAnswer(t, r, StatusDegraded, "replication of db1:3306 is broken, error 1062")
	if r.Facts.ReplicaState != replicaBroken || r.Facts.LagSeconds != nil || r.Facts.Extra["server_uuid"] != "4e11fa47-71ca-11e1-9e33-c80aa9429562" || r.Facts.Clock == nil {
		t.Errorf("facts %+v", r.Facts)
	}
}

// RabbitMQ 4: the health check of alarms, and nodes that say more of themselves.
func TestRabbitMQ4(t *testing.T) {
	nodes := `[{"name":"rabbit@a","uptime":3600000,"being_drained":false,"db_dir":"/var/lib/rabbitmq"},{"name":"rabbit@b"}]`
	ask := func(d docs) Result {
		return once(t, Target{Kind: "rabbitmq", URL: api(t, merged(docs{"/api/nodes": nodes}, d)), User: "duty", Password: fixed(randomSecret())})
	}
	r := ask(docs{"/api/health/checks/alarms": `{"status":"ok"}`})
	wantAnswer(t, r, StatusUp, "no alarm")
	if r.Facts.Extra["started rabbit@a"] == "" || r.Facts.Extra["started rabbit@b"] != "" {
		t.Errorf("facts %v", r.Facts.Extra)
	}
	wantAnswer(t, ask(docs{"/api/health/checks/alarms": failing{503, `{"status":"failed","reason":"There are alarms in effect in the cluster","alarms":[{"node":"rabbit@b","resource":"memory"}]}`}}),
		StatusDegraded, "takes no messages: memory alarm at rabbit@b")
}

// Flink in application mode is the cluster of one job, and has no /jars.
func TestFlinkApplicationMode(t *testing.T) {
	r := once(t, Target{Kind: "flink", Job: "ingest", Role: asRole(RoleSource), URL: api(t, docs{
		"/overview":      `{"taskmanagers":1,"slots-total":1,"slots-available":0,"jobs-running":1,"jobs-finished":0,"flink-version":"1.20.3"}`,
		"/jobs/overview": `{"jobs":[{"jid":"00000000000000000000000000000000","name":"ingest","state":"RUNNING","tasks":{"running":1,"total":1,"finished":0}}]}`,
		"/jobs/00000000000000000000000000000000/checkpoints": `{"counts":{"completed":2,"failed":0},"latest":{"completed":{"id":2,"latest_ack_timestamp":1767225600000}}}`,
		"/jars": 404,
	})})
	wantAnswer(t, r, StatusUp, "ingest job is running, last checkpoint")
}
