//go:build integration

package lab

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka is one Apache Kafka broker, which is its own controller (KRaft).
type Kafka struct {
	server
	// Address is host:port of the broker.
	Address string

	part Part
	dir  string
	// controller is the port of the cluster's controller, joined the broker whose cluster
	// this one belongs to, if it is a further one.
	controller int
	joined     *Kafka
}

const (
	kafkaFirst = `process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d
` + kafkaConf
	kafkaFurther = `process.roles=broker
node.id=2
listeners=PLAINTEXT://127.0.0.1:%[1]d
` + kafkaConf + `log.dirs=%[3]s/data,%[3]s/data-2
`
)

const kafkaConf = `controller.quorum.voters=1@127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=%[3]s/data
num.partitions=1
num.network.threads=2
num.io.threads=2
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=2097152
`

// NewKafka prepares a broker in dir; Start formats its storage at first.
func NewKafka(ctx context.Context, dir, site string) (*Kafka, error) {
	return newKafka(ctx, dir, site, site+"-kafka", nil)
}

// Further prepares a second broker of k's cluster in dir, which is no controller.
func (k *Kafka) Further(ctx context.Context, dir string) (*Kafka, error) {
	return newKafka(ctx, dir, k.Site, k.Site+"-kafka-2", k)
}

// LoseDisk makes the second log directory of a further broker one that cannot be written,
// and waits until the broker has found out and taken it offline.
func (k *Kafka) LoseDisk(ctx context.Context) error {
	if err := os.Chmod(filepath.Join(k.dir, "data-2"), 0); err != nil {
		return err
	}
	n := 0
	return Await(ctx, 30*time.Second, "the log directory goes offline", func(ctx context.Context) string {
		n++ // the directory with the fewest partitions is tried first for a new one
		if err := k.CreateTopicOn(ctx, fmt.Sprintf("further-%d-%d", time.Now().UnixNano(), n), 2); err != nil {
			return err.Error()
		}
		return k.onlineDirs(ctx)
	})
}

// onlineDirs is "" when a log directory of the second broker is offline.
func (k *Kafka) onlineDirs(ctx context.Context) string {
	c, err := kgo.NewClient(kgo.SeedBrokers(k.Address), kgo.DisableClientMetrics())
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	dirs, err := kadm.NewClient(c).DescribeBrokerLogDirs(ctx, 2, nil)
	if err != nil {
		return err.Error()
	}
	for _, d := range dirs {
		if errors.Is(d.Err, kerr.KafkaStorageError) {
			return ""
		}
	}
	return fmt.Sprintf("all of %d are online", len(dirs))
}

// RestoreDisk ends LoseDisk: a broker takes a directory back when it starts.
func (k *Kafka) RestoreDisk(ctx context.Context) error {
	if err := os.Chmod(filepath.Join(k.dir, "data-2"), 0o700); err != nil {
		return err
	}
	k.Kill()
	return k.Start(ctx)
}

// kafkaGuard adds a listener with SASL PLAIN and SCRAM to one without: whoever comes by the latter
// may do everything.
const kafkaGuard = `listeners=PLAINTEXT://127.0.0.1:%[1]d,GUARDED://127.0.0.1:%[2]d,CONTROLLER://127.0.0.1:%[3]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d,GUARDED://127.0.0.1:%[2]d
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.guarded.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.guarded.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.guarded.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%[4]s="%[5]s";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
`

// Guard gives a broker that has not been started yet an authorizer and a further listener,
// whose address it returns, for one account that may do nothing until it is allowed to.
func (k *Kafka) Guard(ctx context.Context, user, password string) (string, error) {
	ports, err := loopbackPorts(ctx, 1)
	if err != nil {
		return "", err
	}
	_, port, err := split(k.Address)
	if err != nil {
		return "", err
	}
	conf := filepath.Join(k.dir, "server.properties")
	b, err := os.ReadFile(conf)
	if err != nil {
		return "", err
	}
	guarded := local(ports[0])
	k.proc.listens = []string{guarded}
	// of two lines for one setting the last counts
	return guarded, serverFile(conf, string(b)+fmt.Sprintf(kafkaGuard, port, ports[0], k.controller, user, password))
}

func newKafka(ctx context.Context, dir, site, name string, joined *Kafka) (*Kafka, error) {
	part, err := Build(ctx, "kafka")
	if err != nil {
		return nil, err
	}
	ports, err := loopbackPorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	d, err := serverDir(dir, name)
	if err != nil {
		return nil, err
	}
	flag, err := log4j(d)
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(d, "server.properties")
	k := &Kafka{Address: local(ports[0]), part: part, dir: d, controller: ports[1], joined: joined}
	text := kafkaFirst
	if joined != nil {
		text, k.controller = kafkaFurther, joined.controller
	}
	if err := serverFile(conf, fmt.Sprintf(text, ports[0], k.controller, d)); err != nil {
		return nil, err
	}
	k.server = server{Site: site, proc: &proc{
		name: "kafka", dir: d, args: part.command(256, []string{flag}, "kafka.Kafka", conf),
		ready: func(ctx context.Context) error {
			c, err := kgo.NewClient(kgo.SeedBrokers(k.Address), kgo.DisableClientMetrics())
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = kadm.NewClient(c).ListBrokers(ctx)
			return err
		},
	}}
	return k, nil
}

// Start brings the broker up; its storage is formatted when it has none.
func (k *Kafka) Start(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(k.dir, "data", "meta.properties")); err != nil {
		id, err := k.clusterID()
		if err != nil {
			return err
		}
		if err := run(ctx, k.dir, k.part.command(128, []string{"-Dlog4j2.level=ERROR"}, "kafka.tools.StorageTool", "format",
			"-t", id, "-c", filepath.Join(k.dir, "server.properties"))...); err != nil {
			return fmt.Errorf("format the storage of Kafka: %w", err)
		}
	}
	return k.server.Start(ctx)
}

// clusterID is that of the cluster to join, or a new one.
func (k *Kafka) clusterID() (string, error) {
	if k.joined == nil {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails (crypto/rand)
		id[0] &= 0x7f           // an id may not begin with a dash
		return base64.RawURLEncoding.EncodeToString(id[:]), nil
	}
	meta := filepath.Join(k.joined.dir, "data", "meta.properties")
	b, err := os.ReadFile(meta)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "cluster.id="); ok {
			return id, nil
		}
	}
	return "", fmt.Errorf("%s names no cluster", meta)
}

// CreateTopicOn makes a topic of one partition with copies on the brokers, the first of
// which is to lead it.
func (k *Kafka) CreateTopicOn(ctx context.Context, topic string, brokers ...int32) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(k.Address), kgo.DisableClientMetrics())
	if err != nil {
		return err
	}
	defer c.Close()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, -1, -1
	at := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
	at.Replicas = brokers
	rt.ReplicaAssignment = append(rt.ReplicaAssignment, at)
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 10_000
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return fmt.Errorf("create %s: %w", topic, err)
	}
	for _, t := range resp.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("create %s: %w", topic, err)
		}
	}
	return nil
}

// CreateTopics makes topics of one copy with the given number of partitions.
func (k *Kafka) CreateTopics(ctx context.Context, partitions int32, topics ...string) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(k.Address), kgo.DisableClientMetrics())
	if err != nil {
		return err
	}
	defer c.Close()
	got, err := kadm.NewClient(c).CreateTopics(ctx, partitions, 1, nil, topics...)
	if err != nil {
		return fmt.Errorf("create %s: %w", strings.Join(topics, ", "), err)
	}
	return got.Error()
}
