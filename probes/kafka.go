package probes

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// kafkaAsker asks every configured broker for metadata, then the leaders for the
// end offsets and newest time stamps of the topics that matter.
type kafkaAsker struct {
	t    Target
	pass password
	conn kept[*kgo.Client]
	mech atomic.Int32                // index of the SASL mechanism that last worked
	all  atomic.Pointer[kafkaTopics] // of a large cluster whose topics are not named, see anyTopics
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

// errHungUp: the broker spoke, and closed the connection at the login.
var errHungUp = errors.New("hung up at the login")

// open makes a client and proves that a broker lets it in.
func (a *kafkaAsker) open(ctx context.Context, c *conv) (*kgo.Client, error) {
	pw, err := a.pass.get(ctx, c)
	if err != nil {
		return nil, err
	}
	cl, err := a.login(ctx, c, pw)
	if err == nil || Classify(err) != ClassAuth {
		return cl, err
	}
	pw, changed, rerr := a.pass.reread(ctx, c, pw)
	if rerr != nil || !changed {
		return nil, err
	}
	c.note("  the password changed, trying the new one")
	return a.login(ctx, c, pw)
}

// mechanism is a way to log in, and whether it shows the password to the broker.
type mechanism struct {
	sasl.Mechanism
	shows bool
}

// mechanisms are the ways to log in, in the order in which they are tried: the configured
// one alone, else SCRAM, which never shows the password, and PLAIN last.
func (a *kafkaAsker) mechanisms(pw string) []mechanism {
	auth := scram.Auth{User: a.t.User, Pass: pw}
	all := []mechanism{
		{auth.AsSha256Mechanism(), false},
		{auth.AsSha512Mechanism(), false},
		{plain.Auth{User: a.t.User, Pass: pw}.AsMechanism(), true},
	}
	if a.t.SASL == "" {
		return all
	}
	return slices.DeleteFunc(all, func(m mechanism) bool { return !strings.EqualFold(m.Name(), a.t.SASL) })
}

// errNoSCRAM: the broker takes the password in the open only, and nobody said that it may.
var errNoSCRAM = errors.New("the broker offers no SCRAM, and PLAIN would show it the password without checked TLS: configure tls, or sasl: plain")

// login tries the mechanisms in turn, beginning with the one that last worked: a broker
// offers what it knows, not what the account is set up for. Once a SCRAM was refused for
// another reason than being unknown there, the password is not shown by PLAIN.
func (a *kafkaAsker) login(ctx context.Context, c *conv, pw string) (*kgo.Client, error) {
	if a.t.User == "" {
		return a.connect(ctx, c, nil)
	}
	mechs := a.mechanisms(pw)
	if len(mechs) == 0 {
		return nil, joinErr(errOwn, fmt.Errorf("SASL mechanism %q is not known here", a.t.SASL))
	}
	worked := int(a.mech.Load())
	var refused error // the first refusal by a mechanism that the broker knows
	var notOffered error
	for i := range mechs {
		n := (worked + i) % len(mechs)
		m := mechs[n]
		if m.shows && a.t.SASL == "" {
			if refused != nil {
				continue
			}
			if a.t.TLS == nil || a.t.TLS.Insecure {
				notOffered = joinErr(errOwn, errNoSCRAM)
				continue
			}
		}
		c.note("  SASL %s as %s", m.Name(), a.t.User)
		cl, err := a.connect(ctx, c, m)
		if err == nil {
			a.mech.Store(int32(n)) //nolint:gosec // one of three
			return cl, nil
		}
		switch {
		case errors.Is(err, kerr.UnsupportedSaslMechanism):
			notOffered = err
		case Classify(err) == ClassAuth:
			if refused == nil {
				refused = err
			}
		case Classify(err) == ClassTimeout && refused != nil:
			return nil, refused // no time left for the other mechanisms
		default:
			return nil, err
		}
	}
	if refused != nil {
		return nil, refused
	}
	return nil, notOffered
}

func (a *kafkaAsker) connect(ctx context.Context, c *conv, mech sasl.Mechanism) (*kgo.Client, error) {
	var heard atomic.Bool
	opts := []kgo.Opt{
		kgo.SeedBrokers(a.t.Brokers...),
		kgo.ClientID("dutyops-probe"),
		kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := a.t.dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &answering{Conn: conn, whole: &heard}, nil
		}),
		kgo.RequestRetries(2),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.FetchMaxBytes(1 << 20),
		kgo.BrokerMaxReadBytes(kafkaMaxAnswer),
		kgo.DisableClientMetrics(),
	}
	if mech != nil {
		opts = append(opts, kgo.SASL(mech))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, joinErr(errOwn, err)
	}
	if _, err := a.metadata(ctx, c, cl, []string{}); err != nil {
		cl.Close()
		if Classify(err) == ClassClosed && heard.Load() {
			// it told its versions, then hung up: that is how a broker without
			// words for it refuses a login, or the lack of one
			err = joinErr(errHungUp, err)
		}
		return nil, err
	}
	return cl, nil
}

// answering tells whether a broker has given one whole answer: its versions, before the
// login. An answer is four bytes of length, and that many.
type answering struct {
	net.Conn
	whole *atomic.Bool
	head  [4]byte
	n     int
}

func (a *answering) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	copy(a.head[min(a.n, 4):], p[:n])
	if a.n += n; a.n >= 4 && a.n-4 >= int(binary.BigEndian.Uint32(a.head[:])) {
		a.whole.Store(true)
	}
	return n, err
}

// clusterView is the metadata that the first broker gave, and who else answered.
type clusterView struct {
	*kmsg.MetadataResponse
	answered int
	silent   []string
	limit    string // what was not looked at, "" for nothing
	noTopics error  // why no topic could be looked at
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
		v, err := a.metadata(ctx, c, cl, append([]string{}, a.t.Topics...))
		if err != nil {
			return err
		}
		if len(a.t.Topics) == 0 {
			v.Topics = nil
			if seen, err := a.anyTopics(ctx, c, cl); err != nil {
				v.noTopics = err
			} else {
				v.Topics, v.limit = seen.topics, seen.limit
			}
		}
		view, ends, newest, endErr = v, nil, nil, nil
		topics := existing(v)
		if len(a.t.Topics) == 0 || len(topics) == 0 {
			return nil
		}
		adm := kadm.NewClient(cl)
		c.asked("end offsets and newest time stamps of %s", strings.Join(topics, ", "))
		parallel(
			func() error { ends, endErr = adm.ListEndOffsets(ctx, topics...); return nil },
			func() error { newest, _ = adm.ListMaxTimestampOffsets(ctx, topics...); return nil },
		)
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
		if o.Err == nil && o.Partition >= 0 && o.Offset >= 0 {
			c.offset(fmt.Sprintf("%s/%d", o.Topic, o.Partition), o.Offset)
		}
	})
	newest.Each(func(o kadm.ListedOffset) {
		if o.Err != nil || o.Timestamp <= 0 || o.Timestamp > 1e14 {
			return
		}
		if at := time.UnixMilli(o.Timestamp).UTC(); at.After(c.facts.NewestAt) {
			c.facts.NewestAt = at
		}
	})
	if len(c.facts.Offsets) > 0 {
		c.got("%d end offsets", len(c.facts.Offsets))
	}
}

func (a *kafkaAsker) judge(c *conv, v *clusterView, ends kadm.ListedOffsets, endErr error) answer {
	var f findings
	if n := len(v.silent); n > 0 {
		c.expected("an answer from all %d brokers", len(a.t.Brokers))
		f.add(degraded("%d of %d brokers answer, not %s", v.answered, len(a.t.Brokers), strings.Join(v.silent, ", ")))
	} else if len(v.Brokers) < len(a.t.Brokers) {
		f.add(degraded("%d of %d brokers are in the cluster", len(v.Brokers), len(a.t.Brokers)))
	}
	parts := a.judgeTopics(c, &f, v)
	if endErr != nil && len(ends) == 0 {
		f.add(degraded("answers, but the end offsets could not be read: %s", clean(c.raw(endErr), 80)))
	}
	if v.noTopics != nil {
		f.add(degraded("answers, but the topics could not be read: %s", clean(c.raw(v.noTopics), 80)))
	}
	text := fmt.Sprintf("%d brokers, %d partitions, all with a leader", len(v.Brokers), parts)
	if v.limit != "" {
		text += "; " + v.limit
	}
	if len(v.Brokers) == 1 {
		text = strings.Replace(text, "brokers", "broker", 1)
	}
	if !c.facts.NewestAt.IsZero() {
		text += ", newest record " + ago(c.start.Sub(c.facts.NewestAt))
	}
	return f.verdict(up("%s", text))
}

// judgeTopics counts partitions and finds those without a leader or with too few copies.
func (a *kafkaAsker) judgeTopics(c *conv, f *findings, v *clusterView) int {
	total, thin := 0, 0
	var leaderless []string
	for _, t := range v.Topics {
		name := ""
		if t.Topic != nil {
			name = clean(*t.Topic, 120)
		}
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			switch {
			case errors.Is(err, kerr.TopicAuthorizationFailed):
				c.extra("topic "+name, "not allowed to see it (grant DESCRIBE on the topic to "+nobody(a.t.User)+")")
			case errors.Is(err, kerr.UnknownTopicOrPartition):
				c.expected("a topic called %s", name)
				f.add(degraded("topic %s does not exist", name))
			case errors.Is(err, kerr.LeaderNotAvailable):
				leaderless = append(leaderless, name)
			default:
				f.add(degraded("topic %s: %s", name, clean(err.Error(), 80)))
			}
			continue
		}
		for _, p := range t.Partitions {
			total++
			if p.Leader < 0 {
				leaderless = append(leaderless, fmt.Sprintf("%s/%d", name, p.Partition))
			}
			if len(p.ISR) < len(p.Replicas) {
				thin++
			}
		}
	}
	if n := len(leaderless); n > 0 {
		slices.Sort(leaderless)
		c.expected("a leader for every partition")
		c.note("  without a leader: %s", strings.Join(leaderless[:min(n, 20)], ", "))
		text := fmt.Sprintf("no leader for %s", strings.Join(leaderless[:min(n, 3)], ", "))
		if n > 3 {
			text += fmt.Sprintf(" and %d more", n-3)
		}
		// the topics asked for are those that matter; of all others some may rest
		if len(a.t.Topics) > 0 || n >= total && v.limit == "" {
			f.add(down("%s", text))
		} else {
			f.add(degraded("%s", text))
		}
	}
	if thin > 0 {
		c.expected("every copy in sync")
		f.add(degraded("%d of %d partitions have copies that are not in sync", thin, total))
	}
	return total
}
