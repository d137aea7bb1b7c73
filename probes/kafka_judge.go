package probes

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (a *kafkaAsker) judge(c *conv, v *clusterView, ends kadm.ListedOffsets, endErr error) answer {
	var f findings
	if n := len(v.silent); n > 0 {
		c.expected("an answer from all %d brokers", len(a.t.Brokers))
		f.add(degraded("%d of %d brokers answer, not %s", v.answered, len(a.t.Brokers), strings.Join(v.silent, ", ")))
	} else if len(v.Brokers) < len(a.t.Brokers) {
		f.add(degraded("%d of %d brokers are in the cluster", len(v.Brokers), len(a.t.Brokers)))
	}
	parts := a.judgeTopics(c, &f, v)
	a.judgeBrokers(c, &f, v)
	if endErr != nil && len(ends) == 0 {
		f.add(degraded("answers, but the end offsets could not be read: %s", clean(c.raw(endErr), 80)))
	}
	if untold, of, _ := a.untold(v, ends); untold > 0 && len(ends) > 0 {
		c.expected("the end of every partition")
		f.add(degraded("%d of %d partitions did not tell their end", untold, of))
	}
	for _, name := range a.t.Topics {
		if !slices.ContainsFunc(v.Topics, func(t kmsg.MetadataResponseTopic) bool { return t.Topic != nil && *t.Topic == name }) {
			c.expected("an answer for every topic")
			f.add(degraded("topic %s is not in the answer", clean(name, 120)))
		}
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
