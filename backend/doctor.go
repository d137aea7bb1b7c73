package backend

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/failoverplan"
)

// Check states.
const (
	CheckOK   = "ok"
	CheckWarn = "warn"
	CheckFail = "fail"
)

// maxTTL is the longest TTL, in seconds, at which a failover is still quick.
const maxTTL = 60

// Doctor answers "could I fail over right now?" by looking at everything a failover
// needs: state directory, journal, secrets, DNS providers, servers, a fit standby.
func (e *Engine) Doctor(ctx context.Context) ([]Check, error) {
	st, err := e.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	var cs []Check
	add := func(name, state, detail, fix string) {
		if state == CheckOK {
			fix = ""
		}
		cs = append(cs, Check{Name: name, State: state, Detail: detail, Fix: fix})
	}
	e.doctorJournal(ctx, add)
	e.doctorSecrets(add)
	e.doctorTLS(e.mon.Snapshot(), add)
	e.doctorDNS(ctx, st, add)
	for _, f := range st.Feeds {
		if f.Known {
			add("feed "+f.Name, CheckOK, "attached to "+orNobody(f.Attached), "")
		} else {
			add("feed "+f.Name, CheckFail, "its switch does not answer", "without it a data-down failover cannot cut the feed: check upstreams."+f.Name+".switch.url")
		}
	}
	e.doctorTarget(ctx, st, add)
	clocksOff := false
	for _, w := range st.Warnings {
		fix := "set the clocks of both (chrony or ntpd); compare no times of logs or records until then"
		if w.Kind != WarnClock {
			fix = "find out who replaced or emptied it, and whether its counterpart still has the data, before anything is switched to it"
		}
		clocksOff = clocksOff || w.Kind == WarnClock
		add(w.Kind+" "+cmp.Or(w.Target, "of this console"), CheckWarn, w.Text, fix)
	}
	if !clocksOff {
		for _, d := range st.Clocks {
			add("clock "+d.Between[0]+", "+d.Between[1], CheckOK, fmt.Sprintf("%+.2f ms (within %.2f)", d.DifferenceMS, d.ErrorMS), "")
		}
	}
	if st.Run != nil {
		add("lease", CheckWarn, "held by "+st.Run.Holder, "wait for the run to end, or `dutyops runs watch "+st.Run.ID+"`")
	} else {
		add("lease", CheckOK, "free", "")
	}
	for _, o := range st.Overrides {
		if o.Kind == OverrideLeftOut {
			add("left out "+o.Target, CheckWarn, fmt.Sprintf("it does not point where users are: %s, by %s", o.Reason, o.Owner), "put the record right, then move it with the next failover or failback")
			continue
		}
		add(o.Kind, CheckFail, fmt.Sprintf("%s, by %s until %s", o.Reason, o.Owner, o.Expires.Local().Format("15:04:05")), "`dutyops unpause --reason …`")
	}
	return cs, nil
}

type addCheck func(name, state, detail, fix string)

func (e *Engine) doctorJournal(ctx context.Context, add addCheck) {
	if e.journal == nil {
		add("journal", CheckFail, e.journalErr.Error(), "nothing is done without a journal")
		return
	}
	n, err := e.journal.Verify(ctx)
	if err != nil {
		add("journal", CheckFail, err.Error(), "keep the file as evidence, move it away, and find out who changed it")
		return
	}
	add("journal", CheckOK, fmt.Sprintf("%s, %d entries, hash chain unbroken", e.journal.Dir(), n), "")
}

// doctorSecrets resolves every secret without showing one.
func (e *Engine) doctorSecrets(add addCheck) {
	var bad []string
	n := 0
	try := func(where string, s config.Secret) {
		if s == "" {
			return
		}
		n++
		if _, err := s.Resolve(); err != nil {
			bad = append(bad, where+": "+err.Error())
		}
	}
	for _, p := range e.cfg.DNS.Providers {
		for _, x := range []config.Secret{p.Token, p.KeySecret, p.AccessKeyID.Reference(), p.AccessKeySecret, p.APIKey, p.SecretAccessKey} {
			try("dns provider "+p.Name, x)
		}
	}
	for _, u := range e.cfg.Upstreams {
		try("upstream "+u.Name, u.Switch.Token)
	}
	for _, s := range e.cfg.Sites {
		for _, p := range []config.Platform{s.Business, s.Data} {
			for _, c := range p.Components {
				for _, x := range []config.Secret{c.Password, c.APIKey, c.Control.Password, c.Control.APIKey, c.Replication.Password} {
					try(s.Name+"/"+c.Name, x)
				}
			}
		}
	}
	if len(bad) > 0 {
		add("secrets", CheckFail, strings.Join(bad, "; "), "make the references readable for the user that runs dutyops")
		return
	}
	add("secrets", CheckOK, fmt.Sprintf("%d references can be read", n), "")
}

func (e *Engine) doctorDNS(ctx context.Context, st *Status, add addCheck) {
	live, problems := e.dns.Live(ctx, e.topo.Domains)
	for _, z := range e.cfg.DNS.Zones {
		if why, bad := problems[z.Name]; bad {
			add("dns zone "+z.Name, CheckFail, why, "test the credential of provider "+z.Provider+"; without it nothing can be switched")
			continue
		}
		worst := uint32(0)
		for _, s := range live[z.Name] {
			worst = max(worst, s.TTL)
		}
		if worst > maxTTL {
			add("dns zone "+z.Name, CheckWarn, fmt.Sprintf("read %d record sets through %s; the longest TTL is %d s", len(live[z.Name]), z.Provider, worst), fmt.Sprintf("lower the TTL to %d s or less ahead of time: users keep an old answer that long", maxTTL))
			continue
		}
		add("dns zone "+z.Name, CheckOK, fmt.Sprintf("read %d record sets through %s, longest TTL %d s", len(live[z.Name]), z.Provider, worst), "")
	}
	for _, z := range e.zonesReady() {
		name := "armed " + z.Zone + " at " + z.Provider
		switch {
		case z.Probe.Can && !z.Probe.At.IsZero() && !z.Probe.OK:
			add(name, CheckFail, "the last write probe failed: "+z.Probe.Detail, "mend the cause, then `dutyops dns arm --probe-write`")
		case z.Armable && !z.Fresh:
			add(name, CheckWarn, z.Why, "`dutyops dns arm`; a switch reads the zone first")
		case z.Armable:
			add(name, CheckOK, fmt.Sprintf("%d record sets read %.0f s ago, a switch reads nothing first", z.Sets, z.AgeS), "")
		}
	}
	silent := map[string]string{}
	answered := map[string]bool{}
	for _, d := range st.Domains {
		for _, a := range append(append([]ServerAnswer{}, d.Authoritative...), d.Resolvers...) {
			if a.Error != "" {
				silent[a.Server] = a.Error
			} else {
				answered[a.Server] = true
			}
		}
	}
	for s, why := range silent {
		if !answered[s] {
			add("dns server "+s, CheckWarn, why, "a switch cannot be verified there")
		}
	}
	if len(answered) > 0 {
		add("dns servers", CheckOK, fmt.Sprintf("%d servers and resolvers answer", len(answered)), "")
	} else {
		add("dns servers", CheckFail, "no authoritative server and no resolver answers", "check the path from here to the DNS servers")
	}
}

// doctorTarget makes the plan that a failover would run now and looks at its gates.
func (e *Engine) doctorTarget(ctx context.Context, st *Status, add addCheck) {
	plan, err := e.Plan(ctx, PlanRequest{Kind: failoverplan.Failover})
	if err != nil {
		add("plan", CheckFail, err.Error(), "`dutyops plan failover` shows more")
		return
	}
	for _, g := range plan.Blocked() {
		add("gate "+g.Gate, CheckFail, g.Evidence, g.ClearsWhen)
	}
	if len(plan.Blocked()) == 0 {
		add("plan", CheckOK, fmt.Sprintf("failover from %s to %s: %d record sets, %d steps, every gate passed", st.ServingSite, plan.To, plan.Records(), len(plan.Steps)), "")
	}
}
