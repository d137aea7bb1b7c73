package failoverplan

import "fmt"

// builder collects steps; steps added under one group run side by side.
type builder struct {
	steps []Step
	group int
}

func (b *builder) next() { b.group++ }

func (b *builder) add(s Step) {
	s.Group = b.group
	s.ID = fmt.Sprintf("%02d-%s", len(b.steps)+1, s.Action)
	b.steps = append(b.steps, s)
}

// steps lays out the plan in the order that never leaves two writers: stop the old
// one, wait for its last word, start the new one, move the users, feed it, prove it.
func steps(p *Plan, m move, wait uint32) []Step {
	b := &builder{group: 1}
	b.add(Step{
		Phase: PhaseDecide, Action: ActPreflight, Risk: R0, Site: m.To,
		Title: "Look at the world once more", Why: "the plan holds only for the world it was made from",
	})
	lowerTTLs(b, p, wait)
	leftSideOptional := p.Kind == Failover && p.Mode == Forced
	if p.Kind == Failback {
		turnRound(b, m)
	}
	fence(b, m, leftSideOptional)
	promote(b, m)
	pointNames(b, p, m.To)
	feed(b, m, leftSideOptional)
	proveUsers(b, p, m.To)
	reprotect(b, m)
	restoreTTLs(b, p)
	return b.steps
}

// lowerTTLs makes the last old answers short ones, while users stay where they are.
func lowerTTLs(b *builder, p *Plan, wait uint32) {
	if wait == 0 {
		return
	}
	b.next()
	for _, z := range p.Lower {
		b.add(Step{
			Phase: PhasePrepare, Action: ActLowerTTL, Risk: R2, Zone: z.Zone, Provider: z.Provider,
			Title: fmt.Sprintf("Lower the TTL of %d record sets of %s", len(z.Changes), z.where()), Undo: "write the exact previous TTLs",
			Why: "then resolvers forget the old answer soon after the switch",
		})
	}
	b.next()
	b.add(Step{
		Phase: PhasePrepare, Action: ActWaitTTL, Risk: R0, WaitS: wait,
		Title: fmt.Sprintf("Wait %d s until the old TTLs have run out", wait), Why: "what was looked up before the TTL was lowered is still remembered",
	})
}

// restoreTTLs comes with the commit: until then the way back is short.
func restoreTTLs(b *builder, p *Plan) {
	b.next()
	for _, z := range p.Restore {
		b.add(Step{
			Phase: PhaseCommit, Action: ActRestoreTTL, Risk: R2, Zone: z.Zone, Provider: z.Provider,
			Title: fmt.Sprintf("Restore the TTL of %d record sets of %s", len(z.Changes), z.where()), Undo: "write the short TTLs again",
			Why: "once the run is committed",
		})
	}
}

// turnRound makes the site that will take over follow the one that serves, and
// brings it level while users stay where they are (failback only).
func turnRound(b *builder, m move) {
	b.next()
	for _, k := range m.platforms() {
		for _, c := range m.shared(k) {
			b.add(Step{
				Phase: PhaseReprotect, Action: ActReprotect, Risk: R3, Site: m.To, Peer: m.from(k), Platform: k, Component: c.Name,
				Title: fmt.Sprintf("%s: %s/%s follows %s", m.To, k, c.Name, m.from(k)), Why: "what was written while away must come home first",
			})
		}
	}
	if m.Data {
		for _, c := range m.ofKind(m.To, KafkaConnect) {
			if len(c.Mirrors[m.DataFrom]) > 0 {
				b.add(Step{
					Phase: PhaseReprotect, Action: ActReprotect, Risk: R2, Site: m.To, Peer: m.DataFrom, Platform: Data, Component: c.Name,
					Title: fmt.Sprintf("%s: mirror Kafka from %s", m.To, m.DataFrom), Why: "records received while away must come home first",
				})
			}
		}
	}
	b.next()
	catchUp(b, m, PhaseReprotect, false, "Wait until %s has what %s has (%s)")
}

func catchUp(b *builder, m move, phase Phase, optional bool, title string) {
	for _, k := range m.platforms() {
		for _, c := range m.shared(k) {
			b.add(Step{
				Phase: phase, Action: ActCatchUp, Risk: R0, Site: m.To, Peer: m.from(k), Platform: k, Component: c.Name, BestEffort: optional,
				Title: fmt.Sprintf(title, m.To, m.from(k), string(k)+"/"+c.Name),
			})
		}
	}
	if !m.Data {
		return
	}
	for _, c := range m.ofKind(m.To, KafkaConnect) {
		if len(c.Mirrors[m.DataFrom]) > 0 {
			b.add(Step{
				Phase: phase, Action: ActCatchUp, Risk: R0, Site: m.To, Peer: m.DataFrom, Platform: Data, Component: c.Name, BestEffort: optional,
				Title: fmt.Sprintf(title, m.To, m.DataFrom, "data/kafka"),
			})
		}
	}
}

// fence stops the side that is left from writing, and takes its last word.
func fence(b *builder, m move, optional bool) {
	if m.Data {
		b.next()
		for _, f := range m.Topology.Feeds {
			b.add(Step{
				Phase: PhaseFence, Action: ActCutFeed, Risk: R3, Site: m.DataFrom, Feed: f.Name,
				Title: fmt.Sprintf("Cut upstream %s from %s", f.Name, m.DataFrom), Undo: "attach it to " + m.DataFrom + " again",
				Why: "no message may arrive at two sites",
			})
		}
		b.next()
		for _, c := range m.ofKind(m.DataFrom, Flink) {
			if c.Job != "" {
				b.add(Step{
					Phase: PhaseFence, Action: ActStopIngest, Risk: R3, Site: m.DataFrom, Platform: Data, Component: c.Name, BestEffort: optional,
					Title: fmt.Sprintf("Stop the ingest job of %s with a savepoint", m.DataFrom), Undo: "start it again from the savepoint",
				})
			}
		}
	}
	b.next()
	for _, k := range m.platforms() {
		for _, c := range m.stores(m.from(k), k) {
			b.add(Step{
				Phase: PhaseFence, Action: ActDemote, Risk: R3, Site: m.from(k), Peer: m.To, Platform: k, Component: c.Name, BestEffort: optional,
				Title: fmt.Sprintf("Fence %s: %s/%s refuses writes", m.from(k), k, c.Name), Undo: "make it writable again",
			})
		}
	}
	b.next()
	catchUp(b, m, PhaseFence, optional, "Final sync: %s takes the last of %s (%s)")
}

// promote makes the target's stores the writable ones.
func promote(b *builder, m move) {
	b.next()
	for _, k := range m.platforms() {
		for _, c := range m.stores(m.To, k) {
			b.add(Step{
				Phase: PhaseSwitch, Action: ActPromote, Risk: R4, Site: m.To, Peer: m.from(k), Platform: k, Component: c.Name,
				Title: fmt.Sprintf("Promote %s: %s/%s becomes the writable one", m.To, k, c.Name), Undo: "make it follow " + m.from(k) + " again",
			})
		}
	}
}

// pointNames moves the names as soon as there is somewhere to go: users do not wait
// for the feeds.
func pointNames(b *builder, p *Plan, to string) {
	canarySteps(b, p, to)
	b.next()
	for _, z := range p.DNS {
		if z = p.part(z, false); len(z.Changes) == 0 {
			continue
		}
		b.add(Step{
			Phase: PhaseSwitch, Action: ActSwitchDNS, Risk: R3, Site: to, Zone: z.Zone, Provider: z.Provider, AnyOf: z.anyOf(),
			Title: fmt.Sprintf("Point %d record sets of %s at %s", len(z.Changes), z.where(), to), Undo: "write the exact previous values and TTLs", OnFail: p.OnFailedWrite,
		})
	}
	b.next()
}

// feed gives the target the upstream: mirroring into it ends and the cut is marked,
// its ingest job runs, and only then do messages arrive.
func feed(b *builder, m move, optional bool) {
	if !m.Data {
		return
	}
	for _, c := range m.ofKind(m.To, KafkaConnect) {
		if len(c.Mirrors[m.DataFrom]) > 0 {
			b.add(Step{
				Phase: PhaseSwitch, Action: ActStopMirror, Risk: R2, Site: m.To, Peer: m.DataFrom, Platform: Data, Component: c.Name, BestEffort: optional,
				Title: fmt.Sprintf("Stop mirroring Kafka from %s to %s, mark the cut", m.DataFrom, m.To), Undo: "resume the mirror",
			})
		}
	}
	b.next()
	for _, c := range m.ofKind(m.To, Flink) {
		if c.Job != "" {
			b.add(Step{
				Phase: PhaseSwitch, Action: ActStartIngest, Risk: R3, Site: m.To, Peer: m.DataFrom, Platform: Data, Component: c.Name,
				Title: fmt.Sprintf("Start the ingest job at %s", m.To), Undo: "stop it",
			})
		}
	}
	b.next()
	for _, f := range m.Topology.Feeds {
		b.add(Step{
			Phase: PhaseSwitch, Action: ActAttachFeed, Risk: R3, Site: m.To, Peer: m.DataFrom, Feed: f.Name,
			Title: fmt.Sprintf("Attach upstream %s to %s", f.Name, m.To), Undo: "detach it",
		})
	}
}

// proveUsers asks every authoritative server, asks as users do, and waits for resolvers to forget the old answer.
func proveUsers(b *builder, p *Plan, to string) {
	if len(p.DNS) == 0 {
		return
	}
	b.next()
	alone := false
	for _, z := range p.DNS {
		if len(z.Also) == 0 {
			alone = true
			continue
		}
		b.add(Step{
			Phase: PhasePropagate, Action: ActVerifyAuthoritative, Risk: R0, Site: to, Zone: z.Zone, Provider: z.Provider, AnyOf: z.anyOf(),
			Title: fmt.Sprintf("Every authoritative server of %s answers with %s", z.where(), to),
		})
	}
	if alone {
		b.add(Step{
			Phase: PhasePropagate, Action: ActVerifyAuthoritative, Risk: R0, Site: to,
			Title: "Every authoritative server answers with " + to,
		})
	}
	b.add(Step{Phase: PhaseVerify, Action: ActVerifyUsers, Risk: R0, Site: to, Title: "Every name is served by the gateway of " + to})
	b.add(Step{Phase: PhasePropagate, Action: ActVerifyResolvers, Risk: R0, Site: to, BestEffort: true, Title: "Watched resolvers forget the old answer"})
}

// reprotect makes every other site follow the new writer, as far as it answers.
func reprotect(b *builder, m move) {
	if !m.Business && !m.Data {
		return
	}
	b.next()
	for _, s := range m.Topology.Sites {
		if s.Name == m.To {
			continue
		}
		for _, k := range m.platforms() {
			for _, c := range m.stores(s.Name, k) {
				if _, ok := m.Topology.Counterpart(m.To, k, c.Name); !ok {
					continue
				}
				b.add(Step{
					Phase: PhaseReprotect, Action: ActReprotect, Risk: R3, Site: s.Name, Peer: m.To, Platform: k, Component: c.Name, BestEffort: true,
					Title: fmt.Sprintf("Re-protect: %s/%s/%s follows %s", s.Name, k, c.Name, m.To),
				})
			}
		}
		if !m.Data {
			continue
		}
		for _, c := range m.ofKind(s.Name, KafkaConnect) {
			if len(c.Mirrors[m.To]) > 0 {
				b.add(Step{
					Phase: PhaseReprotect, Action: ActReprotect, Risk: R2, Site: s.Name, Peer: m.To, Platform: Data, Component: c.Name, BestEffort: true,
					Title: fmt.Sprintf("Re-protect: %s mirrors Kafka from %s", s.Name, m.To),
				})
			}
		}
	}
}
