package backend

import (
	"context"
	"errors"
	"testing"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// saying is a prober that always gives the same answer.
type saying probes.Result

func (s saying) Probe(context.Context) probes.Result { return probes.Result(s) }
func (saying) Close() error                          { return nil }

// Ends that are not all known are no cut, and nothing to be level with.
func TestKafkaEndsOfAPart(t *testing.T) {
	offsets := map[string]int64{"t/0": 7}
	for name, c := range map[string]struct {
		facts probes.Facts
		known bool // some are
		part  bool
	}{
		"all":  {probes.Facts{Offsets: offsets}, true, false},
		"part": {probes.Facts{Offsets: offsets, Extra: map[string]string{probes.OffsetsLack: "1 of 2 partitions did not tell their end"}}, true, true},
		"none": {probes.Facts{}, false, false},
	} {
		e := &Engine{
			topo: &failoverplan.Topology{Sites: []failoverplan.Site{{Name: "a", Platforms: []failoverplan.Platform{
				{Kind: failoverplan.Data, Components: []failoverplan.Component{{Name: "kafka", Kind: failoverplan.Kafka}}},
			}}}},
			probers: map[string]probes.Prober{"a/data/kafka": saying{Status: probes.StatusDegraded, Facts: c.facts}},
		}
		got, err := e.kafkaEnds("a")(t.Context())
		if (len(got) == 1) != c.known || errors.Is(err, errEndsLack) != c.part || (err == nil) != (c.known && !c.part) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
