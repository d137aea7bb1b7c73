package contract_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/connectd"
	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/sandbox/flinkd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/backend/sandbox/searchd"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/test/contract"
)

// behind puts a link before a base URL.
func (c *component) behind(t *testing.T, base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	if c.line, err = link.New(u.Host); err != nil {
		return err
	}
	t.Cleanup(func() { _ = c.line.Close() })
	u.Host = c.line.Addr()
	c.target.URL, c.target.Address = u.String(), c.line.Addr()
	return nil
}

func (c *component) kafka(t *testing.T) error {
	k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{"flight.messages": 2}, Advertise: func(real string) (string, error) {
		var err error
		c.line, err = link.New(real)
		if err != nil {
			return "", err
		}
		return c.line.Addr(), nil
	}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = k.Close(); _ = c.line.Close() })
	other, err := kafkad.Start(kafkad.Options{ClusterID: "other", Topics: map[string]int32{"flight.messages": 2}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = other.Close() })
	c.replacedWith(other.RealAddrs()[0])
	look := func(broken kafkad.Copies) func(bool) error {
		return func(on bool) error {
			return k.SetCopies(t.Context(), map[bool]kafkad.Copies{true: broken}[on])
		}
	}
	c.own[contract.CopiesBehind], c.own[contract.NoLeader] = look(kafkad.CopiesBehind), look(kafkad.CopiesGone)
	disk := func(broken kafkad.Disk) func(bool) error {
		return func(on bool) error {
			k.SetDisk(map[bool]kafkad.Disk{true: broken, false: kafkad.DefaultDisk}[on])
			return nil
		}
	}
	c.own[contract.LogDirOffline] = disk(kafkad.Disk{Free: 50 << 30, Total: 100 << 30, Lost: true})
	c.own[contract.DiskNearlyFull] = disk(kafkad.Disk{Free: 1 << 30, Total: 100 << 30})
	c.target.Brokers, c.target.Topics = k.Brokers(), []string{"flight.messages"}
	return nil
}

func (c *component) search(t *testing.T, role probes.Role) error {
	pw := secret()
	s, err := searchd.Start(searchd.Options{Name: "n1", ClusterName: "c1", User: "duty", Password: pw})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := c.behind(t, s.URL()); err != nil {
		return err
	}
	c.target.User, c.target.Password = "duty", func() (string, error) { return pw, nil }
	c.rotate = func(password string) error { s.SetPassword(password); return nil }
	c.target.Index, c.target.TimeField = "messages", "at"
	put := func(method, path string, body any) error {
		return call(t.Context(), s.URL()+path, method, "duty", pw, body)
	}
	doc := map[string]any{"at": time.Now().UTC().Format(time.RFC3339Nano), "flight": "MU5101"}
	index := func() error {
		return errors.Join(put("PUT", "/messages", map[string]any{"mappings": map[string]any{"properties": map[string]any{"at": map[string]any{"type": "date"}}}}),
			put("PUT", "/messages/_doc/1?refresh=true", doc))
	}
	c.own[contract.ReadOnly] = func(on bool) error {
		return put("PUT", "/messages/_settings", map[string]any{"index.blocks.write": on})
	}
	c.own[contract.NoIndex] = func(on bool) error {
		if on {
			return put("DELETE", "/messages", nil)
		}
		return index()
	}
	health := func(word string) func(bool) error {
		return func(on bool) error {
			if !on {
				word = ""
			}
			s.SetHealth(word)
			return nil
		}
	}
	c.own[contract.Red], c.own[contract.Yellow] = health("red"), health("yellow")
	other, err := searchd.Start(searchd.Options{Name: "n1", ClusterName: "c1", User: "duty", Password: pw})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = other.Close() })
	c.replacedWith(hostOf(other.URL()))
	return index()
}

func (c *component) flink(t *testing.T, role probes.Role) error {
	k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{"flight.messages": 2}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = k.Close() })
	feed, err := feedd.Start(feedd.Options{Name: "airline", Kinds: []string{"baggage"}, Rate: 20, Attached: "primary"})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = feed.Close() })
	s, err := flinkd.Start(flinkd.Options{
		Site: "primary", SavepointDir: t.TempDir(), Autostart: role != probes.RoleReplica,
		Feeds: []flinkd.FeedRef{{Name: "airline", URL: feed.URL()}}, KafkaBrokers: k.Brokers(), Topic: "flight.messages",
	})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = s.Close() })
	c.target.Job = "ingest"
	c.own[contract.JobFailed] = func(on bool) error {
		if on {
			s.FailJob()
		} else {
			s.HealJob()
		}
		return nil
	}
	run := func() error {
		return call(t.Context(), s.URL()+"/jars/ingest.jar/run", http.MethodPost, "", "", map[string]any{})
	}
	c.own[contract.NoJob] = func(on bool) error {
		switch {
		case role == probes.RoleReplica: // it never had one
			return nil
		case on:
			return c.cancelJob(t.Context(), s.URL())
		default:
			return run()
		}
	}
	checkpoints := func(broken flinkd.Checkpoints) func(bool) error {
		return func(on bool) error {
			if !on {
				s.SetCheckpoints(flinkd.CheckpointsDone)
				return nil
			}
			s.SetCheckpoints(broken)
			return errors.Join(c.cancelJob(t.Context(), s.URL()), run())
		}
	}
	c.own[contract.NoCheckpoint], c.own[contract.CheckpointWaits] = checkpoints(flinkd.CheckpointsFail), checkpoints(flinkd.CheckpointsWait)
	c.own[contract.Replaced] = func(on bool) error {
		if !on {
			return nil
		}
		return errors.Join(c.cancelJob(t.Context(), s.URL()), run())
	}
	return c.behind(t, s.URL())
}

func (c *component) cancelJob(ctx context.Context, base string) error {
	var doc struct {
		Jobs []struct{ JID, State string }
	}
	if err := fetch(ctx, base+"/jobs/overview", &doc); err != nil {
		return err
	}
	for _, j := range doc.Jobs {
		if j.State == "RUNNING" {
			return call(ctx, base+"/jobs/"+j.JID+"?mode=cancel", http.MethodPatch, "", "", nil)
		}
	}
	return errors.New("no job runs")
}

func (c *component) connect(t *testing.T) error {
	topics := map[string]int32{"flight.messages": 2}
	var brokers [2][]string
	var source *link.Link
	for i := range brokers {
		k, err := kafkad.Start(kafkad.Options{Topics: topics, Advertise: func(real string) (string, error) {
			if i != 0 {
				return "", nil
			}
			var err error
			if source, err = link.New(real); err != nil {
				return "", err
			}
			return source.Addr(), nil
		}})
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = k.Close() })
		brokers[i] = k.Brokers()
	}
	t.Cleanup(func() { _ = source.Close() })
	s, err := connectd.Start(connectd.Options{FailAfter: 300 * time.Millisecond, Connectors: []connectd.Connector{{
		Name:        "mirror-from-primary",
		SourceAlias: "primary", TargetAlias: "standby", SourceBrokers: brokers[0], TargetBrokers: brokers[1], Topics: []string{"flight.messages"},
	}}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = s.Close() })
	c.target.Connectors = []string{"mirror-from-primary"}
	verb := func(v string) error {
		return call(t.Context(), s.URL()+"/connectors/mirror-from-primary/"+v, http.MethodPut, "", "", nil)
	}
	c.own[contract.Paused] = func(on bool) error {
		if on {
			return verb("pause")
		}
		return verb("resume")
	}
	gone := func(on bool) error {
		if on {
			source.Set(link.Down)
			return nil
		}
		source.Set(link.Pass)
		return call(t.Context(), s.URL()+"/connectors/mirror-from-primary/restart?includeTasks=true", http.MethodPost, "", "", nil)
	}
	c.own[contract.SourceGone], c.own[contract.TaskFailed] = gone, gone
	other, err := connectd.Start(connectd.Options{ClusterID: "other", Connectors: []connectd.Connector{{
		Name:        "mirror-from-primary",
		SourceAlias: "primary", TargetAlias: "standby", SourceBrokers: brokers[0], TargetBrokers: brokers[1], Topics: []string{"flight.messages"}, State: connectd.Stopped,
	}}})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = other.Close() })
	if err := c.behind(t, s.URL()); err != nil {
		return err
	}
	c.replacedWith(hostOf(other.URL()))
	return nil
}
