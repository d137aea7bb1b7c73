package byrecord

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/curl"
)

// Printer is an API whose requests can be printed as commands of the vendor's own
// command-line tool.
type Printer interface {
	// Preface says, as comment lines, which tool is needed and where it gets its key from.
	Preface() string
	// Command is one step; its words are not yet quoted.
	Command(zone string, s Step) []string
	// BatchCommand is many steps that set one value; nil when the API has no such request.
	BatchCommand(steps []Step) []string
}

// Script prints the changes as commands, in the order in which ApplyArmed would send
// them. It needs record ids, and so an Arming.
func (e *Engine) Script(p Printer, zone string, changes []dnsproviders.Change, armed *dnsproviders.Arming) (string, error) {
	if armed == nil {
		return "", errors.New("the commands need record ids and none are held ready: run dutyops dns arm while the API answers")
	}
	if armed.Zone != dnsproviders.CanonicalName(zone) {
		return "", fmt.Errorf("what is held ready is of %s", armed.Zone)
	}
	_, us, err := e.ground(*armed, changes)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/sh\n%s# Records as they were at %s; there is no comparison in these commands: look at the records first.\nset -e\n", p.Preface(), armed.At.UTC().Format("2006-01-02T15:04:05Z"))
	r := &run{e: e, units: us}
	if batcher, ok := e.API.(Batcher); ok {
		for _, g := range r.groups(batcher.BatchSize()) {
			steps := make([]Step, len(g))
			for i, x := range g {
				steps[i] = x.step()
			}
			b.WriteString(shell(p.BatchCommand(steps)) + "\n")
			r.units = nil
		}
	}
	for _, u := range r.units {
		for _, s := range u.steps {
			b.WriteString(shell(p.Command(armed.Zone, s)) + "\n")
		}
	}
	return b.String(), nil
}

// ground compares the changes with an arming and works out the steps; nothing is sent.
func (e *Engine) ground(a dnsproviders.Arming, changes []dnsproviders.Change) (*held, []*unit, error) {
	canon, err := a.Check(changes)
	if err != nil {
		return nil, nil, err
	}
	h, ok := a.Handle.(*held)
	if !ok {
		return nil, nil, errors.New("what is held ready is of another provider")
	}
	m := index(h.recs)
	if bad := append(guard(m, canon), compare(m, canon, e.Standard)...); len(bad) > 0 {
		return nil, nil, errors.New(several(bad, len(canon)))
	}
	return h, units(m, canon, e.Standard), nil
}

// Foretell is the arming that follows the changes; records that are created have no id yet.
func (e *Engine) Foretell(a dnsproviders.Arming, changes []dnsproviders.Change) (dnsproviders.Arming, error) {
	h, us, err := e.ground(a, changes)
	if err != nil {
		return dnsproviders.Arming{}, err
	}
	to, gone, created := map[string]Record{}, map[string]bool{}, 0
	for _, u := range us {
		for _, s := range u.steps {
			switch s.Verb {
			case Create:
				created++
			case Delete:
				gone[s.From.ID] = true
			case Update:
				to[s.From.ID] = s.To
			}
		}
	}
	if created > 0 {
		return dnsproviders.Arming{}, fmt.Errorf("%d records are created on the way there, and the provider gives their ids only then", created)
	}
	var recs []Record
	for _, r := range h.recs {
		if t, ok := to[r.ID]; ok {
			r = t
		}
		if !gone[r.ID] {
			recs = append(recs, r)
		}
	}
	next := dnsproviders.Arming{Zone: a.Zone, Names: a.Names, At: a.At}
	e.hold(&next, recs)
	return next, nil
}

// shell quotes the words of a command for a POSIX shell.
func shell(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = curl.Quote(w)
	}
	return strings.Join(out, " ")
}
