package probes

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaAsker asks every configured broker for metadata, then the leaders for the
// end offsets and newest time stamps of the topics that matter.
type kafkaAsker struct {
	t    Target
	pass password
	conn kept[*kgo.Client]
	mech atomic.Int32                // index of the SASL mechanism that last worked
	all  atomic.Pointer[kafkaTopics] // of a large cluster whose topics are not named, see anyTopics
	// disks is what the brokers last said of theirs, see readDisks.
	disks atomic.Pointer[kafkaDisks]
}

// kafkaRenew is how old a client may get: its brokers' addresses are those that it
// once learned.
const kafkaRenew = 15 * time.Second

func newKafka(t Target) (asker, error) {
	if len(t.Brokers) == 0 {
		return nil, errors.New("brokers are missing (host:port, ...)")
	}
	a := &kafkaAsker{t: t, pass: password{read: t.Password}}
	a.conn = kept[*kgo.Client]{open: a.open, shut: (*kgo.Client).Close, renew: kafkaRenew}
	return a, nil
}

func (a *kafkaAsker) close() error {
	a.conn.close()
	return nil
}

// clusterView is the metadata that the first broker gave, and who else answered.
type clusterView struct {
	*kmsg.MetadataResponse
	kafkaBrokers
	answered int
	silent   []string
	limit    string // what was not looked at, "" for nothing
	noTopics error  // why no topic could be looked at
	// heartbeats of mirrors, see Facts.Heartbeats.
	heartbeats map[string]time.Time
}

// metadata asks all configured brokers at once and takes the first answer; the
// others get half of the time left to answer too. Not cached, unlike the client's
// own metadata. No topics: the brokers alone.
func (a *kafkaAsker) metadata(ctx context.Context, c *conv, cl *kgo.Client, topics []string) (*clusterView, error) {
	type reply struct {
		seed string
		resp *kmsg.MetadataResponse
		err  error
	}
	seeds := cl.SeedBrokers()
	actx, cancel := context.WithCancel(ctx)
	defer cancel()
	ch := make(chan reply, len(seeds))
	c.asked("metadata of %s at %s", topicsText(topics), strings.Join(a.t.Brokers, ", "))
	for i, b := range seeds {
		go func() {
			name := "?"
			if i < len(a.t.Brokers) {
				name = a.t.Brokers[i]
			}
			resp, err := b.Request(actx, metadataRequest(topics))
			m, _ := resp.(*kmsg.MetadataResponse)
			ch <- reply{name, m, err}
		}()
	}
	view := &clusterView{}
	waiting := map[string]bool{}
	for i := range seeds {
		waiting[a.t.Brokers[min(i, len(a.t.Brokers)-1)]] = true
	}
	var firstErr error
	var enough <-chan time.Time
	for len(waiting) > 0 {
		select {
		case r := <-ch:
			delete(waiting, r.seed)
			if r.err == nil && r.resp == nil {
				r.err = fmt.Errorf("%w: no metadata in the answer", errGarbage)
			}
			if r.err != nil {
				c.note("! %s: %s", r.seed, c.raw(r.err))
				view.silent = append(view.silent, r.seed)
				if firstErr == nil || Classify(firstErr) == ClassTimeout {
					firstErr = r.err
				}
				continue
			}
			view.answered++
			if view.MetadataResponse == nil {
				view.MetadataResponse = r.resp
				c.got("%s: %d brokers, %d topics, controller %d", r.seed, len(r.resp.Brokers), len(r.resp.Topics), r.resp.ControllerID)
				if dl, ok := ctx.Deadline(); ok {
					enough = time.After(time.Until(dl) / 2)
				}
			}
		case <-enough:
			for s := range waiting {
				c.note("! %s: no answer yet", s)
				view.silent = append(view.silent, s)
			}
			waiting = nil
		case <-ctx.Done():
			if firstErr == nil {
				firstErr = ctx.Err()
			}
			waiting = nil
		}
	}
	if view.MetadataResponse == nil {
		return nil, firstErr
	}
	slices.Sort(view.silent)
	return view, nil
}

func metadataRequest(topics []string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	if topics == nil {
		return req
	}
	req.Topics = []kmsg.MetadataRequestTopic{}
	for _, t := range topics {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(t)
		req.Topics = append(req.Topics, rt)
	}
	return req
}

func topicsText(topics []string) string {
	if len(topics) == 0 {
		return "the cluster"
	}
	return strings.Join(topics, ", ")
}

func (a *kafkaAsker) ask(ctx context.Context, c *conv) answer {
	var view *clusterView
	var ends, newest kadm.ListedOffsets
	var endErr error
	newcomer, err := a.conn.with(ctx, c, func(cl *kgo.Client) error {
		wanted := a.t.heartbeats()
		v, err := a.metadata(ctx, c, cl, append(append([]string{}, a.t.Topics...), wanted...))
		if err != nil {
			return err
		}
		beating := a.heartbeats(c, v, wanted)
		if len(a.t.Topics) == 0 {
			v.Topics = nil
			if seen, err := a.anyTopics(ctx, c, cl); err != nil {
				v.noTopics = err
			} else {
				v.Topics, v.limit = seen.topics, seen.limit
			}
		}
		view, ends, newest, endErr = v, nil, nil, nil
		adm := kadm.NewClient(cl)
		var more []func() error
		if topics := existing(v); len(a.t.Topics) > 0 && len(topics) > 0 {
			c.asked("end offsets and newest time stamps of %s", strings.Join(topics, ", "))
			more = append(more,
				func() error { ends, endErr = adm.ListEndOffsets(ctx, topics...); return nil },
				func() error { newest, _ = adm.ListMaxTimestampOffsets(ctx, topics...); return nil })
		}
		if len(beating) > 0 {
			more = append(more, func() error { v.heartbeats = newestHeartbeats(ctx, c, adm, beating); return nil })
		}
		parallel(more...)
		a.brokers(ctx, c, cl, v) // last: a broker answers a connection's questions in their order
		return nil
	})
	if err != nil {
		return c.failed(ctx, strings.Join(a.t.Brokers, ", "), err)
	}
	a.facts(c, view, ends, newest)
	v := a.judge(c, view, ends, endErr)
	if newcomer != nil {
		f := c.failed(ctx, strings.Join(a.t.Brokers, ", "), newcomer)
		f.detail += " (a connection made earlier still works)"
		if badness(f.status) > badness(v.status) {
			return f
		}
	}
	return v
}

func existing(v *clusterView) []string {
	var out []string
	for _, t := range v.Topics {
		if t.ErrorCode == 0 && t.Topic != nil {
			out = append(out, *t.Topic)
		}
	}
	return out
}

// OffsetsLack in Facts.Extra says why Offsets does not hold every partition that it should:
// nothing can be concluded from those that it holds but that there is at least so much.
const OffsetsLack = "offsets"

func told(o kadm.ListedOffset) bool { return o.Err == nil && o.Partition >= 0 && o.Offset >= 0 }

// untold counts the partitions of the topics asked for whose end is not known, of how many,
// and the topics of which nothing is.
func (a *kafkaAsker) untold(v *clusterView, ends kadm.ListedOffsets) (n, of, hidden int) {
	if len(a.t.Topics) == 0 {
		return 0, 0, 0
	}
	for _, t := range v.Topics {
		switch {
		case t.Topic == nil || t.ErrorCode == kerr.UnknownTopicOrPartition.Code:
		case t.ErrorCode != 0:
			hidden++
		default:
			for _, p := range t.Partitions {
				of++
				if o, ok := ends.Lookup(*t.Topic, p.Partition); !ok || !told(o) {
					n++
				}
			}
		}
	}
	return n, of, hidden
}

func (a *kafkaAsker) facts(c *conv, v *clusterView, ends, newest kadm.ListedOffsets) {
	if v.ClusterID != nil {
		c.extra("cluster_id", *v.ClusterID)
	}
	c.extra("controller", fmt.Sprint(v.ControllerID))
	c.extra("brokers", fmt.Sprint(len(v.Brokers)))
	c.extra("topics", v.limit)
	if len(a.t.Topics) > 0 {
		for _, t := range v.Topics {
			if t.Topic != nil && t.TopicID != [16]byte{} {
				c.extra(topicID+*t.Topic, base64.RawURLEncoding.EncodeToString(t.TopicID[:]))
			}
		}
	}
	ends.Each(func(o kadm.ListedOffset) {
		if told(o) {
			c.offset(fmt.Sprintf("%s/%d", o.Topic, o.Partition), o.Offset)
		}
	})
	untold, of, hidden := a.untold(v, ends)
	switch {
	case untold > 0:
		c.extra(OffsetsLack, fmt.Sprintf("%d of %d partitions did not tell their end", untold, of))
	case hidden > 0:
		c.extra(OffsetsLack, fmt.Sprintf("%d of %d topics cannot be looked at", hidden, len(a.t.Topics)))
	}
	newest.Each(func(o kadm.ListedOffset) {
		if at, ok := stamp(o); ok && at.After(c.facts.NewestAt) {
			c.facts.NewestAt = at
		}
	})
	for topic, at := range v.heartbeats {
		if c.facts.Heartbeats == nil {
			c.facts.Heartbeats = map[string]time.Time{}
		}
		c.facts.Heartbeats[clean(topic, 120)] = at
		c.extra("newest in "+topic, at.Format(time.RFC3339)+", "+ago(c.start.Sub(at)))
	}
	if len(c.facts.Offsets) > 0 {
		c.got("%d end offsets", len(c.facts.Offsets))
	}
}
