package connectd_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/connectd"
	"github.com/dutyops/dutyops/backend/sandbox/link"
)

const (
	topic = "flight.messages"
	name  = "mirror-from-primary"
)

func TestMirrorCopiesRecordsAsTheyAre(t *testing.T) {
	r := newRig(t, nil)
	r.a.produce(t, 0, 10_000)
	eventually(t, "10,000 records at the target", func() bool { return r.b.end() == 10_000 })
	sameRecords(t, r.a, r.b)
	r.until(t, "RUNNING RUNNING")
	eventually(t, "offsets of the last records", func() bool {
		return r.want(t, 200, "GET", "/connectors/"+name+"/offsets", "") ==
			`{"offsets":[{"offset":{"offset":4999},"partition":{"cluster":"primary","partition":0,"topic":"flight.messages"}},`+
				`{"offset":{"offset":4999},"partition":{"cluster":"primary","partition":1,"topic":"flight.messages"}}]}`
	})
}

// A running connector tells its offsets as they were written down last; one that stops
// writes them down.
func TestOffsetsAreToldLate(t *testing.T) {
	r := newRig(t, func(o *connectd.Options) { o.FlushEvery = time.Hour })
	r.a.produce(t, 0, 1000)
	eventually(t, "1,000 records at the target", func() bool { return r.b.end() == 1000 })
	offsets := "/connectors/" + name + "/offsets"
	if text := r.want(t, 200, "GET", offsets, ""); text != `{"offsets":[]}` {
		t.Errorf("offsets before they are written down: %s", text)
	}
	r.want(t, 204, "PUT", "/connectors/"+name+"/stop", "")
	eventually(t, "offsets once it has stopped", func() bool {
		text := r.want(t, 200, "GET", offsets, "")
		return strings.Count(text, `"offset":{"offset":499}`) == 2
	})
	r.want(t, 202, "PUT", "/connectors/"+name+"/resume", "")
	if text := r.want(t, 200, "GET", offsets, ""); !strings.Contains(text, "499") {
		t.Errorf("offsets after the resume: %s", text)
	}

	quick := newRig(t, func(o *connectd.Options) { o.FlushEvery = 20 * time.Millisecond })
	quick.a.produce(t, 0, 1000)
	eventually(t, "offsets of a connector that runs", func() bool {
		return strings.Contains(quick.want(t, 200, "GET", offsets, ""), "499")
	})
}

func TestStopPatchResume(t *testing.T) {
	r := newRig(t, nil)
	r.a.produce(t, 0, 1000)
	eventually(t, "first records", func() bool { return r.b.end() == 1000 })

	offsets := "/connectors/" + name + "/offsets"
	patch := func(at int64) string {
		one := func(p int) string {
			return fmt.Sprintf(`{"partition":{"cluster":"primary","partition":%d,"topic":%q},"offset":{"offset":%d}}`, p, topic, at)
		}
		return `{"offsets":[` + one(0) + `,` + one(1) + `]}`
	}
	text := r.want(t, 400, "PATCH", offsets, patch(10))
	if !strings.Contains(text, "STOPPED") {
		t.Errorf("refusal: %s", text)
	}
	r.want(t, 400, "DELETE", offsets, "")
	r.want(t, 202, "PUT", "/connectors/"+name+"/pause", "")
	r.until(t, "PAUSED PAUSED")
	r.want(t, 400, "PATCH", offsets, patch(10))
	r.want(t, 204, "PUT", "/connectors/"+name+"/stop", "")
	r.until(t, "STOPPED ")

	// Stopped: nothing is copied. Resumed: it goes on where it was, nothing twice.
	r.a.produce(t, 1000, 500)
	r.want(t, 202, "PUT", "/connectors/"+name+"/resume", "")
	eventually(t, "the rest", func() bool { return r.b.end() == 1500 })
	sameRecords(t, r.a, r.b)

	// Anchored at the end: what came while it was stopped is left out.
	r.want(t, 204, "PUT", "/connectors/"+name+"/stop", "")
	r.until(t, "STOPPED ")
	r.a.produce(t, 1500, 200)
	r.want(t, 200, "PATCH", offsets, patch(849)) // 850 records per partition
	r.want(t, 202, "PUT", "/connectors/"+name+"/resume", "")
	r.a.produce(t, 1700, 100)
	eventually(t, "only what came after the anchor", func() bool { return r.b.end() >= 1600 })
	got := r.b.read(t)
	if n := len(got[0]) + len(got[1]); n != 1600 || string(got[0][750].Value) != "message 1700" {
		t.Errorf("%d records, the first after the anchor %q", n, got[0][750].Value)
	}

	// Reset: everything comes again.
	r.want(t, 204, "PUT", "/connectors/"+name+"/stop", "")
	r.until(t, "STOPPED ")
	r.want(t, 200, "DELETE", offsets, "")
	if text := r.want(t, 200, "GET", offsets, ""); text != `{"offsets":[]}` {
		t.Errorf("after the reset: %s", text)
	}
	r.want(t, 202, "PUT", "/connectors/"+name+"/resume", "")
	eventually(t, "all of it again", func() bool { return r.b.end() == 1600+1800 })
}

func TestPatchIsChecked(t *testing.T) {
	r := newRig(t, func(o *connectd.Options) { o.Connectors[0].State = connectd.Stopped })
	r.until(t, "STOPPED ")
	for _, body := range []string{
		``, `{}`, `{"offsets":[]}`, `nonsense`,
		`{"offsets":[{"partition":{"cluster":"other","partition":0,"topic":"x"},"offset":{"offset":1}}]}`,
		`{"offsets":[{"partition":{"cluster":"primary","topic":"x"},"offset":{"offset":1}}]}`,
		`{"offsets":[{"partition":{"cluster":"primary","partition":0,"topic":"x"},"offset":{"offset":-1}}]}`,
		`{"offsets":[{"partition":{"cluster":"primary","partition":0,"topic":"x"},"offset":{}}]}`,
	} {
		r.want(t, 400, "PATCH", "/connectors/"+name+"/offsets", body)
	}
	set := `{"offsets":[{"partition":{"cluster":"primary","partition":0,"topic":"x"},"offset":%s}]}`
	r.want(t, 200, "PATCH", "/connectors/"+name+"/offsets", fmt.Sprintf(set, `{"offset":7}`))
	if got := r.Offsets(name)["x"][0]; got != 7 {
		t.Errorf("offset %d", got)
	}
	r.want(t, 200, "PATCH", "/connectors/"+name+"/offsets", fmt.Sprintf(set, `null`))
	if got := r.Offsets(name); len(got) != 0 {
		t.Errorf("offsets %v after null", got)
	}
}

func TestSourceOutageFailsTheTaskAndHeals(t *testing.T) {
	for _, mode := range []link.Mode{link.Down, link.Blackhole} {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, func(o *connectd.Options) { o.FailAfter = 300 * time.Millisecond })
			r.a.produce(t, 0, 100)
			eventually(t, "first records", func() bool { return r.b.end() == 100 })
			r.a.link.Set(mode)
			r.a.produce(t, 100, 100)
			r.until(t, "RUNNING FAILED")
			if _, trace := r.states(t); !strings.Contains(trace, "source cluster") {
				t.Errorf("trace %q", trace)
			}
			r.a.link.Set(link.Pass)
			eventually(t, "the rest", func() bool { return r.b.end() >= 200 })
			r.until(t, "RUNNING RUNNING")
			sameRecords(t, r.a, r.b)
		})
	}
}

func TestTargetOutageLosesAndDoublesNothing(t *testing.T) {
	r := newRig(t, func(o *connectd.Options) { o.FailAfter = 300 * time.Millisecond })
	r.a.produce(t, 0, 100)
	eventually(t, "first records", func() bool { return r.b.end() == 100 })
	r.b.link.Set(link.Down)
	r.a.produce(t, 100, 100)
	r.until(t, "RUNNING FAILED")
	if _, trace := r.states(t); !strings.Contains(trace, "target cluster") {
		t.Errorf("trace %q", trace)
	}
	r.b.link.Set(link.Pass)
	eventually(t, "the rest", func() bool { return r.b.end() >= 200 })
	r.until(t, "RUNNING RUNNING")
	sameRecords(t, r.a, r.b)

	// A target that answers and refuses is trouble too.
	r.b.SetReadOnly(true)
	r.a.produce(t, 200, 50)
	r.until(t, "RUNNING FAILED")
	r.b.SetReadOnly(false)
	eventually(t, "the last", func() bool { return r.b.end() >= 250 })
	r.until(t, "RUNNING RUNNING")
	sameRecords(t, r.a, r.b)
}

func TestStopDuringAnOutageEndsInTime(t *testing.T) {
	r := newRig(t, func(o *connectd.Options) { o.Grace = 50 * time.Millisecond })
	r.a.produce(t, 0, 100)
	eventually(t, "first records", func() bool { return r.b.end() == 100 })
	r.b.link.Set(link.Blackhole)
	r.a.produce(t, 100, 100)
	r.want(t, 204, "PUT", "/connectors/"+name+"/stop", "")
	r.until(t, "STOPPED ")
	r.a.link.Set(link.Down)
	r.want(t, 202, "PUT", "/connectors/"+name+"/resume", "")
	r.want(t, 204, "PUT", "/connectors/"+name+"/stop", "")
	r.until(t, "STOPPED ")
}

func TestLagHoldsRecordsBack(t *testing.T) {
	r := newRig(t, func(o *connectd.Options) { o.Connectors[0].State = connectd.Stopped })
	r.SetLag(24 * time.Hour)
	r.a.produceAt(t, 0, 50, time.Now().Add(-25*time.Hour))
	r.a.produceAt(t, 50, 50, time.Now())
	r.want(t, 202, "PUT", "/connectors/"+name+"/resume", "")
	eventually(t, "the old records", func() bool { return r.b.end() >= 50 })
	for p, recs := range r.b.read(t) {
		if len(recs) != 25 {
			t.Errorf("partition %d: %d records in spite of the lag, want 25", p, len(recs))
		}
	}
	r.want(t, 204, "PUT", "/connectors/"+name+"/stop", "")
	r.until(t, "STOPPED ") // a stop does not wait for what is held
	r.want(t, 202, "PUT", "/connectors/"+name+"/resume", "")
	r.SetLag(0)
	eventually(t, "all of it", func() bool { return r.b.end() == 100 })
	sameRecords(t, r.a, r.b)
}

func TestSourceDialIsUsed(t *testing.T) {
	var wire *link.Link // the line between the two sites
	r := newRig(t, func(o *connectd.Options) {
		c := &o.Connectors[0]
		l, err := link.New(c.SourceBrokers[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		wire = l
		c.SourceDial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, l.Addr())
		}
	})
	r.a.produce(t, 0, 10)
	eventually(t, "first records", func() bool { return r.b.end() == 10 })
	wire.Set(link.Down)
	r.a.produce(t, 10, 10)
	r.want(t, 204, "POST", "/connectors/"+name+"/restart", "")
	r.until(t, "RUNNING RUNNING")
	if n := r.b.end(); n != 10 {
		t.Fatalf("%d records although the line is cut", n)
	}
	wire.Set(link.Pass)
	eventually(t, "the rest", func() bool { return r.b.end() == 20 })
}

func TestRestDocuments(t *testing.T) {
	r := newRig(t, func(o *connectd.Options) { o.ClusterID = "standby-kafka" })
	if got := r.want(t, 200, "GET", "/", ""); got != `{"commit":"sandbox","kafka_cluster_id":"standby-kafka","version":"4.1.1"}` {
		t.Errorf("root %s", got)
	}
	if got := r.want(t, 200, "GET", "/connectors", ""); got != `["`+name+`"]` {
		t.Errorf("connectors %s", got)
	}
	for path, part := range map[string]string{
		"/connectors?expand=status":       `"connector":{"state":"RUNNING"`,
		"/connectors?expand=info":         `"type":"source"`,
		"/connector-plugins":              `MirrorSourceConnector`,
		"/connectors/" + name:             `"tasks":[{"connector":"mirror-from-primary","task":0}]`,
		"/connectors/" + name + "/config": `"source.cluster.alias":"primary"`,
		"/connectors/" + name + "/tasks":  `"id":{"connector":"mirror-from-primary","task":0}`,
		"/connectors/" + name + "/status": `"worker_id":"127.0.0.1:`,
	} {
		if got := r.want(t, 200, "GET", path, ""); !strings.Contains(got, part) {
			t.Errorf("GET %s: %s has no %s", path, got, part)
		}
	}
	if got := r.want(t, 404, "GET", "/connectors/other/status", ""); !strings.Contains(got, `"error_code":404`) {
		t.Errorf("unknown connector: %s", got)
	}
	r.want(t, 400, "PUT", "/connectors/"+name+"/config", `{"name":"other"}`)
	r.want(t, 200, "PUT", "/connectors/"+name+"/config", `{"topics":"flight.messages","refresh.topics.interval.seconds":"5"}`)
	if got := r.want(t, 200, "GET", "/connectors/"+name+"/config", ""); !strings.Contains(got, `"refresh.topics.interval.seconds":"5"`) {
		t.Errorf("config %s", got)
	}
	r.a.produce(t, 0, 10)
	eventually(t, "it still copies", func() bool { return r.b.end() == 10 })
	if _, err := connectd.Start(connectd.Options{Connectors: []connectd.Connector{{Name: "x"}}}); err == nil {
		t.Error("a connector without brokers was accepted")
	}
}
