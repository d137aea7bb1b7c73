package replication

import (
	"slices"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// heartbeatLate is how much older than the newest heartbeat at the source the newest one may
// be that came through the mirror: MirrorMaker writes one a second unless told otherwise
// (emit.heartbeats.interval.seconds), and copies it within some.
const heartbeatLate = 15 * time.Second

// heartbeatRare is the age of the newest heartbeat at a source from which on none are written
// there any more. It is compared with our own clock, so it is generous.
const heartbeatRare = 5 * time.Minute

// HeartbeatTopics are the topics at the target in which heartbeats arrive that connectors
// have copied from a site. connect is what was seen of the connectors: it tells what they
// call the source. Until they have copied anything that is taken to be the site's own name.
func HeartbeatTopics(connect probes.Facts, from string, connectors []string) []string {
	var out []string
	for _, c := range connectors {
		if alias := connect.Extra[probes.MirrorSource+c]; alias != "" {
			out = append(out, probes.HeartbeatsFrom(alias))
		}
	}
	if len(out) == 0 {
		out = append(out, probes.HeartbeatsFrom(from))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// beat is what MirrorMaker's heartbeats say of a mirror. Both times are stamped by the worker
// that writes them at the source: no two clocks are compared.
type beat struct {
	// written is the newest one at the source, through the newest one that came through the
	// mirror; zero where there is none.
	written, through time.Time
	// behind is how much older the latter is, less the time between our two looks.
	behind time.Duration
}

func (p *pair) heartbeat(connect probes.Facts, connectors []string) beat {
	b := beat{written: p.src.Heartbeats[probes.HeartbeatsTopic]}
	for _, topic := range HeartbeatTopics(connect, p.s.From, connectors) {
		b.through = later(b.through, p.dst.Heartbeats[topic])
	}
	if !b.written.IsZero() && !b.through.IsZero() {
		b.behind = b.written.Sub(b.through) - max(0, p.srcAt.Sub(p.dstAt))
	}
	return b
}

// trust weighs the lag by offsets, which are what Connect tells from time to time, with what
// the heartbeats tell. A mirror that lets none through copies nothing, or not all that it
// should: a lag of nothing is not believed then, and one of something is at least that old.
func (p *pair) trust(b beat) {
	if p.s.State != failoverplan.Streaming || b.through.IsZero() || b.written.IsZero() {
		return
	}
	switch {
	case b.behind > heartbeatLate && p.s.Lag > 0:
		p.s.Lag = max(p.s.Lag, b.behind.Seconds())
		p.s.Detail += "; the newest heartbeat that came through is " + probes.Human(b.behind) + " older than the newest there"
	case b.behind > heartbeatLate:
		p.s.Lag = UnknownLag
		p.s.Detail += " by the offsets, but not the heartbeats: the newest that came through is " + probes.Human(b.behind) + " older than the newest there"
	case p.srcAt.Sub(b.written) > heartbeatRare:
		p.s.Detail += "; no heartbeat was written there since " + b.written.Local().Format("15:04:05")
	}
}
