package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/link"
)

// Fault kinds. The first five are modes of a link; the rest are up to the target.
const (
	KindDown      = "down"
	KindRefuse    = "refuse"
	KindBlackhole = "blackhole"
	KindOneWay    = "one-way"
	KindSlow      = "slow"

	KindReadOnly  = "read-only"
	KindLagging   = "lagging"
	KindDiskAlarm = "disk-alarm"
	KindJobFailed = "job-failed"
	KindDiverge   = "diverge"
)

// slowBy is what KindSlow adds in each direction. One round trip is then slower than
// the sandbox's slow_after; the six of a long conversation still fit its probe timeout, on a loaded machine too.
const slowBy = 50 * time.Millisecond

// lagBy is how far KindLagging holds replication or mirroring back.
const lagBy = 30 * time.Second

// modes of links, the most severe first: it wins where several faults meet.
var modes = []struct {
	kind string
	mode link.Mode
}{
	{KindDown, link.Down},
	{KindRefuse, link.Refuse},
	{KindBlackhole, link.Blackhole},
	{KindOneWay, link.OneWay},
	{KindSlow, link.Slow(slowBy)},
}

// switchable is something that a fault acts on besides links: kind -> how.
type switchable map[string]func(on bool) error

// wire is a link and the targets whose faults it suffers.
type wire struct {
	link    *link.Link
	targets []string
}

// part is one target that can be broken.
type part struct {
	target string
	kinds  []string // of the links in front of it
	own    switchable
}

// registry holds the faults in force and puts them on. Safe for concurrent use.
type registry struct {
	mu     sync.Mutex
	parts  []part // in order; sites and platforms come before what is in them
	wires  []wire
	active []*activeFault
	closed bool
	// changed is told every change, for the log.
	changed func(f Fault, on bool)
	// put is told every fault once its links and switches are set.
	put func(f Fault) error
	// lifting is told every fault that ends, while its links still hold.
	lifting func(f Fault) error
}

type activeFault struct {
	Fault
	until time.Time // zero = until healed
	timer *time.Timer
}

// UnknownError says that a fault names something that does not exist. Its text
// lists what does.
type UnknownError struct {
	What string   // "target", "kind"
	Name string   // what was asked for
	Have []string // what there is
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s %q is not known; there is %s", e.What, e.Name, strings.Join(e.Have, ", "))
}

// within says whether target is outer, or something in it.
func within(target, outer string) bool {
	return target == outer || strings.HasPrefix(target, outer+"/")
}

func (r *registry) targets() []string {
	out := make([]string, 0, len(r.parts))
	for _, p := range r.parts {
		out = append(out, p.target)
	}
	return out
}

// takes says whether a fault of the kind can be put on the target: on itself, or,
// for a site or platform, on anything in it.
func (r *registry) takes(target, kind string) bool {
	return slices.ContainsFunc(r.parts, func(p part) bool { return p.target == target && p.takes(kind) })
}

func (p part) takes(kind string) bool {
	return slices.Contains(p.kinds, kind) || p.own[kind] != nil
}

func (r *registry) kindsOf(target string) []string {
	var out []string
	for _, k := range kindOrder {
		if r.takes(target, k.Kind) {
			out = append(out, k.Kind)
		}
	}
	return out
}

func (r *registry) inject(f Fault) error {
	var until time.Time
	var d time.Duration
	if f.For != "" {
		var err error
		if d, err = time.ParseDuration(f.For); err != nil || d <= 0 {
			return fmt.Errorf("duration %q: expected something like 30s or 2m", f.For)
		}
		until = time.Now().Add(d)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errors.New("the sandbox is closed")
	}
	if !slices.Contains(r.targets(), f.Target) {
		return &UnknownError{"target", f.Target, r.targets()}
	}
	if !r.takes(f.Target, f.Kind) {
		return &UnknownError{"kind", f.Kind, r.kindsOf(f.Target)}
	}
	a := &activeFault{Fault: f, until: until}
	if d > 0 {
		a.timer = time.AfterFunc(d, func() { r.expire(a) })
	}
	if i := slices.IndexFunc(r.active, func(o *activeFault) bool { return o.Target == f.Target && o.Kind == f.Kind }); i >= 0 {
		r.active[i].stop()
		r.active[i] = a
		return nil // in force already; only its end has moved
	}
	r.active = append(r.active, a)
	err := r.apply(f, true)
	if err == nil && r.put != nil {
		err = r.put(f)
	}
	if err != nil {
		r.active = r.active[:len(r.active)-1]
		a.stop()
		return errors.Join(fmt.Errorf("fault %s on %s: %w", f.Kind, f.Target, err), r.apply(f, false))
	}
	r.tell(f, true)
	return nil
}

func (a *activeFault) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

// expire ends a fault whose time is over, unless it was healed or prolonged meanwhile.
func (r *registry) expire(a *activeFault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.active, a); i >= 0 && !r.closed {
		r.active = slices.Delete(r.active, i, i+1)
		_ = r.lift(a.Fault) // nobody is there to be told; heal reports
		r.tell(a.Fault, false)
	}
}

func (r *registry) tell(f Fault, on bool) {
	if r.changed != nil {
		r.changed(f, on)
	}
}

// heal ends the faults of a target and of all in it; "" ends all.
func (r *registry) heal(target string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if target != "" && !slices.Contains(r.targets(), target) {
		return &UnknownError{"target", target, r.targets()}
	}
	var kept, gone []*activeFault
	for _, a := range r.active {
		if target == "" || within(a.Target, target) {
			gone = append(gone, a)
		} else {
			kept = append(kept, a)
		}
	}
	r.active = kept
	var errs []error
	for _, a := range gone {
		a.stop()
		if err := r.lift(a.Fault); err != nil {
			errs = append(errs, fmt.Errorf("heal %s of %s: %w", a.Kind, a.Target, err))
		}
		r.tell(a.Fault, false)
	}
	return errors.Join(errs...)
}

// lift opens the links and sets back the switches of a fault that is off the list.
func (r *registry) lift(f Fault) error {
	var err error
	if r.lifting != nil {
		err = r.lifting(f)
	}
	return errors.Join(err, r.apply(f, false))
}

// apply brings everything that a fault touches in line with the faults in force.
func (r *registry) apply(f Fault, on bool) error {
	var errs []error
	for _, w := range r.wires {
		if slices.ContainsFunc(w.targets, func(t string) bool { return within(t, f.Target) }) {
			w.link.Set(r.mode(w.targets))
		}
	}
	for _, p := range r.parts {
		if act := p.own[f.Kind]; act != nil && within(p.target, f.Target) {
			if still := r.suffers(p.target, f.Kind); still == on {
				errs = append(errs, act(on))
			}
		}
	}
	return errors.Join(errs...)
}

// suffers says whether a fault of the kind is in force on the target or around it.
func (r *registry) suffers(target, kind string) bool {
	return slices.ContainsFunc(r.active, func(a *activeFault) bool {
		return a.Kind == kind && within(target, a.Target)
	})
}

// mode is the most severe of the link faults on any of the targets.
func (r *registry) mode(targets []string) link.Mode {
	for _, m := range modes {
		for _, t := range targets {
			if r.suffers(t, m.kind) {
				return m.mode
			}
		}
	}
	return link.Pass
}

// list is what is in force; For is the time that is left.
func (r *registry) list() []Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Fault, 0, len(r.active))
	for _, a := range r.active {
		f := a.Fault
		if !a.until.IsZero() {
			f.For = max(0, time.Until(a.until)).Round(100 * time.Millisecond).String()
		}
		out = append(out, f)
	}
	return out
}

// close forgets the faults without healing: everything is about to end anyway.
func (r *registry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, a := range r.active {
		a.stop()
	}
}

// addWire puts a link under the faults of the targets.
func (r *registry) addWire(l *link.Link, targets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wires = append(r.wires, wire{l, targets})
}

// addPart makes a target known.
func (r *registry) addPart(p part) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parts = append(r.parts, p)
}
