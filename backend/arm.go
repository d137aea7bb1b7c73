package backend

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/switching"
	"github.com/dutyops/dutyops/failoverplan"
)

// ZoneReady is how ready a zone is to be switched at one of its providers.
type ZoneReady struct {
	switching.Readiness
	// Twin: a further provider of the zone, kept equal with the first.
	Twin bool `json:"twin,omitempty"`
	// Differs lists record sets that are not as at the zone's first provider.
	Differs []string `json:"differs,omitempty"`
}

// Readiness is what is held ready for a switch, zone by zone.
type Readiness struct {
	At    time.Time   `json:"at"`
	Zones []ZoneReady `json:"zones"`
	// RollBack says whether the switch that a failover would make now could be taken back.
	RollBack failoverplan.WayBack `json:"roll_back"`
	// To is the site that a failover would go to now, "" when there is no plan.
	To string `json:"to,omitempty"`
	// Notes say what was put away by another process and left out, and why.
	Notes []string `json:"notes"`
}

// armedFile is where a process puts away what it holds ready, below the state directory.
const armedFile = "armed.json"

func (e *Engine) armedPath() string {
	if e.opts.StateDir == "" {
		return ""
	}
	return filepath.Join(e.opts.StateDir, armedFile)
}

// recallArmed takes up what another process has put away.
func (e *Engine) recallArmed() {
	if p := e.armedPath(); p != "" {
		e.armNotes = e.dns.Recall(p)
	}
	for _, n := range e.armNotes {
		e.event("dns", "warn", "", "%s", n)
	}
}

// keepArmed puts away what is held ready. Losing it costs a later process one request a zone.
func (e *Engine) keepArmed() {
	p := e.armedPath()
	if p == "" || e.journal == nil {
		return
	}
	if err := e.dns.Keep(p); err != nil {
		e.log.Warn("what is armed cannot be kept", slog.Any("err", err))
	}
}

// dropArmed takes away what was put away, before a write makes it old.
func (e *Engine) dropArmed() error {
	p := e.armedPath()
	if p == "" {
		return nil
	}
	if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("what is armed cannot be taken back: %w", err)
	}
	return nil
}

// HoldReady is ArmDNS, and then what a console does in the background (dns.armed) until ctx
// ends or no provider can be armed: later readings do not accept what differs from the first,
// so drift stays in sight. told gets the state after every reading, one call at a time; its
// error ends it. No zone is read while a run is on its way.
func (e *Engine) HoldReady(ctx context.Context, told func(Readiness) error) error {
	r, err := e.ArmDNS(ctx, false)
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		err = told(r)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	read, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		e.watchArmed(ctx, func() {
			select {
			case read <- struct{}{}:
			default: // the state that is told next has this reading, too
			}
		})
	}()
	defer func() { cancel(); <-ended }()
	for {
		select {
		case <-ended:
			return nil
		case <-read:
		}
		r, err := e.Readiness(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = told(r)
		}
		if err != nil {
			return err
		}
	}
}

// watchArmed keeps what is held ready fresh until ctx ends; read is called after a reading,
// by a goroutine for each provider.
func (e *Engine) watchArmed(ctx context.Context, read func()) {
	a := e.cfg.DNS.Armed
	e.dns.Watch(ctx, e.topo.Domains, switching.WatchOptions{
		Every: a.Every.D(), ProbeWrite: a.ProbeWrite.D(), Jitter: rand.Float64,
		Busy:    func() bool { return e.runNow(ctx) != nil },
		Changed: func() { e.keepArmed(); read() },
	})
}

// ArmDNS reads every zone at every provider that can be armed and holds it ready; with
// probe it also writes one record set of each as it is. What failed is in the answer.
func (e *Engine) ArmDNS(ctx context.Context, probe bool) (Readiness, error) {
	if probe {
		if _, err := e.acting(); err != nil {
			return Readiness{}, err
		}
		if r := e.runNow(ctx); r != nil {
			return Readiness{}, fmt.Errorf("%w: run %s is on its way (%s): no write is tried meanwhile", ErrLease, r.ID, r.Holder)
		}
		if p := e.pauseNow(ctx); p != nil {
			return Readiness{}, fmt.Errorf("%w: all actions are paused: %s (by %s); `dutyops unpause --reason …` clears it", ErrRefused, p.Reason, p.Owner)
		}
	}
	e.dns.Arm(ctx, e.topo.Domains)
	e.dns.Accept(e.topo.Domains)
	if probe {
		e.dns.ProbeWrites(ctx, e.topo.Domains)
	}
	e.keepArmed()
	r, err := e.Readiness(ctx)
	e.wake()
	return r, err
}

// Readiness says how ready every zone is. It asks no provider for what is held fresh.
func (e *Engine) Readiness(ctx context.Context) (Readiness, error) {
	r := Readiness{At: e.now(), Zones: e.zonesReady(), Notes: append([]string{}, e.armNotes...)}
	if p, err := e.Plan(ctx, PlanRequest{Kind: failoverplan.Failover}); err != nil {
		r.RollBack.Because = []string{err.Error()}
	} else {
		r.To = p.To
		if p.WayBack != nil {
			r.RollBack = *p.WayBack
		}
	}
	r.Zones = e.zonesReady() // planning reads what was not fresh
	return r, ctx.Err()
}

func (e *Engine) zonesReady() []ZoneReady {
	out := []ZoneReady{}
	for _, z := range e.dns.Readiness(e.topo.Domains) {
		zr := ZoneReady{Readiness: z}
		if c, ok := e.cfg.ZoneNamed(z.Zone); ok && c.Provider != z.Provider {
			zr.Twin = true
			zr.Differs = e.dns.Differences(z.Zone, c.Provider, z.Provider)
		}
		out = append(out, zr)
	}
	return out
}

// wayBack checks the inverse of a plan's changes with the guards that a switch has.
func (e *Engine) wayBack(p *failoverplan.Plan) *failoverplan.WayBack {
	w := &failoverplan.WayBack{Because: []string{}}
	for _, z := range p.DNS {
		if err := e.dns.Check(e.dns.Invert(z)); err != nil {
			w.Because = append(w.Because, err.Error())
		}
	}
	e.mu.Lock()
	sit := e.situation
	e.mu.Unlock()
	for _, g := range failoverplan.RollbackGates(e.topo, sit, p, e.limits(), len(p.DNS) > 0, false) {
		if !g.Passed {
			w.Because = append(w.Because, fmt.Sprintf("%s: %s; clears when %s", g.Gate, g.Evidence, g.ClearsWhen))
		}
	}
	w.Ready, w.Records = len(w.Because) == 0, p.Records()
	return w
}

// fingerprint tells two configurations of a provider apart. References to secrets are
// part of it, secrets are not.
func fingerprint(p config.Provider) string {
	p.Timeout, p.Budget, p.Rate = 0, 0, 0 // they change nothing of what was read
	return shortHash(fmt.Sprintf("%#v", p))
}

// notice shows what a zone's write waits for: in the events, and in the step of the run.
func (e *Engine) notice(zone, provider, text string, event bool) {
	if event {
		e.event("dns", "warn", zone, "%s at %s: %s", zone, provider, text)
	}
	e.mu.Lock()
	tell := e.tellers[zone+" "+provider]
	e.mu.Unlock()
	if tell != nil {
		tell(text)
	}
}

// telling has notices of a zone at a provider shown by tell until the returned func is called.
func (e *Engine) telling(zone, provider string, tell func(string)) (end func()) {
	k := zone + " " + provider
	e.mu.Lock()
	e.tellers[k] = tell
	e.mu.Unlock()
	return func() {
		e.mu.Lock()
		delete(e.tellers, k)
		e.mu.Unlock()
	}
}

// rearm reads a zone again in the background, so that the way back is one request, too.
func (e *Engine) rearm(zone string) {
	var ds []failoverplan.Domain
	for _, d := range e.topo.Domains {
		if strings.EqualFold(d.Zone, zone) {
			ds = append(ds, d)
		}
	}
	e.background.Go(func() {
		ctx, cancel := context.WithTimeout(e.life, 20*time.Second)
		defer cancel()
		e.dns.Arm(ctx, ds)
		e.keepArmed()
		e.wake()
	})
}

// pictures are the zones as they were armed. What another process has put away meanwhile
// is taken up; what is from before the last switch says nothing any more.
func (e *Engine) pictures(ctx context.Context) []failoverplan.Armed {
	if p := e.armedPath(); p != "" && e.journal != nil {
		_ = e.dns.Recall(p) // why it cannot be read was told when the engine was opened
	}
	return e.dns.Pictures(e.topo.Domains, e.lastMoved(ctx))
}

// lastMoved is when the last run that may have written names ended or, with no end, began.
func (e *Engine) lastMoved(ctx context.Context) time.Time {
	rs, err := e.Runs(ctx)
	if err != nil {
		return time.Time{} // without a journal nothing is done anyway
	}
	var last time.Time
	for _, r := range rs {
		if r.State == RunRefused || r.State == RunCancelled || len(r.DNS.Zones) == 0 {
			continue
		}
		for _, at := range []time.Time{r.Started, r.Finished} {
			if at.After(last) {
				last = at
			}
		}
	}
	return last
}
