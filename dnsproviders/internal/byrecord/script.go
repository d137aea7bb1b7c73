package byrecord

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
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
	canon, err := armed.Check(changes)
	if err != nil {
		return "", err
	}
	h, ok := armed.Handle.(*held)
	if !ok || armed.Zone != dnsproviders.CanonicalName(zone) {
		return "", fmt.Errorf("what is held ready is of %s or of another provider", armed.Zone)
	}
	m := index(h.recs)
	if bad := append(guard(m, canon), compare(m, canon, e.Standard)...); len(bad) > 0 {
		return "", errors.New(several(bad, len(canon)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s# Records as they were at %s; there is no comparison in these commands.\n", p.Preface(), armed.At.UTC().Format("2006-01-02T15:04:05Z"))
	r := &run{e: e, units: units(m, canon, e.Standard)}
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

// shell quotes the words of a command for a POSIX shell.
func shell(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		if w == "" || strings.ContainsFunc(w, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.:/@,=", r)
		}) {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		out[i] = w
	}
	return strings.Join(out, " ")
}
