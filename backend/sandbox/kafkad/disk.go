package kafkad

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Disk is what every broker says of the disk that its log is on.
type Disk struct {
	Free, Total int64 // bytes
	// Lost is a log directory that the broker can no longer use.
	Lost bool
}

// DefaultDisk is half full.
var DefaultDisk = Disk{Free: 32 << 30, Total: 64 << 30}

// SetDisk makes the brokers say so of their disks. The data itself stays.
func (c *Cluster) SetDisk(d Disk) { c.disk.Store(&d) }

// answerDisk answers for the log directories: kfake knows only those of partitions that are
// asked for, and no size of a disk.
func (c *Cluster) answerDisk(kreq kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the order is kfake's
	c.fake.KeepControl()
	req, ok := kreq.(*kmsg.DescribeLogDirsRequest)
	if !ok {
		return nil, nil, false
	}
	resp, _ := req.ResponseKind().(*kmsg.DescribeLogDirsResponse)
	d := *c.disk.Load()
	dir := kmsg.NewDescribeLogDirsResponseDir()
	dir.Dir, dir.UsableBytes, dir.TotalBytes = "/var/lib/kafka/data", d.Free, d.Total
	resp.Dirs = append(resp.Dirs, dir)
	if d.Lost {
		lost := kmsg.NewDescribeLogDirsResponseDir()
		lost.Dir, lost.ErrorCode = "/var/lib/kafka/more", kerr.KafkaStorageError.Code
		resp.Dirs = append(resp.Dirs, lost)
	}
	return resp, nil, true
}

// answerCluster answers for the registered brokers while copies look as if one was away: it
// is registered still, and fenced.
func (c *Cluster) answerCluster(kreq kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the order is kfake's
	c.fake.KeepControl()
	known := c.copies.Load()
	req, ok := kreq.(*kmsg.DescribeClusterRequest)
	if known == nil || !ok || !req.IncludeFencedBrokers {
		return nil, nil, false
	}
	resp, _ := req.ResponseKind().(*kmsg.DescribeClusterResponse)
	resp.ControllerID = known.ControllerID
	if known.ClusterID != nil {
		resp.ClusterID = *known.ClusterID
	}
	for _, b := range known.Brokers {
		at := kmsg.NewDescribeClusterResponseBroker()
		at.NodeID, at.Host, at.Port = b.NodeID, b.Host, b.Port
		resp.Brokers = append(resp.Brokers, at)
	}
	away := kmsg.NewDescribeClusterResponseBroker()
	away.NodeID, away.Host, away.IsFenced = awayBroker, "away", true
	resp.Brokers = append(resp.Brokers, away)
	return resp, nil, true
}
