package switching

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/rfc2136"
	"github.com/dutyops/dutyops/failoverplan"
)

// Form is how a change is printed.
type Form string

// The forms: a shell script for the provider's own API, input for nsupdate, and a list for
// a person at the provider's web console.
const (
	FormShell    Form = "sh"
	FormNsupdate Form = "nsupdate"
	FormList     Form = "list"
)

// Part is one zone's change at one of its providers, printed in one form. It holds no secret.
type Part struct {
	Zone     string `json:"zone"`
	Provider string `json:"provider"`
	// Kind of the provider, as its card says.
	Kind string `json:"kind"`
	// Back: the way back, made after the way there.
	Back    bool   `json:"back"`
	Form    Form   `json:"form"`
	Records int    `json:"records"`
	Text    string `json:"text"`
	// Problem is why there is only a list; "" with the other forms.
	Problem string `json:"problem,omitempty"`
	// File is a name that tells the part from the plan's others; see FileName.
	File string `json:"file"`
}

// Way says for people which way the part goes.
func (p Part) Way() string {
	if p.Back {
		return "way back"
	}
	return "way there"
}

// FileName is a name for the part that tells it from the plan's others; n is the number of
// the zone's change in the plan.
func (p Part) FileName(n int) string {
	way := "there"
	if p.Back {
		way = "back"
	}
	ext := map[Form]string{FormShell: "sh", FormNsupdate: "nsupdate", FormList: "txt"}[p.Form]
	safe := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
				return r
			}
			return '_'
		}, s)
	}
	return fmt.Sprintf("%02d-%s-%s-%s.%s", n, safe(p.Zone), safe(p.Provider), way, ext)
}

// kindRFC2136 takes nsupdate's input by itself.
const kindRFC2136 = "rfc2136"

// Manual prints a zone's change, there and back, for a person whose tools have all failed:
// as the provider's own API takes it, and as input for nsupdate. The commands for an API
// come from what is held ready, however old; they say how old. Nothing is asked or sent.
func (s *Switch) Manual(zc failoverplan.ZoneChange) []Part {
	var out []Part
	kind := ""
	p := s.opt.Providers[zc.Provider]
	if p != nil {
		kind = p.Capabilities().Kind
	}
	for _, back := range []bool{false, true} {
		part := Part{Zone: dnsproviders.CanonicalName(zc.Zone), Provider: zc.Provider, Kind: kind, Back: back, Records: len(zc.Changes)}
		if kind != kindRFC2136 {
			api := part
			api.Form = FormShell
			text, err := s.script(zc, p, back)
			if err != nil {
				api.Form, api.Problem = FormList, oneLine(err.Error())
				text = list(direct(zc, back), api.Problem)
			}
			api.Text = text
			out = append(out, api)
		}
		part.Form, part.Text = FormNsupdate, s.nsupdate(direct(zc, back), kind)
		out = append(out, part)
	}
	return out
}

func direct(zc failoverplan.ZoneChange, back bool) failoverplan.ZoneChange {
	if back {
		return Invert(zc)
	}
	return zc
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func changesOf(zc failoverplan.ZoneChange) []dnsproviders.Change {
	out := make([]dnsproviders.Change, len(zc.Changes))
	for i, c := range zc.Changes {
		out[i] = toChange(c)
	}
	return out
}

// script asks the provider for its commands.
func (s *Switch) script(zc failoverplan.ZoneChange, p dnsproviders.Provider, back bool) (string, error) {
	sc, ok := p.(dnsproviders.Scripter)
	if !ok {
		return "", errors.New("this kind of provider has no commands that dutyops could print: it is reached through a library only")
	}
	s.mu.Lock()
	held := s.hold(place{dnsproviders.CanonicalName(zc.Zone), zc.Provider}).arming
	s.mu.Unlock()
	if held.At.IsZero() {
		return sc.Script(zc.Zone, changesOf(zc), nil)
	}
	if back {
		f, ok := p.(dnsproviders.Foreteller)
		if !ok {
			return "", errors.New("the way back can be printed only once the way there is made: run this again then")
		}
		next, err := f.Foretell(held, changesOf(zc))
		if err != nil {
			return "", fmt.Errorf("the way back cannot be printed beforehand: %w", err)
		}
		held, zc = next, Invert(zc)
	}
	return sc.Script(zc.Zone, changesOf(zc), &held)
}

// list is a change for a person at a web console.
func list(zc failoverplan.ZoneChange, why string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %d record sets of zone %s at %s, to be set by hand in the provider's own console.\n", len(zc.Changes), dnsproviders.CanonicalName(zc.Zone), zc.Provider)
	fmt.Fprintf(&b, "# No commands: %s\n", why)
	show := func(r failoverplan.RecordSet) string {
		if len(r.Values) == 0 {
			return "(absent)"
		}
		return fmt.Sprintf("%s TTL %d", strings.Join(r.Values, " "), r.TTL)
	}
	for _, c := range zc.Changes {
		name, typ := c.After.Name, c.After.Type
		if name == "" {
			name, typ = c.Before.Name, c.Before.Type
		}
		fmt.Fprintf(&b, "%s %s: %s -> %s\n", name, typ, show(c.Before), show(c.After))
	}
	return b.String()
}

// nsupdate prints a zone's change as input for nsupdate: the message that the provider
// rfc2136 sends, with the same comparison. The key is a file that nsupdate reads. A change
// that cannot be written so comes out as comments that say why.
func (s *Switch) nsupdate(zc failoverplan.ZoneChange, kind string) string {
	var b strings.Builder
	zone := dnsproviders.CanonicalName(zc.Zone)
	fmt.Fprintf(&b, "; %d record sets of zone %s. Save as FILE, then: nsupdate -v -k KEYFILE FILE\n", len(zc.Changes), oneLine(zone))
	b.WriteString("; All or nothing: NXRRSET or YXRRSET means that a record is not as planned, and nothing was changed.\n")
	commands, err := rfc2136.Commands(zone, changesOf(zc))
	if err != nil {
		fmt.Fprintf(&b, "; cannot be printed: %s\n", oneLine(err.Error()))
		return b.String()
	}
	if kind != kindRFC2136 {
		fmt.Fprintf(&b, "; Provider %s is of kind %s: use this where a server of yours takes dynamic updates of the zone.\n", zc.Provider, kind)
	}
	if z, ok := s.zones[zone]; ok {
		if sv := z.serversOf(zc.Provider); len(sv) > 0 {
			if host, port, err := net.SplitHostPort(sv[0].Addr); err == nil {
				fmt.Fprintf(&b, "; the zone's primary; correct it when updates go elsewhere\nserver %s %s\n", host, port)
			}
		}
	}
	b.WriteString(commands)
	b.WriteString("send\nanswer\n")
	return b.String()
}

// LastKnown is Readings for changes that dutyops prints and does not make: a provider that
// does not answer is shown as it was held ready, unless its servers have shown since that it
// is otherwise, or else as its authoritative servers answer. notes says so of each; a Reading
// keeps its Problem where nobody tells.
func (s *Switch) LastKnown(ctx context.Context, domains []failoverplan.Domain) (rs []Reading, notes []string) {
	rs = s.Readings(ctx, domains)
	for i, sp := range spots(domains, s.zones) { // in the order of Readings
		r := &rs[i]
		if r.Problem == "" {
			continue
		}
		from := "its authoritative servers"
		s.mu.Lock()
		if h := s.hold(sp.place); !h.arming.At.IsZero() && len(h.drift) == 0 && covers(h.arming.Names, sp.names) {
			r.Known, r.Sets, from = true, fromSets(h.arming.Sets), "the reading of "+h.arming.At.Local().Format("2006-01-02 15:04:05")
		}
		s.mu.Unlock()
		if r.Known {
			notes = append(notes, fmt.Sprintf("zone %s at %s is printed from %s, for the provider does not answer: %s", sp.zone, sp.provider, from, r.Problem))
			r.Problem = ""
		}
	}
	slices.Sort(notes)
	return rs, notes
}

// covers says whether all of some sorted names are among others that are sorted.
func covers(held, names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool {
		_, ok := slices.BinarySearch(held, n)
		return !ok
	})
}
