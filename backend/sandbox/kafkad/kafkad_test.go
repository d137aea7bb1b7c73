package kafkad_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
)

const topic = "flight.messages"

func start(t *testing.T, o kafkad.Options) *kafkad.Cluster {
	t.Helper()
	c, err := kafkad.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func client(t *testing.T, seeds []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(seeds...), kgo.ProducerLinger(0))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func produce(ctx context.Context, cl *kgo.Client, n, size int) error {
	recs := make([]*kgo.Record, n)
	for i := range recs {
		recs[i] = &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "k%d", i), Value: make([]byte, size)}
	}
	return cl.ProduceSync(ctx, recs...).FirstErr()
}

// tcpProxy counts the connections it passes on.
func tcpProxy(t *testing.T, target string, conns *atomic.Int64) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
	return ln.Addr().String()
}

func TestClientsAreToldTheAdvertisedAddresses(t *testing.T) {
	var through atomic.Int64
	var proxies []string
	c := start(t, kafkad.Options{
		Brokers: 2, ClusterID: "site-a", Topics: map[string]int32{topic: 2},
		Advertise: func(addr string) (string, error) {
			p := tcpProxy(t, addr, &through)
			proxies = append(proxies, p)
			return p, nil
		},
	})
	if !slices.Equal(c.Brokers(), proxies) {
		t.Fatalf("Brokers() = %v, advertised %v", c.Brokers(), proxies)
	}
	for i, a := range c.RealAddrs() {
		if a == proxies[i] {
			t.Errorf("broker %d: the real address is the proxy's", i)
		}
	}
	ctx := within(t)
	// Even a client that starts at a real address ends at the proxies.
	cl := client(t, c.RealAddrs()[:1])
	md, err := kadm.NewClient(cl).Metadata(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, b := range md.Brokers {
		told = append(told, fmt.Sprintf("%s:%d", b.Host, b.Port))
	}
	if !slices.Equal(told, proxies) || md.Cluster != "site-a" || len(md.Topics[topic].Partitions) != 2 {
		t.Fatalf("metadata: brokers %v (want %v), cluster %q, topic %+v", told, proxies, md.Cluster, md.Topics[topic])
	}
	if err := produce(ctx, cl, 20, 10); err != nil {
		t.Fatal(err)
	}
	if through.Load() == 0 {
		t.Error("producing did not go through a proxy")
	}
	ends := c.EndOffsets(topic)
	if len(ends) != 2 || ends[0]+ends[1] != 20 {
		t.Errorf("end offsets %v, want 20 in two partitions", ends)
	}
}

func TestAdvertiseErrorStopsTheStart(t *testing.T) {
	boom := errors.New("no proxy to be had")
	_, err := kafkad.Start(kafkad.Options{Advertise: func(string) (string, error) { return "", boom }})
	if !errors.Is(err, boom) {
		t.Fatalf("err = %v, want %v wrapped", err, boom)
	}
	if _, err := kafkad.Start(kafkad.Options{Brokers: 2, Ports: []int{0}}); err == nil {
		t.Fatal("one port for two brokers was accepted")
	}
}

func TestReadOnlyFencesProducers(t *testing.T) {
	c := start(t, kafkad.Options{Topics: map[string]int32{topic: 1}})
	ctx := within(t)
	cl := client(t, c.Brokers())
	if err := produce(ctx, cl, 3, 10); err != nil {
		t.Fatal(err)
	}
	c.SetReadOnly(true)
	c.SetReadOnly(true)
	if err := produce(ctx, cl, 1, 10); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Fatalf("produce while fenced: %v", err)
	}
	rd := client(t, c.Brokers(), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if n := rd.PollFetches(ctx).NumRecords(); n != 3 {
		t.Errorf("read %d records while fenced, want 3", n)
	}
	c.SetReadOnly(false)
	if c.ReadOnly() {
		t.Error("still read-only")
	}
	if err := produce(ctx, client(t, c.Brokers()), 1, 10); err != nil {
		t.Fatalf("produce after the fence: %v", err)
	}
	if ends := c.EndOffsets(topic); ends[0] != 4 {
		t.Errorf("end offset %d, want 4: the fenced record must not be stored", ends[0])
	}
}

func TestRetentionIsApplied(t *testing.T) {
	c := start(t, kafkad.Options{
		Topics: map[string]int32{topic: 1}, RetentionBytes: 20_000, Sweep: 10 * time.Millisecond,
	})
	ctx := within(t)
	cl := client(t, c.Brokers(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range 20 {
		if err := produce(ctx, cl, 5, 1000); err != nil {
			t.Fatal(err)
		}
	}
	adm := kadm.NewClient(cl)
	for {
		starts, err := adm.ListStartOffsets(ctx, topic)
		if err != nil {
			t.Fatalf("old records were never dropped: %v", err)
		}
		if o, ok := starts.Lookup(topic, 0); ok && o.Offset >= 70 {
			break
		}
	}
	if ends := c.EndOffsets(topic); ends[0] != 100 {
		t.Errorf("end offset %d, want 100", ends[0])
	}
}

func TestDataDirSurvivesARestart(t *testing.T) {
	o := kafkad.Options{Topics: map[string]int32{topic: 2}, DataDir: t.TempDir()}
	c := start(t, o)
	ctx := within(t)
	if err := produce(ctx, client(t, c.Brokers()), 10, 10); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = start(t, o)
	ends := c.EndOffsets(topic)
	if len(ends) != 2 || ends[0]+ends[1] != 10 {
		t.Fatalf("end offsets after the restart: %v", ends)
	}
	if err := produce(ctx, client(t, c.Brokers()), 1, 10); err != nil {
		t.Fatal(err)
	}
}
