//go:build integration

package lab

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Kafka is one Apache Kafka broker, which is its own controller (KRaft).
type Kafka struct {
	server
	// Address is host:port of the broker.
	Address string

	part Part
	dir  string
}

const kafkaConf = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://127.0.0.1:%[1]d,CONTROLLER://127.0.0.1:%[2]d
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
	part, err := Build(ctx, "kafka")
	if err != nil {
		return nil, err
	}
	ports, err := loopbackPorts(ctx, 2)
	if err != nil {
		return nil, err
	}
	d, err := serverDir(dir, site+"-kafka")
	if err != nil {
		return nil, err
	}
	flag, err := log4j(d)
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(d, "server.properties")
	if err := serverFile(conf, fmt.Sprintf(kafkaConf, ports[0], ports[1], d)); err != nil {
		return nil, err
	}
	k := &Kafka{Address: local(ports[0]), part: part, dir: d}
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
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails (crypto/rand)
		id[0] &= 0x7f           // an id may not begin with a dash
		if err := run(ctx, k.dir, k.part.command(128, []string{"-Dlog4j2.level=ERROR"}, "kafka.tools.StorageTool", "format",
			"-t", base64.RawURLEncoding.EncodeToString(id[:]), "-c", filepath.Join(k.dir, "server.properties"))...); err != nil {
			return fmt.Errorf("format the storage of Kafka: %w", err)
		}
	}
	return k.server.Start(ctx)
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
