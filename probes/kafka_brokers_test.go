package probes

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// logDirsAre answers for every broker's log directories.
func logDirsAre(c *kfake.Cluster, asked *atomic.Int32, code int16, dirs ...kmsg.DescribeLogDirsResponseDir) {
	c.ControlKey(int16(kmsg.DescribeLogDirs), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		asked.Add(1)
		req := kreq.(*kmsg.DescribeLogDirsRequest)
		resp := req.ResponseKind().(*kmsg.DescribeLogDirsResponse)
		if req.Topics == nil || len(req.Topics) > 0 {
			resp.ErrorCode = kerr.InvalidRequest.Code // all partitions of a large broker
			return resp, nil, true
		}
		resp.ErrorCode, resp.Dirs = code, dirs
		return resp, nil, true
	})
}

func dir(name string, free, total int64, code int16) kmsg.DescribeLogDirsResponseDir {
	d := kmsg.NewDescribeLogDirsResponseDir()
	d.Dir, d.UsableBytes, d.TotalBytes, d.ErrorCode = name, free, total, code
	return d
}

func TestKafkaDisks(t *testing.T) {
	const gb = 1_000_000_000
	for _, tc := range []struct {
		name   string
		code   int16
		dirs   []kmsg.DescribeLogDirsResponseDir
		status Status
		detail string
		key    string
		fact   string
	}{
		{"room", 0, []kmsg.DescribeLogDirsResponseDir{dir("/a", 400*gb, 500*gb, 0), dir("/b", 100*gb, 500*gb, 0)}, StatusUp, "all with a leader", "disk of broker 0", "20 % free of 500.0 GB"},
		{"nearly full", 0, []kmsg.DescribeLogDirsResponseDir{dir("/a", 400*gb, 500*gb, 0), dir("/b", 20*gb, 500*gb, 0)}, StatusDegraded, "the disk of broker 0 is nearly full: 4 % free", "disk of broker 0", "4 % free of 500.0 GB"},
		{"lost", 0, []kmsg.DescribeLogDirsResponseDir{dir("/a", 400*gb, 500*gb, 0), dir("/b\x1b[2J", 0, 0, kerr.KafkaStorageError.Code)}, StatusDegraded, "broker 0 has lost its log directory /b", "disk of broker 0", "80 % free of 500.0 GB"},
		{"before 3.3", 0, []kmsg.DescribeLogDirsResponseDir{dir("/a", -1, -1, 0)}, StatusUp, "all with a leader", "disk of broker 0", ""},
		{"nonsense", 0, []kmsg.DescribeLogDirsResponseDir{dir("/a", 7, 0, 0), dir("/b", 9, 3, 0), dir("/c", -9, 3, 0)}, StatusUp, "all with a leader", "disk of broker 0", ""},
		{"no right", kerr.ClusterAuthorizationFailed.Code, nil, StatusUp, "all with a leader", "disks", "not visible (grant DESCRIBE on the cluster to an anonymous caller)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, brokers := kafkaCluster(t, kfake.NumBrokers(1))
			var asked atomic.Int32
			logDirsAre(c, &asked, tc.code, tc.dirs...)
			p := must(t, Target{Kind: "kafka", Brokers: brokers, Topics: []string{"flight.messages"}})
			for range 3 { // a disk is not read with every probe, and told with every one
				r := ask(t, p, defaultBudget)
				wantAnswer(t, r, tc.status, tc.detail)
				if got := r.Facts.Extra[tc.key]; got != tc.fact {
					t.Errorf("%s is %q, want %q", tc.key, got, tc.fact)
				}
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("asked for the disk %d times within %s", n, kafkaDiskPace)
			}
		})
	}
}

func TestKafkaFencedBrokers(t *testing.T) {
	for detail, fenced := range map[string][]int32{
		"broker 7 is registered and not alive (fenced)":             {7},
		"2 brokers (7, 8) are registered and not alive (fenced)":    {8, 7},
		"3 brokers, 2 partitions, all with a leader":                nil,
		"6 brokers (10, 11, 12, 13, 14) are registered and not ali": {10, 11, 12, 13, 14, 15},
	} {
		c, brokers := kafkaCluster(t)
		c.ControlKey(int16(kmsg.DescribeCluster), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			resp := kreq.ResponseKind().(*kmsg.DescribeClusterResponse)
			for _, id := range fenced {
				b := kmsg.NewDescribeClusterResponseBroker()
				b.NodeID, b.IsFenced = id, true
				resp.Brokers = append(resp.Brokers, b)
			}
			return resp, nil, true
		})
		want := StatusUp
		if fenced != nil {
			want = StatusDegraded
		}
		// Also where no topic is named.
		for _, topics := range [][]string{nil, {"flight.messages"}} {
			wantAnswer(t, once(t, Target{Kind: "kafka", Brokers: brokers, Topics: topics}), want, detail)
		}
	}
}

// What a cluster does not know, or does not answer in time, is left out.
func TestKafkaBrokersUntold(t *testing.T) {
	c, brokers := kafkaCluster(t)
	for _, key := range []kmsg.Key{kmsg.DescribeCluster, kmsg.DescribeLogDirs} {
		c.ControlKey(int16(key), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			resp := kreq.ResponseKind()
			switch r := resp.(type) {
			case *kmsg.DescribeClusterResponse:
				r.ErrorCode = kerr.UnsupportedVersion.Code
			case *kmsg.DescribeLogDirsResponse:
				r.ErrorCode = kerr.UnsupportedVersion.Code
			}
			return resp, nil, true
		})
	}
	r := once(t, Target{Kind: "kafka", Brokers: brokers, Topics: []string{"flight.messages"}})
	wantAnswer(t, r, StatusUp, "3 brokers, 2 partitions, all with a leader")
	if r.Facts.Extra["disks"] != "" {
		t.Errorf("facts %v", r.Facts.Extra)
	}
}

// Brokers that are silent about their disks do not hold up what matters more on the same
// connection.
func TestKafkaBrokersSilent(t *testing.T) {
	c, brokers := kafkaCluster(t)
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	c.ControlKey(int16(kmsg.DescribeLogDirs), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		c.SleepControl(func() { <-hold })
		return nil, nil, false
	})
	r := ask(t, must(t, Target{Kind: "kafka", Brokers: brokers, Topics: []string{"flight.messages"}}), 4*time.Second)
	wantAnswer(t, r, StatusUp, "3 brokers, 2 partitions, all with a leader")
	if len(r.Facts.Offsets) != 2 {
		t.Errorf("offsets %v", r.Facts.Offsets)
	}
}
