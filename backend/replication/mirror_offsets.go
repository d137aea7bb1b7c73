package replication

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// copier is a connector that copies records.
type copier struct {
	name, alias string
	topics      []*regexp.Regexp
}

// patterns reads MirrorMaker's topics setting: a list of regular expressions.
func patterns(list string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for p := range strings.SplitSeq(list, ",") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		r, err := regexp.Compile("^(?:" + p + ")$")
		if err != nil {
			return nil // Java knows expressions that Go does not: take all topics
		}
		out = append(out, r)
	}
	return out
}

func (c copier) copies(topic string) bool {
	if len(c.topics) == 0 {
		return true
	}
	return slices.ContainsFunc(c.topics, func(r *regexp.Regexp) bool { return r.MatchString(topic) })
}

// sourceOffset is one entry of GET and PATCH /connectors/N/offsets (KIP-875) in
// MirrorMaker's shape. Offset is the last record that was copied; nil forgets it.
type sourceOffset struct {
	Partition sourcePartition `json:"partition"`
	Offset    *struct {
		Offset int64 `json:"offset"`
	} `json:"offset"`
}

type sourcePartition struct {
	Cluster   string `json:"cluster"`
	Partition int64  `json:"partition"`
	Topic     string `json:"topic"`
}

func (p sourcePartition) key() string { return fmt.Sprintf("%s/%d", p.Topic, p.Partition) }

type sourceOffsets struct {
	Offsets []sourceOffset `json:"offsets"`
}

func (m *Mirror) offsets(ctx context.Context, name string) (map[string]sourceOffset, error) {
	var got sourceOffsets
	if err := m.api.call(ctx, http.MethodGet, connector(name, "/offsets"), nil, &got); err != nil {
		return nil, err
	}
	out := map[string]sourceOffset{}
	for _, o := range got.Offsets {
		if o.Partition.Topic != "" {
			out[o.Partition.key()] = o
		}
	}
	return out, nil
}

// reached is the number of records up to which the connector has copied: the last one's
// offset plus one, so that it compares with an end offset.
func (o sourceOffset) reached() int64 {
	if o.Offset == nil {
		return 0
	}
	return o.Offset.Offset + 1
}

// Anchor sets the connectors' source offsets so that the next record copied is the one
// at the given end offsets: what was there before is not copied. The connectors must be
// stopped (ErrNotStopped). It reads back what Connect has taken.
func (m *Mirror) Anchor(ctx context.Context, connectors []string, ends EndOffsets) ([]string, error) {
	for _, c := range connectors {
		st, err := m.status(ctx, c)
		if err != nil {
			return nil, err
		}
		if st.Connector.State != connStopped || st.tasks(connRunning) > 0 {
			return nil, fmt.Errorf("%s: connector %s: %w: %s", m.e.Target(), c, ErrNotStopped, st)
		}
	}
	end, err := ends(ctx)
	if err != nil {
		return nil, err
	}
	list, err := m.copiers(ctx, connectors)
	if err != nil {
		return nil, err
	}
	var ev []string
	for _, c := range list {
		line, err := m.anchorOne(ctx, c, end)
		if err != nil {
			return ev, err
		}
		ev = append(ev, line)
	}
	return ev, nil
}

func (m *Mirror) anchorOne(ctx context.Context, c copier, end map[string]int64) (string, error) {
	now, err := m.offsets(ctx, c.name)
	if err != nil {
		return "", err
	}
	var want sourceOffsets
	var marks []string
	for _, key := range slices.Sorted(maps.Keys(end)) {
		topic, partition, ok := cutKey(key)
		if !ok || !c.copies(topic) {
			continue
		}
		marks = append(marks, fmt.Sprintf("%s at %d", key, end[key]))
		have, known := now[key]
		if have.reached() == end[key] && (known || end[key] == 0) {
			continue
		}
		o := sourceOffset{Partition: sourcePartition{Cluster: c.alias, Partition: partition, Topic: topic}}
		if known {
			o.Partition.Cluster = have.Partition.Cluster
		}
		if o.Partition.Cluster == "" {
			return "", fmt.Errorf("%s: connector %s has no source.cluster.alias: %w", m.e.Target(), c.name, ErrConfig)
		}
		if end[key] > 0 {
			o.Offset = &struct {
				Offset int64 `json:"offset"`
			}{end[key] - 1}
		}
		want.Offsets = append(want.Offsets, o)
	}
	if len(want.Offsets) == 0 {
		return c.name + " begins there already: " + strings.Join(marks, ", "), nil
	}
	err = m.api.call(ctx, http.MethodPatch, connector(c.name, "/offsets"), want, nil)
	if isStatus(err, http.StatusNotFound, http.StatusMethodNotAllowed) {
		return "", fmt.Errorf("set the offsets of %s: %w: %w (PATCH …/offsets needs Kafka Connect 3.6 or later)", c.name, ErrUnsupported, err)
	}
	if err != nil {
		return "", err
	}
	if err := m.readBack(ctx, c.name, want.Offsets, end); err != nil {
		return "", err
	}
	return c.name + " begins at " + strings.Join(marks, ", "), nil
}

// readBack waits until Connect tells the offsets that it has taken. It keeps them in a
// topic and says that it has before its own reader of that topic has come by.
func (m *Mirror) readBack(ctx context.Context, name string, want []sourceOffset, end map[string]int64) error {
	ctx, cancel := context.WithTimeout(ctx, min(m.opts.Timeout, m.opts.Wait))
	defer cancel()
	_, err := m.opts.until(ctx, m.e.Target()+": connector "+name, func(ctx context.Context) (bool, string, error) {
		got, err := m.offsets(ctx, name)
		if err != nil {
			return false, "", err
		}
		for _, o := range want {
			if key := o.Partition.key(); got[key].reached() != end[key] {
				return false, fmt.Sprintf("offset of %s was set to %d and reads %d", key, end[key], got[key].reached()), nil
			}
		}
		return true, "", nil
	})
	if errors.Is(err, ErrTimeout) {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return err
}

// cutKey splits "topic/partition".
func cutKey(key string) (topic string, partition int64, ok bool) {
	i := strings.LastIndex(key, "/")
	if i < 0 {
		return "", 0, false
	}
	n, err := fmt.Sscanf(key[i+1:], "%d", &partition)
	return key[:i], partition, err == nil && n == 1
}

// Lag counts the records that the connectors have still to copy, per
// "connector:topic/partition". Connect writes its offsets down from time to time
// (offset.flush.interval.ms), so it may say more than there is, never less. A connector
// that does not exist is an error: it would never get there.
func (m *Mirror) Lag(ctx context.Context, connectors []string, ends EndOffsets) (map[string]int64, error) {
	list, err := m.copiers(ctx, connectors)
	if err != nil {
		return nil, err
	}
	end, err := ends(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, c := range list {
		now, err := m.offsets(ctx, c.name)
		if err != nil {
			return nil, err
		}
		for key, n := range end {
			if topic, _, ok := cutKey(key); ok && c.copies(topic) {
				out[c.name+":"+key] = max(0, n-now[key].reached())
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: none of %s copies a topic of the source: %w (%d partitions were looked for)", m.e.Target(), strings.Join(connectors, ", "), ErrConfig, len(end))
	}
	return out, nil
}

// sameLog refuses where a connector has read further than the source goes, by more than what
// may have come in between two looks: the topic or the cluster was replaced, and what is
// there will not be copied although nothing seems to be left. end is read before.
func (m *Mirror) sameLog(ctx context.Context, connectors []string, end map[string]int64) error {
	list, err := m.copiers(ctx, connectors)
	if err != nil {
		return err
	}
	for _, c := range list {
		now, err := m.offsets(ctx, c.name)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(end)) {
			if at := now[key].reached(); tooFar(at, end[key]) {
				return fmt.Errorf("%s: connector %s: %w: it read %s up to offset %d, but that ends at %d: topic or cluster was replaced",
					m.e.Target(), c.name, ErrBroken, key, at, end[key])
			}
		}
	}
	return nil
}

// Level reads what the source holds now and returns a look that tells whether the
// connectors have copied that much. What the source gets afterwards is not part of the
// question: Connect tells its offsets from time to time only, so under a steady flow it
// never tells that nothing is left.
func (m *Mirror) Level(ctx context.Context, connectors []string, ends EndOffsets) (look func(context.Context) (bool, string, error), err error) {
	end, err := ends(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.sameLog(ctx, connectors, end); err != nil {
		return nil, err
	}
	then := func(context.Context) (map[string]int64, error) { return end, nil }
	return func(ctx context.Context) (bool, string, error) {
		lag, err := m.Lag(ctx, connectors, then)
		if err != nil {
			return false, "", err
		}
		left := int64(0)
		for _, n := range lag {
			left += n
		}
		return left == 0, fmt.Sprintf("%d records still to copy", left), nil
	}, nil
}
