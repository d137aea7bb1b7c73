package probes

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const million = 1_000_000

// many writes open, a million elements made one at a time, and closing, until nobody reads.
func many(w io.Writer, open, closing string, element func(i int) string) {
	b := bufio.NewWriterSize(w, 64<<10)
	defer func() { _ = b.Flush() }()
	_, _ = b.WriteString(open)
	for i := range million {
		if i > 0 {
			_ = b.WriteByte(',')
		}
		if _, err := b.WriteString(element(i)); err != nil {
			return
		}
	}
	_, _ = b.WriteString(closing)
}

// millionAPI answers as a server of the kind that holds a million of what it holds. Its
// first job, connector and index are called first.
func millionAPI(tb testing.TB, kind string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		level := r.URL.Query().Get("level")
		said := docs{
			"rabbitmq/api/health/checks/alarms": `{"status":"ok"}`,
			"rabbitmq/api/nodes":                `[{"name":"rabbit@a","uptime":5000}]`,
			"elasticsearch/":                    `{"cluster_uuid":"u","version":{"number":"8.19.0"}}`,
			"elasticsearch/first/_search":       `{"_shards":{"total":1,"successful":1},"hits":{"total":{"value":7}}}`,
			"elasticsearch/first/_settings":     `{"first":{"settings":{"index":{"uuid":"u"}}}}`,
			"elasticsearch/first/_stats/docs":   `{"indices":{"first":{"shards":{"0":[{"routing":{"primary":true},"seq_no":{"max_seq_no":6}}]}}}}`,
			"elasticsearch/logs-*/_search":      `{"_shards":{"total":1000000,"successful":1000000},"hits":{"total":{"value":7}}}`,
			"flink/overview":                    `{"taskmanagers":2,"slots-total":4,"flink-version":"1.20.1"}`,
			"flink/jobs/0/checkpoints":          `{}`,
			"kafka-connect/":                    `{"version":"4.1.0","kafka_cluster_id":"k"}`,
		}[kind+r.URL.Path]
		switch {
		case said != nil:
			_, _ = io.WriteString(w, said.(string))
		case kind == "elasticsearch" && r.URL.Path == "/_cluster/health" && level == "cluster":
			_, _ = io.WriteString(w, `{"cluster_name":"c","status":"green","number_of_nodes":3}`)
		case kind == "flink" && r.URL.Path == "/jobs/overview":
			many(w, `{"jobs":[`, `]}`, func(i int) string {
				return fmt.Sprintf(`{"jid":"%d","name":"%s","state":"RUNNING","start-time":1,"tasks":{"total":1,"running":1,"finished":0}}`, i, ordinal(i))
			})
		case kind == "kafka-connect" && r.URL.Path == "/connectors":
			many(w, `[`, `]`, func(i int) string { return `"` + ordinal(i) + `"` })
		case kind == "kafka-connect" && strings.HasSuffix(r.URL.Path, "/status"):
			_, _ = io.WriteString(w, `{"name":"x","connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"RUNNING"}]}`)
		case kind == "kafka-connect" && strings.HasSuffix(r.URL.Path, "/offsets"):
			many(w, `{"offsets":[`, `]}`, func(i int) string {
				return fmt.Sprintf(`{"partition":{"topic":"t%d","partition":0},"offset":{"offset":1}}`, i)
			})
		default: // whatever else is asked is told of a million queues or indices
			many(w, `{`, `}`, func(i int) string { return fmt.Sprintf(`"x%d":{"settings":{"index":{"uuid":"%d"}}}`, i, i) })
		}
	}))
	tb.Cleanup(s.Close)
	return s.URL
}

func ordinal(i int) string {
	if i == 0 {
		return "first"
	}
	return fmt.Sprintf("no-%d", i)
}

// millionTopics is a broker of Kafka 3.7 or newer, which gives a part of its topics.
func millionTopics(tb testing.TB) []string {
	c, brokers := kafkaCluster(tb)
	c.ControlKey(int16(kmsg.DescribeTopicPartitions), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
		for i := range min(req.(*kmsg.DescribeTopicPartitionsRequest).ResponsePartitionLimit, million) {
			topic := kmsg.NewDescribeTopicPartitionsResponseTopic()
			topic.Topic = kmsg.StringPtr(fmt.Sprintf("t%d", i))
			p := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
			p.Replicas, p.ISR = []int32{0}, []int32{0}
			topic.Partitions = append(topic.Partitions, p)
			resp.Topics = append(resp.Topics, topic)
		}
		resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: "t2000"}
		return resp, nil, true
	})
	return brokers
}

// oldBroker is one before Kafka 3.7: of topics it gives all or those that are named. asked
// counts how often it was asked for all.
func oldBroker(tb testing.TB, asked *atomic.Int64) string {
	return listen(tb, func(c net.Conn) {
		host, port, _ := net.SplitHostPort(c.LocalAddr().String())
		for {
			var size [4]byte
			if _, err := io.ReadFull(c, size[:]); err != nil {
				return
			}
			req := make([]byte, binary.BigEndian.Uint32(size[:]))
			if _, err := io.ReadFull(c, req); err != nil {
				return
			}
			key, version := binary.BigEndian.Uint16(req), int16(binary.BigEndian.Uint16(req[2:]))
			answer := append([]byte{}, req[4:8]...)
			switch {
			case kmsg.Key(key) == kmsg.ApiVersions:
				resp := kmsg.NewPtrApiVersionsResponse()
				resp.Version = version
				for k, most := range map[kmsg.Key]int16{kmsg.ApiVersions: 3, kmsg.Metadata: 1} {
					resp.ApiKeys = append(resp.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: int16(k), MaxVersion: most})
				}
				answer = resp.AppendTo(answer)
			case string(req[len(req)-4:]) == "\xff\xff\xff\xff": // null: all topics
				asked.Add(1)
				_, _ = c.Write(append(binary.BigEndian.AppendUint32(nil, 4+million*40), answer...))
				for range million {
					if _, err := c.Write(make([]byte, 40)); err != nil {
						return
					}
				}
				continue
			default:
				b := kmsg.NewMetadataResponseBroker()
				b.Host = host
				_, _ = fmt.Sscan(port, &b.Port)
				resp := kmsg.NewPtrMetadataResponse()
				resp.Version, resp.Brokers = version, []kmsg.MetadataResponseBroker{b}
				answer = resp.AppendTo(answer)
			}
			if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)); err != nil {
				return
			}
		}
	})
}

// millions are the targets, and what is said of each.
func millions(tb testing.TB) map[string]struct {
	tg     Target
	status Status
	detail string
	fact   string // name and beginning of an extra fact
} {
	pw := randomSecret()
	rabbit := newFakeRabbit(tb, pw)
	var asked atomic.Int64
	return map[string]struct {
		tg     Target
		status Status
		detail string
		fact   string
	}{
		"rabbitmq": {
			Target{Kind: "rabbitmq", Address: rabbit.addr, User: "duty", Password: fixed(pw), Queue: "notifications", URL: millionAPI(tb, "rabbitmq")},
			StatusUp, "7 messages in notifications", "",
		},
		"rabbitmq, management alone": {Target{Kind: "rabbitmq", URL: millionAPI(tb, "rabbitmq")}, StatusUp, "no alarm", ""},
		"kafka": {
			Target{Kind: "kafka", Brokers: millionTopics(tb)},
			StatusUp,
			"2000 partitions, all with a leader; only the first 2000 partitions looked at", "topics=only the first 2000 partitions",
		},
		"kafka, named topics": {Target{Kind: "kafka", Brokers: millionTopics(tb), Topics: []string{"flight.messages"}}, StatusUp, "2 partitions, all with a leader", ""},
		"kafka before 3.7": {
			Target{Kind: "kafka", Brokers: []string{oldBroker(tb, &asked)}}, StatusUp, "1 broker, 0 partitions", "topics=too many topics to look at",
		},
		"elasticsearch": {Target{Kind: "elasticsearch", URL: millionAPI(tb, "elasticsearch"), Index: "first"}, StatusUp, "cluster green, 7 documents", ""},
		"elasticsearch, a pattern": {
			Target{Kind: "elasticsearch", URL: millionAPI(tb, "elasticsearch"), Index: "logs-*"}, StatusUp, "cluster green, 7 documents", "write_block=not looked at",
		},
		"kafka-connect": {
			Target{Kind: "kafka-connect", URL: millionAPI(tb, "kafka-connect")}, StatusUp, "connectors: 32 running, of more than ", "connectors=more than ",
		},
		"kafka-connect, named": {
			Target{Kind: "kafka-connect", URL: millionAPI(tb, "kafka-connect"), Connectors: []string{"first"}}, StatusUp, "connectors: 1 running", "offsets first=too many to read",
		},
		"flink": {Target{Kind: "flink", URL: millionAPI(tb, "flink"), Job: "first", Role: asRole(RoleSource)}, StatusUp, "ingest job is running", "jobs=more than "},
		"flink, a job further on": {
			Target{Kind: "flink", URL: millionAPI(tb, "flink"), Job: "no-999999", Role: asRole(RoleSource)}, StatusUnknown, "cannot tell whether job no-999999 runs: more than ", "",
		},
	}
}

// TestMillion: whatever a server holds, a probe costs little, and says what it did not look
// at. Not parallel: it counts what the process allocates, the fakes included.
func TestMillion(t *testing.T) {
	for name, m := range millions(t) {
		t.Run(name, func(t *testing.T) {
			p := must(t, m.tg)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := ask(t, p, 30*time.Second)
			runtime.ReadMemStats(&after)
			wantAnswer(t, r, m.status, m.detail)
			if key, text, ok := strings.Cut(m.fact, "="); ok && !strings.HasPrefix(r.Facts.Extra[key], text) {
				t.Errorf("%s is %q, want %q", key, r.Facts.Extra[key], text)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 600<<20 {
				t.Errorf("%d MB allocated", got>>20)
			}
			if len(r.Facts.Parts) > maxParts || len(r.Facts.Offsets) > maxOffset {
				t.Errorf("%d parts, %d offsets", len(r.Facts.Parts), len(r.Facts.Offsets))
			}
		})
	}
}

// TestKafkaAllPace: a broker that can only give everything is not asked for it each time.
func TestKafkaAllPace(t *testing.T) {
	var asked atomic.Int64
	p := must(t, Target{Kind: "kafka", Brokers: []string{oldBroker(t, &asked)}})
	for range 3 {
		wantAnswer(t, ask(t, p, 30*time.Second), StatusUp, "too many topics to look at")
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked for all topics %d times", n)
	}
}

// TestKafkaSampleLeaderless: a part without leaders is no proof that all have none.
func TestKafkaSampleLeaderless(t *testing.T) {
	c, brokers := kafkaCluster(t, kfake.NumBrokers(1))
	c.ControlKey(int16(kmsg.DescribeTopicPartitions), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
		topic := kmsg.NewDescribeTopicPartitionsResponseTopic()
		topic.Topic = kmsg.StringPtr("t")
		p := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
		p.LeaderID = -1
		topic.Partitions = append(topic.Partitions, p)
		resp.Topics = append(resp.Topics, topic)
		resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: "u"}
		return resp, nil, true
	})
	wantAnswer(t, once(t, Target{Kind: "kafka", Brokers: brokers}), StatusDegraded, "no leader for t/0")
}

func BenchmarkMillion(b *testing.B) {
	for name, m := range millions(b) {
		b.Run(name, func(b *testing.B) {
			p := must(b, m.tg)
			b.ReportAllocs()
			for b.Loop() {
				if r := ask(b, p, 30*time.Second); r.Status != m.status {
					b.Fatal(r.Status, r.Detail)
				}
			}
		})
	}
}
