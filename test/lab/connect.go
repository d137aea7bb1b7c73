//go:build integration

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"
)

// Connect is one Kafka Connect worker with the MirrorMaker 2 connectors.
type Connect struct {
	server
	// URL of its REST interface.
	URL string

	kafka *Kafka
}

const connectConf = `bootstrap.servers=%[1]s
group.id=connect
config.storage.topic=connect-configs
offset.storage.topic=connect-offsets
status.storage.topic=connect-status
config.storage.replication.factor=1
offset.storage.replication.factor=1
offset.storage.partitions=1
status.storage.replication.factor=1
status.storage.partitions=1
listeners=http://127.0.0.1:%[2]d
rest.advertised.host.name=127.0.0.1
key.converter=org.apache.kafka.connect.converters.ByteArrayConverter
value.converter=org.apache.kafka.connect.converters.ByteArrayConverter
plugin.discovery=service_load
offset.flush.interval.ms=1000
scheduled.rebalance.max.delay.ms=0
task.shutdown.graceful.timeout.ms=2000
`

// NewConnect prepares a worker that keeps its own state in kafka, which must run when it
// is started.
func NewConnect(ctx context.Context, dir string, kafka *Kafka) (*Connect, error) {
	ports, err := loopbackPorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	d, err := serverDir(dir, kafka.Site+"-connect")
	if err != nil {
		return nil, err
	}
	flag, err := log4j(d)
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(d, "connect.properties")
	if err := serverFile(conf, fmt.Sprintf(connectConf, kafka.Address, ports[0])); err != nil {
		return nil, err
	}
	c := &Connect{URL: "http://" + local(ports[0]), kafka: kafka}
	c.server = server{Site: kafka.Site, proc: &proc{
		name: "connect", dir: d,
		args:  kafka.part.command(256, []string{flag}, "org.apache.kafka.connect.cli.ConnectDistributed", conf),
		ready: func(ctx context.Context) error { return healthy(ctx, c.URL+"/connectors") },
	}}
	return c, nil
}

// MirrorNames are the connectors that are stopped and started with the direction of copies
// from a site: records, checkpoints.
func MirrorNames(from string) []string {
	return []string{"mirror-from-" + from, "checkpoints-from-" + from}
}

// Mirror makes the three MirrorMaker 2 connectors that copy topics (a list of regular
// expressions) from another site's Kafka into this one's, those of MirrorNames in the initial
// state "RUNNING" or "STOPPED". The heartbeats always run: see Heartbeats.
func (c *Connect) Mirror(ctx context.Context, from *Kafka, topics, state string) error {
	names := MirrorNames(from.Site)
	return errors.Join(
		c.connector(ctx, names[0], "MirrorSourceConnector", from, topics, state),
		c.connector(ctx, names[1], "MirrorCheckpointConnector", from, topics, state),
		c.Heartbeats(ctx, from),
	)
}

// Heartbeats makes the connector that writes heartbeats into this site's Kafka. They show
// the mirrors that copy from here at work: it is of no use to those that copy from the other
// site, and is not stopped with them.
func (c *Connect) Heartbeats(ctx context.Context, other *Kafka) error {
	return c.connector(ctx, "heartbeats-from-"+other.Site, "MirrorHeartbeatConnector", other, "", "RUNNING")
}

func (c *Connect) connector(ctx context.Context, name, class string, from *Kafka, topics, state string) error {
	config := map[string]string{
		"connector.class":      "org.apache.kafka.connect.mirror." + class,
		"source.cluster.alias": from.Site, "source.cluster.bootstrap.servers": from.Address,
		"target.cluster.alias": c.Site, "target.cluster.bootstrap.servers": c.kafka.Address,
		"topics": topics, "tasks.max": "1",
		"replication.factor": "1", "offset-syncs.topic.replication.factor": "1",
		"heartbeats.topic.replication.factor": "1", "checkpoints.topic.replication.factor": "1",
		"replication.policy.class":        "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
		"refresh.topics.interval.seconds": "5", "refresh.groups.interval.seconds": "5",
		"emit.heartbeats.interval.seconds": "1", "emit.checkpoints.interval.seconds": "1",
		"sync.topic.configs.enabled": "false", "sync.topic.acls.enabled": "false",
		"source.consumer.metadata.max.age.ms": "2000", "offset.lag.max": "0",
	}
	ask := map[string]any{"name": name, "config": config, "initial_state": state}
	if err := postJSON(ctx, c.URL+"/connectors", ask, nil); err != nil {
		return fmt.Errorf("make connector %s: %w", name, err)
	}
	return nil
}

// postJSON sends a document and reads the answer into out unless that is nil.
func postJSON(ctx context.Context, url string, in, out any) error {
	return sendJSON(ctx, http.MethodPost, url, in, out)
}

func sendJSON(ctx context.Context, method, url string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var body io.Reader // none at all where there is nothing to say: Flink fails on a GET that has one
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %.300s", method, url, res.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
