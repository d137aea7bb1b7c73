package byrecord

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
)

// Record is one enabled record of a zone. Name is canonical, Value too where it can be.
type Record struct {
	ID, Name, Type, Value string
	TTL                   uint32
	// Line is the group of users that gets this record ("default", "telecom"); it is part
	// of the record's identity and every write keeps it.
	Line string
	// Locked: the vendor refuses changes of this record.
	Locked bool
	// Keep is what else the vendor's update needs in order to keep it (weight, remark).
	Keep any
}

// Canonical returns the record with canonical name, type and (where it has one) value.
func (r Record) Canonical() Record {
	r.Name, r.Type = dnsproviders.CanonicalName(r.Name), strings.ToUpper(r.Type)
	if s, err := (dnsproviders.RRset{Name: r.Name, Type: r.Type, Values: []string{r.Value}}).Canonical(); err == nil {
		r.Value = s.Values[0]
	}
	return r
}

// Verb is what a Step does.
type Verb string

// The verbs.
const (
	Update Verb = "update"
	Create Verb = "create"
	Delete Verb = "delete"
)

// Step is the change of one record: From is the record as it is (not with Create), To as
// it shall be (not with Delete). From.ID identifies it, also in To.
type Step struct {
	Verb     Verb
	From, To Record
}

// Inverse is the step back; id is the created record's.
func (s Step) Inverse(id string) Step {
	switch s.Verb {
	case Create:
		s.To.ID = id
		return Step{Verb: Delete, From: s.To}
	case Delete:
		return Step{Verb: Create, To: s.From}
	case Update:
	}
	return Step{Verb: Update, From: s.To, To: s.From}
}

func (s Step) name() string {
	if s.Verb == Delete {
		return s.From.Name + " " + s.From.Type
	}
	return s.To.Name + " " + s.To.Type
}

type key struct{ name, typ string }

func index(recs []Record) map[key][]Record {
	m := make(map[key][]Record, len(recs))
	for _, r := range recs {
		k := key{r.Name, r.Type}
		m[k] = append(m[k], r)
	}
	return m
}

func lines(recs []Record) []string {
	var ls []string
	for _, r := range recs {
		ls = append(ls, r.Line)
	}
	slices.Sort(ls)
	return slices.Compact(ls)
}

// live is the set of a key; with several lines it is all of their values, which is not
// what any one user gets: Note says so.
func live(m map[key][]Record, k key, standard string) dnsproviders.RRset {
	s := dnsproviders.RRset{Name: k.name, Type: k.typ}
	for _, r := range m[k] {
		s.Values = append(s.Values, r.Value)
		s.TTL = max(s.TTL, r.TTL)
	}
	slices.Sort(s.Values)
	s.Values = slices.Compact(s.Values)
	if ls := lines(m[k]); len(ls) > 1 {
		s.Note = "lines " + strings.Join(ls, ", ") + ": not switched by dutyops"
	} else if len(ls) == 1 && ls[0] != standard {
		s.Note = "line " + ls[0]
	}
	return s
}

// Sets returns the live sets of the names, ordered by name and type. standard is the
// vendor's default line.
func Sets(recs []Record, names []string, standard string) []dnsproviders.RRset {
	want := make(map[string]bool, len(names))
	for _, n := range names {
		want[dnsproviders.CanonicalName(n)] = true
	}
	types := dnsproviders.Types()
	m := index(recs)
	var out []dnsproviders.RRset
	for k := range m {
		if want[k.name] && slices.Contains(types, k.typ) {
			out = append(out, live(m, k, standard))
		}
	}
	slices.SortFunc(out, func(a, b dnsproviders.RRset) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type))
	})
	return out
}

func values(s dnsproviders.RRset) string {
	if len(s.Values) == 0 {
		return "absent"
	}
	return strings.Join(s.Values, " ")
}

// compare lists, as text, the changes whose Before does not hold.
func compare(m map[key][]Record, changes []dnsproviders.Change, standard string) []string {
	var bad []string
	for _, c := range changes {
		l := live(m, key{c.Before.Name, c.Before.Type}, standard)
		if !l.SameValues(c.Before) {
			bad = append(bad, fmt.Sprintf("%s %s is %s, the plan expects %s", l.Name, l.Type, values(l), values(c.Before)))
		}
	}
	return bad
}

// guard lists, as text, the changes that must not be made: a set that differs between
// groups of users (the same value for all would take a decision away that somebody made
// on purpose), a locked record, an update that would make two records equal.
func guard(m map[key][]Record, changes []dnsproviders.Change) []string {
	var bad []string
	for _, c := range changes {
		k := key{c.Before.Name, c.Before.Type}
		what := k.name + " " + k.typ
		if ls := lines(m[k]); len(ls) > 1 {
			bad = append(bad, fmt.Sprintf("%s has records on %d lines (%s); only a set on one line is switched", what, len(ls), strings.Join(ls, ", ")))
			continue
		}
		if slices.ContainsFunc(m[k], func(r Record) bool { return r.Locked }) {
			bad = append(bad, what+" is locked at the provider")
		}
		if other := crowd(m, c, changes); other != "" {
			bad = append(bad, fmt.Sprintf("%s would stand beside %s: an alias stands alone", what, other))
		}
		if len(c.Before.Values) == 0 {
			if ls := siblings(m, k.name); len(ls) > 1 {
				bad = append(bad, fmt.Sprintf("%s would be created beside records on %d lines (%s)", what, len(ls), strings.Join(ls, ", ")))
			}
		}
	}
	return bad
}

// crowd names a type that stays at the name of a set that is created, and cannot.
func crowd(m map[key][]Record, c dnsproviders.Change, changes []dnsproviders.Change) string {
	if len(c.Before.Values) > 0 {
		return ""
	}
	for k := range m {
		if k.name == c.After.Name && (k.typ == "CNAME" || c.After.Type == "CNAME") && !slices.ContainsFunc(changes, func(o dnsproviders.Change) bool {
			return o.Before.Name == k.name && o.Before.Type == k.typ && len(o.After.Values) == 0
		}) {
			return k.typ
		}
	}
	return ""
}

// siblings lists the lines of the name's records of the types that are switched.
func siblings(m map[key][]Record, name string) []string {
	var rs []Record
	for _, t := range dnsproviders.Types() {
		rs = append(rs, m[key{name, t}]...)
	}
	return lines(rs)
}

// plan works out the steps of one change whose Before holds: records that stay keep
// their id, each new value takes the place of an old one, and only what is left over is
// created or deleted.
func plan(m map[key][]Record, c dnsproviders.Change, standard string) []Step {
	k := key{c.Before.Name, c.Before.Type}
	byValue := map[string]Record{}
	var olds, news []string
	var steps []Step
	for _, r := range m[k] {
		byValue[r.Value] = r
		switch {
		case !slices.Contains(c.After.Values, r.Value):
			olds = append(olds, r.Value)
		case r.TTL != c.After.TTL && c.After.TTL != 0:
			to := r
			to.TTL = c.After.TTL
			steps = append(steps, Step{Verb: Update, From: r, To: to})
		}
	}
	slices.Sort(olds)
	for _, v := range c.After.Values {
		if _, stays := byValue[v]; !stays {
			news = append(news, v)
		}
	}
	both := min(len(olds), len(news))
	for i := range both {
		r := byValue[olds[i]]
		to := r
		to.Value = news[i]
		if c.After.TTL != 0 {
			to.TTL = c.After.TTL
		}
		steps = append(steps, Step{Verb: Update, From: r, To: to})
	}
	line := standard
	if ls := lines(m[k]); len(ls) == 1 {
		line = ls[0]
	} else if ls := siblings(m, k.name); len(ls) == 1 {
		line = ls[0]
	}
	for _, v := range news[both:] {
		steps = append(steps, Step{Verb: Create, To: Record{Name: k.name, Type: k.typ, Value: v, TTL: c.After.TTL, Line: line}})
	}
	for _, v := range olds[both:] {
		steps = append(steps, Step{Verb: Delete, From: byValue[v]})
	}
	return steps
}

// unit is all that changes of one name; its sets switch together.
type unit struct {
	name  string
	items []int // indexes into the caller's changes
	steps []Step

	made []bool // by step
	ids  []string
	torn bool // half-way, and it could not be put back
}

func (u *unit) done() bool    { return !slices.Contains(u.made, false) && !u.torn }
func (u *unit) touched() bool { return slices.Contains(u.made, true) || u.torn }

// retype makes the change between alias and addresses: no record of the one may stand
// beside one of the other, so all old records but one are deleted first, and that one
// becomes the first new record, in place. The name is never without a record.
func retype(steps []Step) []Step {
	gone := slices.IndexFunc(steps, func(s Step) bool { return s.Verb == Delete })
	fresh := slices.IndexFunc(steps, func(s Step) bool { return s.Verb == Create })
	if gone < 0 || fresh < 0 || (steps[gone].From.Type == "CNAME") == (steps[fresh].To.Type == "CNAME") {
		return steps
	}
	turn := Step{Verb: Update, From: steps[gone].From, To: steps[fresh].To}
	turn.To.ID, turn.To.Line, turn.To.Keep = turn.From.ID, turn.From.Line, turn.From.Keep
	var first, then []Step
	for i, s := range steps {
		switch {
		case i == gone || i == fresh:
		case s.Verb == Delete:
			first = append(first, s)
		default:
			then = append(then, s)
		}
	}
	return slices.Concat(first, []Step{turn}, then)
}

// units groups the changes by name in their order; updates first, deletions last.
func units(m map[key][]Record, changes []dnsproviders.Change, standard string) []*unit {
	at := map[string]*unit{}
	var out []*unit
	for i, c := range changes {
		steps := plan(m, c, standard)
		if len(steps) == 0 {
			continue
		}
		u := at[c.Before.Name]
		if u == nil {
			u = &unit{name: c.Before.Name}
			at[c.Before.Name] = u
			out = append(out, u)
		}
		u.items = append(u.items, i)
		u.steps = append(u.steps, steps...)
	}
	order := map[Verb]int{Update: 0, Create: 1, Delete: 2}
	for _, u := range out {
		slices.SortStableFunc(u.steps, func(a, b Step) int { return cmp.Compare(order[a.Verb], order[b.Verb]) })
		u.steps = retype(u.steps)
		u.made, u.ids = make([]bool, len(u.steps)), make([]string, len(u.steps))
	}
	return out
}
