package replication

import (
	"fmt"
	"strings"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/probes"
)

// kafka judges the mirror: the connectors at the receiving site that copy from the
// source, and how far they have read compared with the source's end offsets.
func (p *pair) kafka() {
	target, connectors := p.mirror()
	if len(connectors) == 0 {
		p.say(failoverplan.Stopped, UnknownLag, "no mirror from %s to %s is configured", p.s.From, p.s.To)
		return
	}
	look, ok := p.facts(target)
	if !ok || look.Silent || !answers(look.State) {
		p.say(failoverplan.SyncUnknown, UnknownLag, "%s does not answer", target)
		return
	}
	f := look.Facts
	beat := p.heartbeat(f, connectors)
	p.dstAt = look.At // how far the copy is, Connect tells
	for _, c := range connectors {
		switch word := f.Parts[c]; word {
		case connRunning:
		case "":
			p.say(failoverplan.Broken, UnknownLag, "connector %s does not exist", c)
			return
		case connFailed, "UNASSIGNED":
			p.say(failoverplan.Broken, UnknownLag, "connector %s is %s", c, word)
			return
		default: // STOPPED, PAUSED, RESTARTING
			p.say(failoverplan.Stopped, UnknownLag, "connector %s is %s", c, word)
			return
		}
	}
	if !p.live {
		p.w.reach(copied(f, connectors))
		p.say(failoverplan.Streaming, UnknownLag, "%s does not answer", p.s.From)
		if !beat.through.IsZero() {
			p.s.Detail += "; the last heartbeat that came through is of " + beat.through.Local().Format("15:04:05")
		}
		return
	}
	p.mirrorLag(f, connectors)
	p.trust(beat)
}

// mirror finds the kafka-connect component at the receiving site that copies from the source.
func (p *pair) mirror() (target string, connectors []string) {
	site, _ := p.topo.Site(p.s.To)
	platform, _ := site.Platform(p.s.Platform)
	for _, c := range platform.Components {
		if c.Kind == failoverplan.KafkaConnect && len(c.Mirrors[p.s.From]) > 0 {
			return failoverplan.Target(p.s.To, string(p.s.Platform), c.Name), c.Mirrors[p.s.From]
		}
	}
	return "", nil
}

// copied is how far the connectors have read, as the offset of the next record; what
// MirrorMaker tells is that of the last one.
func copied(f probes.Facts, connectors []string) offsetPosition {
	reached := offsetPosition{}
	for key, at := range f.Offsets {
		for _, c := range connectors {
			if partition, ok := strings.CutPrefix(key, c+":"); ok {
				reached[partition] = max(reached[partition], at+1)
			}
		}
	}
	return reached
}

// mirrorLag counts records; seconds come from our own watch of the offsets, and from the
// newest time stamps of both clusters where those differ by more.
func (p *pair) mirrorLag(f probes.Facts, connectors []string) {
	if len(p.src.Offsets) == 0 {
		p.say(failoverplan.Streaming, UnknownLag, "the end offsets of %s are not known", p.s.From)
		return
	}
	reached := copied(f, connectors)
	var left int64
	unread := false
	past := "" // the first partition whose end cannot be that of the log that was copied
	for partition, end := range p.src.Offsets {
		at, ok := reached[partition]
		if tooFar(at, end) && (past == "" || partition < past) {
			past = partition
		}
		unread = unread || !ok && end > 0
		left += max(0, end-at)
	}
	switch {
	case past != "":
		p.say(failoverplan.SyncUnknown, UnknownLag, "the mirror read %s up to offset %d, but it ends at %d at %s: topic or cluster was replaced",
			past, reached[past], p.src.Offsets[past], p.s.From)
	case unread && len(reached) == 0:
		p.say(failoverplan.Streaming, UnknownLag, "the mirror has not told how far it has read")
	case left == 0 && p.src.Extra[probes.OffsetsLack] != "":
		p.say(failoverplan.Streaming, UnknownLag, "every record that is known of is here, but at %s %s", p.s.From, p.src.Extra[probes.OffsetsLack])
	case left == 0:
		p.waited(offsetPosition(p.src.Offsets), reached)
		p.say(failoverplan.Streaming, 0, "every record of %s is here", p.s.From)
	default:
		lag := p.waited(offsetPosition(p.src.Offsets), reached)
		if !p.src.NewestAt.IsZero() && !p.dst.NewestAt.IsZero() {
			lag = max(lag, p.src.NewestAt.Sub(p.dst.NewestAt).Seconds())
		}
		p.say(failoverplan.Streaming, lag, "%s to copy", counted(left, "record"))
	}
}

// tooFar says that a mirror which has read up to at did not read the log that ends at end.
// A little past the end is well: we looked at the mirror after the source. A log that lost
// less than that cannot be told from it by offsets.
func tooFar(at, end int64) bool {
	return end < at/2 || at-end > max(1000, end/100)
}

// counted writes a number of things.
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
