package switching

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dutyops/dutyops/dnsproviders/propagation"
)

// Board is the state of a verification: what everybody who answers for the names says,
// what is wrong, how far a change has come and when its tail ends. Immutable once returned.
type Board struct {
	At time.Time `json:"at"`
	// Rows are all answers, by server and set; in JSON they are the domains of `dns check`.
	Rows []Row `json:"-"`
	// Agreed of Total rows give the wanted answer.
	Agreed int `json:"agreed"`
	Total  int `json:"total"`
	// OldUntil is the latest of all rows; zero when none is old.
	OldUntil time.Time `json:"old_until,omitzero"`
	// Findings, worst first; never nil.
	Findings []Finding `json:"findings"`
	// Servers are the authoritative ones by zone, then the resolvers.
	Servers []ServerLine `json:"servers"`
	// Authoritative and Resolvers are how many answers of each are the wanted ones.
	Authoritative Share    `json:"authoritative"`
	Resolvers     Share    `json:"resolvers"`
	Forecast      Forecast `json:"forecast"`
	// Services is what users find at the names; absent when it is not asked for.
	Services *Services `json:"services,omitempty"`
	// Delegations of the zones that discover, by zone.
	Delegations []Delegation `json:"delegations,omitempty"`
}

// Bad tells whether users get no or wrong answers, or soon will.
func (b Board) Bad() bool {
	return slices.ContainsFunc(b.Findings, func(f Finding) bool { return f.Level == LevelBad })
}

// ServerLine is one server, for one zone when it is authoritative.
type ServerLine struct {
	Role   string `json:"role"` // authoritative, resolver
	Zone   string `json:"zone,omitempty"`
	Server string `json:"server"`
	// Host is the name server's name, when a zone's NS sets were asked for.
	Host string `json:"host,omitempty"`
	// Found: only an NS set names it, the configuration does not.
	Found bool `json:"found,omitempty"`
	// State: ok, old, lagging, lame, silent, differs.
	State string `json:"state"`
	Share
	Old    int `json:"old"`
	Other  int `json:"other"`
	Silent int `json:"silent"`
	// Serial, and how far behind the newest of its provider.
	Serial uint32 `json:"serial,omitempty"`
	Behind uint32 `json:"behind,omitempty"`
	// TCP: ok, fail, or "" when it was not tried.
	TCP    string `json:"tcp,omitempty"`
	Signed bool   `json:"signed,omitempty"`
	// SignedUntil is the first end of a signature.
	SignedUntil time.Time `json:"signed_until,omitzero"`
	// OldUntil is the last end of an old answer, at a resolver.
	OldUntil time.Time `json:"old_until,omitzero"`
	// Trait of a resolver that keeps answers longer than their TTL.
	Trait string  `json:"trait,omitempty"`
	RTTms float64 `json:"rtt_ms,omitempty"`
	Error string  `json:"error,omitempty"`
}

// Roles of a ServerLine.
const (
	RoleAuthoritative = "authoritative"
	RoleResolver      = "resolver"
)

// summary is what a board is made of, beside its rows.
type summary struct {
	now    time.Time
	health []propagation.Health
	zones  map[string]Zone
	memory *memory
	// found are servers that only the NS sets name; they do not say what is newest while
	// another one does.
	found       []propagation.Health
	delegations []Delegation
	// soon is how long before its end a certificate is reported.
	soon time.Duration
}

// sum counts the rows and finds what is wrong.
func (b *Board) sum(s summary) {
	b.At, b.Total, b.Agreed, b.OldUntil = s.now, 0, 0, time.Time{}
	b.Authoritative, b.Resolvers = Share{}, Share{}
	newest := newestSerials(s.health, s.zones)
	for z, n := range newestSerials(s.found, s.zones) {
		if _, known := newest[z]; !known {
			newest[z] = n
		}
	}
	all := slices.Concat(s.health, s.found)
	signed, signs := map[string]bool{}, map[string]bool{}
	for _, h := range all {
		signs[h.Zone] = signs[h.Zone] || h.Signed
		signed[h.Zone] = signs[h.Zone]
	}
	lines := b.count()
	var f finder
	for _, d := range s.delegations {
		signed[d.Zone] = signed[d.Zone] || d.DS
		f.delegation(d, s.zones[d.Zone].servers(), signs[d.Zone])
		for server, host := range d.hosts(s.zones[d.Zone].servers()) {
			if l := lines[[2]string{d.Zone, server}]; l != nil {
				l.Host = host
			}
		}
	}
	b.Delegations = s.delegations
	for _, h := range all {
		n := newest[placeOf(h, s.zones)]
		f.health(h, n, signed[h.Zone], s.now)
		if l := lines[[2]string{h.Zone, h.Server}]; l != nil {
			l.healthy(h, n)
		}
	}
	f.rows(b.Rows, signed, s.now)
	if s.memory != nil {
		for server, t := range s.memory.traits {
			if l := lines[[2]string{"", server}]; l != nil {
				l.Trait = t.Kind
				f.add(t.Kind, "", server, t.Name, t.Type, t.say, t.data)
			}
		}
	}
	f.services(b.Services, s.soon, s.now)
	for i := range b.Servers {
		b.Servers[i].judge()
	}
	b.Findings = f.list()
	b.Forecast = forecast(b.Rows, s.memory, s.now)
}

// count makes the server lines; the map finds them by zone ("" for resolvers) and server.
func (b *Board) count() map[[2]string]*ServerLine {
	index := map[[2]string]int{}
	b.Servers = []ServerLine{}
	for i := range b.Rows {
		r := &b.Rows[i]
		k, role := [2]string{r.Zone, r.Server}, RoleAuthoritative
		if !r.Authoritative {
			k, role = [2]string{"", r.Server}, RoleResolver
		}
		at, ok := index[k]
		if !ok {
			at = len(b.Servers)
			index[k] = at
			b.Servers = append(b.Servers, ServerLine{Role: role, Zone: k[0], Server: r.Server, Found: r.Found})
		}
		l := &b.Servers[at]
		l.take(r)
		b.Total++
		share := &b.Resolvers
		if r.Authoritative {
			share = &b.Authoritative
		}
		share.Total++
		if r.State == RowNew {
			b.Agreed++
			share.New++
		}
		if r.OldUntil.After(b.OldUntil) {
			b.OldUntil = r.OldUntil
		}
	}
	slices.SortStableFunc(b.Servers, func(x, y ServerLine) int {
		return cmp.Or(cmp.Compare(x.Role, y.Role), cmp.Compare(x.Zone, y.Zone))
	})
	out := make(map[[2]string]*ServerLine, len(b.Servers))
	for i := range b.Servers {
		l := &b.Servers[i]
		out[[2]string{l.Zone, l.Server}] = l
	}
	return out
}

func (l *ServerLine) take(r *Row) {
	l.Total++
	switch r.State {
	case RowNew:
		l.New++
	case RowOld:
		l.Old++
	case RowOther, RowUnknown:
		l.Other++
	case RowSilent:
		l.Silent++
		if l.Error == "" && r.Err != nil {
			l.Error = r.Err.Error()
		}
		if errors.Is(r.Err, propagation.ErrNotAuthoritative) {
			l.State = "lame"
		}
	}
	if r.Serial != 0 && (l.Serial == 0 || newer(r.Serial, l.Serial)) {
		l.Serial = r.Serial
	}
	if !r.Authoritative && r.OldUntil.After(l.OldUntil) {
		l.OldUntil = r.OldUntil
	}
	l.sign(r.Sig)
}

func (l *ServerLine) sign(g *propagation.Signature) {
	if g != nil && (l.SignedUntil.IsZero() || g.Expiration.Before(l.SignedUntil)) {
		l.Signed, l.SignedUntil = true, g.Expiration
	}
}

func (l *ServerLine) healthy(h propagation.Health, newest uint32) {
	l.RTTms = float64(h.RTT.Microseconds()) / 1000
	if h.Serial != 0 {
		l.Serial = h.Serial
		if newer(newest, h.Serial) {
			l.Behind = newest - h.Serial
		}
	}
	l.TCP = "ok"
	if h.TCP != nil {
		l.TCP = "fail"
	}
	l.sign(h.Sig)
	if (h.UDP == nil || h.TCP == nil) && !h.AA {
		l.State = "lame"
	}
}

// judge words the counts.
func (l *ServerLine) judge() {
	switch {
	case l.State != "":
	case l.Silent == l.Total:
		l.State = "silent"
	case l.Behind > 0:
		l.State = "lagging"
	case l.Old > 0:
		l.State = "old"
	case l.Other > 0 || l.Silent > 0:
		l.State = "differs"
	default:
		l.State = "ok"
	}
}

// newestSerials are the newest serials by zone and provider: those of two providers have
// nothing to do with one another.
func newestSerials(hs []propagation.Health, zones map[string]Zone) map[place]uint32 {
	out := map[place]uint32{}
	for _, h := range hs {
		p := placeOf(h, zones)
		if was, ok := out[p]; h.Serial != 0 && h.AA && (!ok || newer(h.Serial, was)) {
			out[p] = h.Serial
		}
	}
	return out
}

// placeOf is the zone and the provider that a server answers from.
func placeOf(h propagation.Health, zones map[string]Zone) place {
	return place{h.Zone, zones[h.Zone].holder(h.Server)}
}

// Evidence is the board in a few lines, for the journal and the report: the shares, each
// finding with its level, the tail.
func (b Board) Evidence(n int) []string {
	var out []string
	for _, role := range []string{RoleAuthoritative, RoleResolver} {
		line := ""
		for _, l := range b.Servers {
			if l.Role != role {
				continue
			}
			line += fmt.Sprintf(", %s %d/%d", l.Server, l.New, l.Total)
			if l.Serial != 0 {
				line += fmt.Sprintf(" (serial %d)", l.Serial)
			}
			if len(line) > 300 {
				line += ", ..."
				break
			}
		}
		if line != "" {
			out = append(out, role+": "+line[2:])
		}
	}
	if x := b.Services.Summary(); x != "" {
		out = append(out, "the service answers at the names: "+x)
	}
	for i, f := range b.Findings {
		if i == n {
			out = append(out, fmt.Sprintf("and %d more findings", len(b.Findings)-n))
			break
		}
		out = append(out, f.String())
	}
	if tail := b.Tail(); tail != "" {
		out = append(out, tail)
	}
	return out
}

// Tail says in words when old answers end; "" when there are none.
func (b Board) Tail() string {
	f := b.Forecast
	if f.At100.IsZero() {
		return ""
	}
	least := ""
	if f.AtLeast {
		least = "at least "
	}
	return fmt.Sprintf("old answers until %s%s", least, clock(f.At100))
}

// String is the finding in one line.
func (f Finding) String() string {
	s := fmt.Sprintf("[%s] %s", f.Level, f.Kind)
	if f.Server != "" {
		s += " " + f.Server
	}
	return s + ": " + f.Text
}
