//go:build integration

package contract_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

func (r *stack) rabbitServer(t *testing.T, c *component) error {
	s, err := r.rabbit()
	if err != nil {
		return err
	}
	if err := c.behind(t, s.URL); err != nil {
		return err
	}
	management, base := c.line, c.target.URL
	if err := c.behind(t, "tcp://"+s.Address); err != nil {
		return err
	}
	c.target.URL, c.more = base, []*link.Link{management}
	c.target.User, c.target.Password = "probe", func() (string, error) { return s.Passwords["probe"], nil }
	c.target.Queue = "notifications"
	c.process(s.Freeze, s.Thaw, s.Kill, func() error { return s.Start(r.ctx) })
	c.direct.URL = s.URL
	c.rotate = func(password string) error {
		return call(r.ctx, s.URL+"/api/users/probe", http.MethodPut, "admin", s.Passwords["admin"], map[string]any{"password": password, "tags": "monitoring"})
	}
	c.own[contract.Replaced] = func(on bool) error {
		if !on {
			return nil
		}
		s.Kill()
		return errors.Join(s.Wipe(), s.Start(r.ctx))
	}
	c.own[contract.MemoryAlarm] = func(on bool) error {
		return s.Ctl(r.ctx, "set_vm_memory_high_watermark", "absolute", map[bool]string{true: "1000000", false: "256000000"}[on])
	}
	c.own[contract.DiskAlarm] = func(on bool) error {
		return s.Ctl(r.ctx, "set_disk_free_limit", map[bool]string{true: "1000000000000000", false: "50000000"}[on])
	}
	return nil
}

func (r *stack) kafkaServer(t *testing.T, c *component) error {
	s, err := r.kafka[0]()
	if err != nil {
		return err
	}
	if err := c.behind(t, "tcp://"+s.Address); err != nil {
		return err
	}
	c.target.Brokers, c.target.Topics = []string{c.line.Addr()}, []string{topic}
	c.process(s.Freeze, s.Thaw, s.Kill, func() error { return s.Start(r.ctx) })
	c.direct.Brokers = []string{s.Address}
	other, err := r.kafka[1]()
	if err != nil {
		return err
	}
	c.replacedWith(other.Address)
	// It has a broker beside it, for these two faults.
	c.topics = map[contract.Fault][]string{contract.CopiesBehind: {topic + ".copied"}, contract.NoLeader: {topic + ".far"}}
	b, err := r.further()
	if err != nil {
		return err
	}
	away := func(on bool) error {
		if on {
			b.Kill()
			return nil
		}
		return b.Start(r.ctx)
	}
	c.own[contract.CopiesBehind], c.own[contract.NoLeader] = away, away
	c.own[contract.LogDirOffline] = func(on bool) error {
		if on {
			return b.LoseDisk(r.ctx)
		}
		return b.RestoreDisk(r.ctx)
	}
	return nil
}

func (r *stack) searchServer(t *testing.T, c *component) error {
	s, err := r.search[r.engine]()
	if err != nil {
		return err
	}
	if err := c.behind(t, s.URL); err != nil {
		return err
	}
	c.process(s.Freeze, s.Thaw, s.Kill, func() error { return s.Start(r.ctx) })
	c.direct.URL = s.URL
	put := func(method, path string, body any) error { return call(r.ctx, s.URL+path, method, "", "", body) }
	mapping := map[string]any{"properties": map[string]any{"at": map[string]any{"type": "date"}}}
	index := func() error {
		return errors.Join(s.CreateIndex(r.ctx, "messages", mapping),
			put("PUT", "/messages/_doc/1?refresh=true", map[string]any{"at": time.Now().UTC().Format(time.RFC3339Nano), "flight": "MU5101"}))
	}
	if err := index(); err != nil {
		return err
	}
	t.Cleanup(func() { _ = call(context.Background(), s.URL+"/messages", "DELETE", "", "", nil) })
	c.target.Index, c.target.TimeField = "messages", "at"
	c.direct.Index, c.direct.TimeField = "messages", "at"
	if c.locked, err = r.locked(t, s.URL, c.target); err != nil {
		return err
	}
	other, err := r.search[map[bool]string{true: lab.OpenSearch2, false: lab.Elasticsearch7}[r.engine == lab.Elasticsearch7]]()
	if err != nil {
		return err
	}
	c.replacedWith(hostOf(other.URL))
	c.own[contract.ReadOnly] = func(on bool) error {
		return put("PUT", "/messages/_settings", map[string]any{"index.blocks.write": on})
	}
	c.own[contract.NoIndex] = func(on bool) error {
		if on {
			return put("DELETE", "/messages", nil)
		}
		return index()
	}
	c.own[contract.Yellow] = func(on bool) error {
		return put("PUT", "/messages/_settings", map[string]any{"index.number_of_replicas": map[bool]int{true: 1, false: 0}[on]})
	}
	// an index that no node may take
	c.own[contract.Red] = func(on bool) error {
		if !on {
			return put("DELETE", "/lost", nil)
		}
		return put("PUT", "/lost?wait_for_active_shards=0", map[string]any{"settings": map[string]any{
			"number_of_replicas": 0, "index.routing.allocation.require._name": "nobody",
		}})
	}
	return nil
}

func (r *stack) flinkServer(t *testing.T, c *component, role probes.Role) error {
	s, err := r.flink()
	if err != nil {
		return err
	}
	k, err := r.kafka[0]()
	if err != nil {
		return err
	}
	if err := c.behind(t, s.URL); err != nil {
		return err
	}
	c.target.Job = "ingest"
	run := func() error { return r.runJob(s, k) }
	if role != probes.RoleReplica {
		if err := run(); err != nil {
			return err
		}
		t.Cleanup(func() { _ = c.cancelJob(context.Background(), s.URL) })
	}
	c.process(s.Freeze, s.Thaw, s.Kill, func() error { return errors.Join(s.Start(r.ctx), run()) })
	c.direct.URL = s.URL
	c.own[contract.JobFailed] = func(on bool) error {
		if on {
			s.KillTasks()
			return nil
		}
		return s.StartTasks(r.ctx)
	}
	c.own[contract.Replaced] = func(on bool) error {
		if !on {
			return nil
		}
		return errors.Join(c.cancelJob(r.ctx, s.URL), run())
	}
	checkpoints := func(broken string) func(bool) error {
		return func(on bool) error {
			if !on {
				return s.SetCheckpoints(lab.CheckpointsDone)
			}
			// another run, which has completed none yet
			return errors.Join(s.SetCheckpoints(broken), c.cancelJob(r.ctx, s.URL), run())
		}
	}
	c.own[contract.NoCheckpoint], c.own[contract.CheckpointWaits] = checkpoints(lab.CheckpointsFail), checkpoints(lab.CheckpointsWait)
	c.own[contract.NoJob] = func(on bool) error {
		switch {
		case role == probes.RoleReplica:
			return nil
		case on:
			return c.cancelJob(r.ctx, s.URL)
		default:
			return run()
		}
	}
	return nil
}

// runJob starts the ingest job from the jar that the cluster has.
func (r *stack) runJob(s *lab.Flink, k *lab.Kafka) error {
	var jars struct{ Files []struct{ ID string } }
	if err := fetch(r.ctx, s.URL+"/jars", &jars); err != nil {
		return err
	}
	if len(jars.Files) == 0 {
		return errors.New("the cluster has no jar")
	}
	return call(r.ctx, s.URL+"/jars/"+url.PathEscape(jars.Files[0].ID)+"/run", http.MethodPost, "", "", map[string]any{
		"entryClass": lab.IngestClass, "programArgsList": lab.Ingest{
			Job: "ingest", Site: "primary", Brokers: k.Address, Topic: topic, Feeds: map[string]string{"airline": r.feed.URL()},
			CheckpointFault: s.CheckpointFault(),
		}.Args(),
	})
}

func (r *stack) connectServer(t *testing.T, c *component) error {
	m, err := r.mirror()
	if err != nil {
		return err
	}
	a, err := r.kafka[0]()
	if err != nil {
		return err
	}
	if err := c.behind(t, m.URL); err != nil {
		return err
	}
	name := lab.MirrorNames("primary")[0]
	c.target.Connectors = []string{name}
	verb := func(method, v string) error {
		return call(r.ctx, m.URL+"/connectors/"+name+"/"+v, method, "", "", nil)
	}
	c.process(m.Freeze, m.Thaw, m.Kill, func() error { return m.Start(r.ctx) })
	c.direct.URL, c.direct.Connectors = m.URL, c.target.Connectors
	c.own[contract.Paused] = func(on bool) error {
		return verb(http.MethodPut, map[bool]string{true: "pause", false: "resume"}[on])
	}
	c.own[contract.SourceGone] = func(on bool) error {
		if on {
			return a.Freeze()
		}
		return a.Thaw()
	}
	c.own[contract.TaskFailed] = func(on bool) error { return r.breakTask(m, name, on) }
	worker := m.URL
	c.own[contract.Replaced] = func(on bool) error {
		other, err := r.back() // a worker of another Kafka; started for this case alone
		if err != nil {
			return err
		}
		c.line.SetTarget(hostOf(map[bool]string{true: other.URL, false: worker}[on]))
		c.line.Set(link.Down) // whoever is connected comes again
		c.line.Set(link.Pass)
		return nil
	}
	return nil
}

// breakTask gives the task a consumer setting that it cannot live with.
func (r *stack) breakTask(m *mirror, name string, on bool) error {
	return r.configure(m, name, map[string]string{"source.consumer.max.poll.records": "-1"}, on)
}

// configure adds settings to a connector, or takes them away and starts it again.
func (r *stack) configure(m *mirror, name string, settings map[string]string, on bool) error {
	var config map[string]string
	if err := fetch(r.ctx, m.URL+"/connectors/"+name+"/config", &config); err != nil {
		return err
	}
	for key, value := range settings {
		delete(config, key)
		if on {
			config[key] = value
		}
	}
	if err := call(r.ctx, m.URL+"/connectors/"+name+"/config", http.MethodPut, "", "", config); err != nil || on {
		return err
	}
	return call(r.ctx, m.URL+"/connectors/"+name+"/restart?includeTasks=true", http.MethodPost, "", "", nil)
}
