package replication

import (
	"fmt"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// UnknownLag is the lag of a relation that nobody can tell the lag of.
const UnknownLag = -1

// someLag is what a relation is behind when something is missing and nobody can say for
// how long: more than nothing.
const someLag = 0.1

// States judges every sync relation from probe facts alone: for each component that the
// policy keeps in sync, from the site that is its source now to every other site that
// has the counterpart (mission A6). It does no I/O; lags remembers from call to call.
//
// A lag is stated only when it can be trusted: the source must answer now and both
// positions must be known. What a replica says of itself is not enough: behind a frozen
// or unreachable source it goes on reporting that it is level.
func States(topo *failoverplan.Topology, source func(failoverplan.PlatformKind) string,
	facts func(target string) (Seen, bool), lags *Lags,
) []failoverplan.SyncState {
	var out []failoverplan.SyncState
	lags.begin()
	defer lags.end()
	for _, kind := range []failoverplan.PlatformKind{failoverplan.Business, failoverplan.Data} {
		from := source(kind)
		site, ok := topo.Site(from)
		if !ok {
			continue
		}
		platform, ok := site.Platform(kind)
		if !ok {
			continue
		}
		for _, c := range platform.Components {
			if c.Sync != failoverplan.Sync {
				continue
			}
			for _, other := range topo.Sites {
				if other.Name == from {
					continue
				}
				if _, ok := topo.Counterpart(other.Name, kind, c.Name); !ok {
					continue
				}
				p := pair{
					topo: topo, facts: facts, w: lags.watched(relation{kind, c.Name, from, other.Name}),
					s: failoverplan.SyncState{
						Platform: kind, Component: c.Name, Kind: c.Kind, From: from, To: other.Name,
						State: failoverplan.SyncUnknown, Lag: UnknownLag,
					},
				}
				if p.judge() {
					out = append(out, p.s)
				}
			}
		}
	}
	return out
}

// pair is one relation while it is judged.
type pair struct {
	topo  *failoverplan.Topology
	facts func(string) (Seen, bool)
	w     *watched
	s     failoverplan.SyncState
	// src and dst are what both ends said, and when; live says that the source answered now.
	src, dst     probes.Facts
	srcAt, dstAt time.Time
	live         bool
}

func (p *pair) say(state string, lag float64, format string, args ...any) {
	p.s.State, p.s.Lag, p.s.Detail = state, lag, fmt.Sprintf(format, args...)
}

// answers says whether facts of a component in this state are of now.
func answers(state failoverplan.State) bool {
	return state == failoverplan.Up || state == failoverplan.Degraded
}

func (p *pair) target(site string) string {
	return failoverplan.Target(site, string(p.s.Platform), p.s.Component)
}

// judge is false for kinds that have no notion of a relation.
func (p *pair) judge() bool {
	var rank func()
	switch p.s.Kind {
	case failoverplan.MySQL:
		rank = p.mysql
	case failoverplan.Redis:
		rank = p.redis
	case failoverplan.Elasticsearch:
		rank = p.elastic
	case failoverplan.Kafka:
		rank = p.kafka
	case failoverplan.RabbitMQ:
		p.s.Detail = "the policy asks for sync, but there is no driver for rabbitmq"
		return true
	case failoverplan.KafkaConnect, failoverplan.Flink, failoverplan.HTTP, failoverplan.TCP, failoverplan.DNS:
		return false
	default:
		return false
	}
	src, ok := p.facts(p.target(p.s.From))
	p.src, p.srcAt = src.Facts, src.At
	// A read-only source is down as a source, but it answers and its position is true.
	p.live = ok && !src.Silent && (answers(src.State) || src.State == failoverplan.Down && p.src.ReadOnly != nil && *p.src.ReadOnly && p.src.Position != "")
	dst, ok := p.facts(p.target(p.s.To))
	p.dst, p.dstAt = dst.Facts, dst.At
	if !ok || dst.Silent || !answers(dst.State) {
		p.s.Detail = fmt.Sprintf("%s does not answer, so nothing is known of it", p.s.To)
		return true
	}
	rank()
	if p.s.Lag < 0 && !p.w.whole.IsZero() && (p.s.State == failoverplan.Streaming || p.s.State == failoverplan.Broken) {
		p.s.Detail += "; it had everything of " + p.w.whole.Local().Format("15:04:05")
	}
	return true
}

// waited is for how long the copy has lacked something that the source has, and at least
// what the copy claims itself; someLag where nobody can say.
func (p *pair) waited(src, dst position) float64 {
	lag := max(p.w.look(src, p.srcAt, dst, p.dstAt), someLag)
	if p.dst.LagSeconds != nil {
		lag = max(lag, *p.dst.LagSeconds)
	}
	return lag
}

// following turns the replica's own word into a sync state; ok is false when it does
// not follow anybody.
func (p *pair) following() (state string, ok bool) {
	switch p.dst.ReplicaState {
	case "streaming":
		return failoverplan.Streaming, true
	case "stopped":
		return failoverplan.Stopped, true
	case "connecting", "broken":
		return failoverplan.Broken, true
	}
	return failoverplan.Stopped, p.dst.ReplicaOf != ""
}

func (p *pair) mysql() {
	state, follows := p.following()
	src, err1 := parseGTIDs(p.src.Position)
	dst, err2 := parseGTIDs(p.dst.Position)
	got, err3 := parseGTIDs(p.dst.SourcePosition)
	if err1 != nil || err2 != nil || err3 != nil {
		p.say(state, UnknownLag, "the positions cannot be read")
		return
	}
	if p.live {
		// What the replica received may be newer than our look at the source.
		if g := behind(src.union(got), dst); !g.empty() && p.src.Position != "" {
			p.say(failoverplan.Diverged, UnknownLag, "%s has %d transactions that %s lacks: %s", p.s.To, g.count, p.s.From, g)
			return
		}
	}
	if hidden := p.dst.Extra[probes.ReplicationHidden]; !follows && hidden != "" {
		p.say(failoverplan.SyncUnknown, UnknownLag, "whether %s follows anybody is not known: %s", p.s.To, hidden)
		return
	}
	if !follows {
		p.say(failoverplan.Stopped, UnknownLag, "%s follows nobody", p.s.To)
		if p.live && p.src.Position != "" {
			if g := behind(dst, src); !g.empty() {
				p.s.Detail += fmt.Sprintf(", %d transactions behind", g.count)
			}
		}
		return
	}
	missing := behind(dst, src)
	waiting := behind(dst, got)
	lag := float64(UnknownLag)
	switch {
	case p.dst.Position == "":
	case p.live && p.src.Position != "":
		lag = p.waited(gtidPosition{src}, gtidPosition{dst})
	default:
		p.w.reach(gtidPosition{dst})
	}
	switch {
	case !p.live:
		p.say(state, UnknownLag, "%s does not answer; received and not applied: %d", p.s.From, waiting.count)
	case p.src.Position == "" || p.dst.Position == "":
		p.say(state, UnknownLag, "no GTID position to compare")
	case missing.empty():
		p.say(state, 0, "has every transaction of %s", p.s.From)
	case state != failoverplan.Streaming:
		p.say(state, UnknownLag, "%d transactions behind, and not moving", missing.count)
	default:
		p.say(state, lag, "%d transactions to go", missing.count)
	}
}

func (p *pair) redis() {
	state, follows := p.following()
	src, err1 := number(p.src.Position)
	dst, err2 := number(p.dst.Position)
	switch {
	case !follows:
		p.say(failoverplan.Stopped, UnknownLag, "%s follows nobody", p.s.To)
	case !p.live:
		if err2 == nil && !p.otherHistory() {
			p.w.reach(bytePosition(dst))
		}
		p.say(state, UnknownLag, "%s does not answer", p.s.From)
	case err1 != nil || err2 != nil:
		p.say(state, UnknownLag, "no offset to compare")
	case state != failoverplan.Streaming:
		p.say(state, UnknownLag, "the link is %s", p.dst.ReplicaState)
	case p.otherHistory():
		p.say(failoverplan.SyncUnknown, UnknownLag, "%s has another history than %s: it was replaced, or has not been copied from yet", p.s.From, p.s.To)
	case p.src.Extra[probes.RedisHistory] == "" || p.dst.Extra[probes.RedisHistory] == "":
		p.say(state, UnknownLag, "no replication id to compare, and offsets of two histories say nothing")
	default:
		lag := p.waited(bytePosition(src), bytePosition(dst))
		if dst >= src {
			p.say(state, 0, "level at offset %d", src)
			return
		}
		p.say(state, lag, "%d bytes behind", src-dst)
	}
}

// otherHistory says that the offsets of both Redis servers do not count the same writes:
// a source that was replaced begins anew, and a small offset would look like "level".
func (p *pair) otherHistory() bool {
	src, dst := p.src.Extra[probes.RedisHistory], p.dst.Extra[probes.RedisHistory]
	return src != "" && dst != "" && src != dst
}

func number(s string) (int64, error) {
	var n int64
	_, err := fmt.Sscanf(s, "%d", &n)
	return n, err
}

func (p *pair) elastic() {
	if p.dst.ReadOnly != nil && *p.dst.ReadOnly {
		p.say(failoverplan.Stopped, UnknownLag, "a write block at %s keeps copies out", p.s.To)
		return
	}
	if !p.live {
		p.say(failoverplan.SyncUnknown, UnknownLag, "%s does not answer", p.s.From)
		return
	}
	p.newest(fmt.Sprintf("%s documents here, %s at %s", count(p.dst.Count), count(p.src.Count), p.s.From))
	src, err1 := number(p.src.Position)
	dst, err2 := number(p.dst.Position)
	if err1 == nil && err2 == nil {
		p.unseenWrites(src, dst)
	}
}

// unseenWrites adds what numbers of documents and newest times do not show: a copy that has not
// taken the writes which its source has is behind for as long as the first of them is known.
// Of deletions a copy never hears, so those alone are told and are no lag.
func (p *pair) unseenWrites(src, dst int64) {
	if p.src.Count == nil {
		return // without it an update could not be told from a deletion
	}
	n, deleted, waits := p.w.sinceCopied(src, dst, *p.src.Count, p.srcAt, p.dstAt)
	switch n {
	case 0:
	case deleted:
		p.s.Detail += ", " + counted(n, "deletion") + " there, which copies do not take over"
	default:
		p.s.Detail += ", " + counted(n, "write") + " there since anything was copied"
		if p.s.Lag >= 0 {
			p.s.Lag = max(p.s.Lag, waits.Seconds(), someLag)
		}
	}
}

func count(n *int64) string {
	if n == nil {
		return "?"
	}
	return fmt.Sprint(*n)
}

// newest compares the time stamps of the newest record or document of both sides.
func (p *pair) newest(detail string) {
	level := p.src.Count != nil && p.dst.Count != nil && *p.dst.Count >= *p.src.Count
	switch {
	case p.src.NewestAt.IsZero() && level:
		p.say(failoverplan.Streaming, 0, "%s", detail)
	case p.src.NewestAt.IsZero() || p.dst.NewestAt.IsZero():
		p.say(failoverplan.Streaming, UnknownLag, "%s; no time stamps to compare", detail)
	case p.src.Count == nil || p.dst.Count == nil:
		p.say(failoverplan.Streaming, UnknownLag, "%s; the newest may be here while older ones are missing", detail)
	default:
		lag := max(0, p.src.NewestAt.Sub(p.dst.NewestAt).Seconds())
		// the newest can be here while older ones are missing
		if w := p.waited(docPosition{*p.src.Count, p.src.NewestAt}, docPosition{*p.dst.Count, p.dst.NewestAt}); !level {
			lag = max(lag, w)
		}
		p.say(failoverplan.Streaming, lag, "%s", detail)
	}
}
