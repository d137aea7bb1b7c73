package probes

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

func kafkaCluster(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, []string) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3), kfake.SeedTopics(2, "flight.messages")}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, c.ListenAddrs()
}

func produce(t testing.TB, brokers []string, n int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for i := range n {
		rec := &kgo.Record{Topic: "flight.messages", Partition: int32(i % 2), Value: []byte("x")}
		if err := cl.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKafkaUp(t *testing.T) {
	_, brokers := kafkaCluster(t)
	produce(t, brokers, 5)
	p := must(t, Target{Kind: "kafka", Brokers: brokers, Topics: []string{"flight.messages"}})
	r := ask(t, p, defaultBudget)
	wantAnswer(t, r, StatusUp, "3 brokers, 2 partitions, all with a leader, newest record")
	if r.Facts.Offsets["flight.messages/0"] != 3 || r.Facts.Offsets["flight.messages/1"] != 2 || len(r.Facts.Offsets) != 2 {
		t.Errorf("offsets %v", r.Facts.Offsets)
	}
	if d := time.Since(r.Facts.NewestAt); d < 0 || d > time.Minute {
		t.Errorf("newest %s", r.Facts.NewestAt)
	}
	produce(t, brokers, 1)
	if r = ask(t, p, defaultBudget); r.Facts.Offsets["flight.messages/0"] != 4 {
		t.Errorf("the kept client shows old offsets %v", r.Facts.Offsets)
	}
}

func TestKafkaMissingTopicAndNoTopics(t *testing.T) {
	_, brokers := kafkaCluster(t)
	wantAnswer(t, once(t, Target{Kind: "kafka", Brokers: brokers, Topics: []string{"nope", "flight.messages"}}), StatusDegraded, "topic nope does not exist")
	r := once(t, Target{Kind: "kafka", Brokers: brokers})
	wantAnswer(t, r, StatusUp, "3 brokers, 2 partitions")
	if r.Facts.Offsets != nil {
		t.Errorf("offsets %v though no topic was asked for", r.Facts.Offsets)
	}
}

// metadataWith rewrites every metadata answer about topics.
func metadataWith(t testing.TB, c *kfake.Cluster, edit func(*kmsg.MetadataResponse)) {
	t.Helper()
	c.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		mreq := req.(*kmsg.MetadataRequest)
		resp := mreq.ResponseKind().(*kmsg.MetadataResponse)
		for i, addr := range c.ListenAddrs() {
			host, port, _ := strings.Cut(addr, ":")
			b := kmsg.NewMetadataResponseBroker()
			b.NodeID, b.Host = int32(i), host
			for _, d := range port {
				b.Port = b.Port*10 + d - '0'
			}
			resp.Brokers = append(resp.Brokers, b)
		}
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic = kmsg.StringPtr("flight.messages")
		for i := range int32(2) {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition, p.Leader = i, 0
			p.Replicas, p.ISR = []int32{0, 1, 2}, []int32{0, 1, 2}
			topic.Partitions = append(topic.Partitions, p)
		}
		resp.Topics = append(resp.Topics, topic)
		edit(resp)
		return resp, nil, true
	})
}

func TestKafkaLeaderlessAndThin(t *testing.T) {
	for _, tc := range []struct {
		name   string
		topics []string
		edit   func(*kmsg.MetadataResponse)
		status Status
		detail string
	}{
		{
			"a topic that matters has no leader",
			[]string{"flight.messages"},
			func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions[1].Leader = -1 },
			StatusDown, "no leader for flight.messages/1",
		},
		{
			"one of all topics has none", nil, func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions[1].Leader = -1 },
			StatusDegraded, "no leader for flight.messages/1",
		},
		{"none has", nil, func(r *kmsg.MetadataResponse) {
			r.Topics[0].Partitions[0].Leader, r.Topics[0].Partitions[1].Leader = -1, -1
		}, StatusDown, "no leader for flight.messages/0, flight.messages/1"},
		{
			"copies out of sync", nil, func(r *kmsg.MetadataResponse) { r.Topics[0].Partitions[0].ISR = []int32{0} },
			StatusDegraded, "1 of 2 partitions have copies that are not in sync",
		},
		{
			"a broker has left the cluster", nil, func(r *kmsg.MetadataResponse) { r.Brokers = r.Brokers[:2] },
			StatusDegraded, "2 of 3 brokers are in the cluster",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, brokers := kafkaCluster(t, kfake.MaxVersions(kversion.V3_0_0())) // cannot give a part of its topics
			metadataWith(t, c, tc.edit)
			wantAnswer(t, once(t, Target{Kind: "kafka", Brokers: brokers, Topics: tc.topics}), tc.status, tc.detail)
		})
	}
}

// A partition that does not tell its end is no partition without records.
func TestKafkaEndsOfAPart(t *testing.T) {
	c, brokers := kafkaCluster(t, kfake.NumBrokers(1))
	produce(t, brokers, 4)
	c.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		lreq := req.(*kmsg.ListOffsetsRequest)
		resp := lreq.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, t := range lreq.Topics {
			rt := kmsg.NewListOffsetsResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewListOffsetsResponseTopicPartition()
				rp.Partition, rp.Offset, rp.LeaderEpoch = p.Partition, 2, -1
				if p.Partition == 1 {
					rp.ErrorCode, rp.Offset = kerr.OffsetNotAvailable.Code, -1
				}
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	r := ask(t, must(t, Target{Kind: "kafka", Brokers: brokers, Topics: []string{"flight.messages"}}), 2*time.Second)
	wantAnswer(t, r, StatusDegraded, "1 of 2 partitions did not tell their end")
	if r.Facts.Extra[OffsetsLack] == "" || len(r.Facts.Offsets) != 1 {
		t.Errorf("offsets %v, said of them: %q", r.Facts.Offsets, r.Facts.Extra[OffsetsLack])
	}
}

func TestKafkaNoEndsAtAll(t *testing.T) {
	c, brokers := kafkaCluster(t, kfake.NumBrokers(1))
	c.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return nil, io.ErrUnexpectedEOF, true // hangs up
	})
	r := ask(t, must(t, Target{Kind: "kafka", Brokers: brokers, Topics: []string{"flight.messages"}}), 2*time.Second)
	wantAnswer(t, r, StatusDegraded, "answers, but the end offsets could not be read")
	if r.Facts.Extra[OffsetsLack] != "2 of 2 partitions did not tell their end" {
		t.Errorf("said of the offsets: %q", r.Facts.Extra[OffsetsLack])
	}
}

func TestKafkaTopicNotInTheAnswer(t *testing.T) {
	c, brokers := kafkaCluster(t, kfake.MaxVersions(kversion.V3_0_0()))
	metadataWith(t, c, func(r *kmsg.MetadataResponse) { r.Topics = nil })
	wantAnswer(t, once(t, Target{Kind: "kafka", Brokers: brokers, Topics: []string{"flight.messages"}}), StatusDegraded, "topic flight.messages is not in the answer")
}

func TestKafkaOneBrokerGone(t *testing.T) {
	_, brokers := kafkaCluster(t)
	gone := nobodyListens(t)
	r := once(t, Target{Kind: "kafka", Brokers: []string{gone, brokers[0], brokers[1]}})
	wantAnswer(t, r, StatusDegraded, "2 of 3 brokers answer, not "+gone)
}

func TestKafkaSASL(t *testing.T) {
	pw := randomSecret()
	_, brokers := kafkaCluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "duty", pw))
	wantAnswer(t, once(t, Target{Kind: "kafka", Brokers: brokers, User: "duty", Password: fixed(pw)}), StatusUp, "3 brokers")
	bad := randomSecret()
	r := once(t, Target{Kind: "kafka", Brokers: brokers, User: "duty", Password: fixed(bad)})
	wantAnswer(t, r, StatusUnknown, "wrong password for duty")
	checkFit(t, r, bad)
	// without a login the broker just hangs up; the library's guess must not be shown raw
	r = ask(t, must(t, Target{Kind: "kafka", Brokers: brokers}), 2*time.Second)
	if r.Status != StatusDown || strings.Contains(strings.Join(r.Transcript, " "), "SASL missing") {
		t.Errorf("%s %q %v", r.Status, r.Detail, r.Transcript)
	}
}

// DESCRIBE on the topics is all that a probe needs, and what is missing is named.
func TestKafkaRights(t *testing.T) {
	pw := randomSecret()
	may := func(op kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "flight.messages", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true}
	}
	_, brokers := kafkaCluster(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("SCRAM-SHA-256", "admin", randomSecret()),
		kfake.User("SCRAM-SHA-256", "least", pw, may(kmsg.ACLOperationDescribe)), kfake.User("SCRAM-SHA-256", "nothing", pw))
	target := Target{Kind: "kafka", Brokers: brokers, Topics: []string{"flight.messages"}, User: "least", Password: fixed(pw)}
	r := once(t, target)
	wantAnswer(t, r, StatusUp, "2 partitions, all with a leader")
	if len(r.Facts.Offsets) != 2 {
		t.Errorf("offsets %v", r.Facts.Offsets)
	}
	if r.Facts.Extra[OffsetsLack] != "" {
		t.Errorf("all ends are there, and it says %q", r.Facts.Extra[OffsetsLack])
	}
	target.User = "nothing"
	r = once(t, target)
	wantAnswer(t, r, StatusUp, "0 partitions")
	if r.Facts.Extra[OffsetsLack] != "1 of 1 topics cannot be looked at" {
		t.Errorf("said of the offsets: %q", r.Facts.Extra[OffsetsLack])
	}
	if got := r.Facts.Extra["topic flight.messages"]; got != "not allowed to see it (grant DESCRIBE on the topic to nothing)" {
		t.Errorf("the missing right is not named: %q", got)
	}
}

func TestKafkaClosedAndComesBack(t *testing.T) {
	dir := t.TempDir()
	c, brokers := kafkaCluster(t, kfake.DataDir(dir), kfake.NumBrokers(1))
	p := must(t, Target{Kind: "kafka", Brokers: brokers, Topics: []string{"flight.messages"}})
	wantAnswer(t, ask(t, p, defaultBudget), StatusUp, "1 broker,")
	c.Close()
	wantAnswer(t, ask(t, p, defaultBudget), StatusDown, "refused: nothing listens on "+brokers[0])
	port := 0
	for _, d := range brokers[0][strings.LastIndexByte(brokers[0], ':')+1:] {
		port = port*10 + int(d-'0')
	}
	c2, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir), kfake.Ports(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c2.Close)
	wantAnswer(t, ask(t, p, defaultBudget), StatusUp, "1 broker,")
}

// TestKafkaAskingCreatesNothing: a probe must not create the topic it asks for.
func TestKafkaAskingCreatesNothing(t *testing.T) {
	_, brokers := kafkaCluster(t, kfake.AllowAutoTopicCreation())
	once(t, Target{Kind: "kafka", Brokers: brokers, Topics: []string{"ghost"}})
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	topics, err := kadm.NewClient(cl).ListTopics(context.Background())
	if err != nil || topics.Has("ghost") {
		t.Errorf("topics %v, %v", topics.Names(), err)
	}
}

// TestKafkaTaggedFields: an answer that announces four billion tagged fields and ends there is
// refused when its bytes have run out, wherever it does so; nothing goes on counting to the end.
func TestKafkaTaggedFields(t *testing.T) {
	const fields = "\xff\xff\xff\xff\x0f" // 2^32-1
	answer := func(correlation byte, rest string) string {
		return "\x00\x00\x00" + string([]byte{byte(4 + len(rest)), 0, 0, 0, correlation}) + rest
	}
	said := recording(t, "kafka")
	versions := said[:4+binary.BigEndian.Uint32([]byte(said))]
	for name, said := range map[string]string{
		"of the versions":               answer(0, "\x00\x00"+"\x01"+"\x00\x00\x00\x00"+fields),
		"of an answer's header":         versions + answer(1, fields),
		"of an answer":                  versions + answer(1, "\x00"+"\x00\x00\x00\x00"+"\x01"+"\x00"+"\x00\x00\x00\x01"+"\x01"+"\x00\x00"+fields),
		"of a broker within the answer": versions + answer(1, "\x00"+"\x00\x00\x00\x00"+"\x02"+"\x00\x00\x00\x01"+"\x02b"+"\x00\x00\x23\x84"+"\x00"+fields),
	} {
		t.Run(name, func(t *testing.T) {
			addr := listen(t, func(c net.Conn) {
				perform(c, "kafka", said)
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c)
			})
			tg := hostileTarget("kafka", addr, "")
			tg.User = ""
			r := once(t, tg)
			wantAnswer(t, r, StatusDown, "answers, but not as kafka")
			all := make([]byte, 1<<20)
			if s := string(all[:runtime.Stack(all, true)]); strings.Contains(s, "ReadTags") || strings.Contains(s, "SkipTags") {
				t.Errorf("still reading tagged fields:\n%s", s)
			}
		})
	}
}
