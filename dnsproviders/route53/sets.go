package route53

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

// sets are record sets as the API shows them, by name and type. Several of one key have
// set identifiers.
type sets map[effort.Key][]types.ResourceRecordSet

func (m sets) add(s types.ResourceRecordSet) {
	k := effort.Key{Name: ownerName(aws.ToString(s.Name)), Type: string(s.Type)}
	m[k] = append(m[k], s)
}

// ownerName is a name of the API in the form of RRset.Name: \052 stands for an asterisk.
func ownerName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && isOctal(s[i+1:i+4]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return dnsproviders.CanonicalName(b.String())
}

func isOctal(s string) bool {
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7'
}

// order is the API's sort key: labels reversed, with the trailing dot
// (API_ListResourceRecordSets.html, "sort order").
func order(name string) string {
	ls := strings.Split(name, ".")
	slices.Reverse(ls)
	return strings.Join(ls, ".") + "."
}

// span is the first and last of the names in the API's order; empty for the whole zone
// when a name holds characters whose place in that order is not sure.
func span(names []string) (first, last string) {
	for i, n := range names {
		n = dnsproviders.CanonicalName(n)
		if strings.ContainsFunc(n, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_')
		}) {
			return "", ""
		}
		if i == 0 || order(n) < order(first) {
			first = n
		}
		if i == 0 || order(n) > order(last) {
			last = n
		}
	}
	return first, last
}

// special says why a set cannot be switched; "" when it can.
func special(s types.ResourceRecordSet) string {
	switch {
	case s.AliasTarget != nil:
		return "alias of " + ownerName(aws.ToString(s.AliasTarget.DNSName))
	case s.TrafficPolicyInstanceId != nil:
		return "made by a traffic policy"
	case s.SetIdentifier != nil:
		return "set " + *s.SetIdentifier
	case s.HealthCheckId != nil:
		return "answered only while health check " + *s.HealthCheckId + " is well"
	}
	return ""
}

// live returns the sets of the types that a switch reads. A set that cannot be switched
// has values that say what it is and equal nothing that we would write.
func (m sets) live() effort.Live {
	out := make(effort.Live, len(m))
	types := dnsproviders.Types()
	for k, group := range m {
		if !slices.Contains(types, k.Type) {
			continue
		}
		set := dnsproviders.RRset{Name: k.Name, Type: k.Type}
		for _, s := range group {
			why := special(s)
			if why != "" {
				set.Note = strings.TrimPrefix(set.Note+", "+why, ", ")
			}
			if s.TTL != nil && *s.TTL >= 0 && *s.TTL <= 1<<31-1 {
				set.TTL = max(set.TTL, uint32(*s.TTL)) //nolint:gosec // checked
			}
			if s.AliasTarget != nil {
				set.Values = append(set.Values, "("+why+")")
			}
			for _, r := range s.ResourceRecords {
				v := canonical(k.Type, aws.ToString(r.Value))
				if why != "" {
					v += " (" + why + ")"
				}
				set.Values = append(set.Values, v)
			}
		}
		slices.Sort(set.Values)
		out[k] = set
	}
	return out
}

// canonical returns a value in the form of RRset.Values. A value without canonical form
// stays as it is: it equals nothing that we would write.
func canonical(typ, v string) string {
	s, err := dnsproviders.RRset{Name: "x", Type: typ, Values: []string{v}}.Canonical()
	if err != nil {
		return v
	}
	return s.Values[0]
}

// unwritable names the first changed set that this package must not write.
func (m sets) unwritable(changes []dnsproviders.Change) string {
	for _, c := range changes {
		for _, s := range m[effort.KeyOf(c)] {
			if why := special(s); why != "" {
				return fmt.Sprintf("%s %s is no plain set: %s", c.Before.Name, c.Before.Type, why)
			}
		}
	}
	return ""
}

// item is one change with its requests' elements.
type item struct {
	n           int // its place in the caller's list
	change      dnsproviders.Change
	gone, fresh *types.ResourceRecordSet
}

// size is the number of ResourceRecord elements and of characters in their values.
func (i item) size() (records, chars int) {
	for _, s := range []*types.ResourceRecordSet{i.gone, i.fresh} {
		if s == nil {
			continue
		}
		records += len(s.ResourceRecords)
		for _, r := range s.ResourceRecords {
			chars += utf8.RuneCountInString(aws.ToString(r.Value))
		}
	}
	return records, chars
}

// build makes the items of the changes that the live zone does not show yet. What is
// deleted is the live set as the API gave it, to the letter.
func (m sets) build(live effort.Live, changes []dnsproviders.Change) []item {
	var out []item
	for i, c := range changes {
		if len(effort.Todo(live, []dnsproviders.Change{c})) == 0 {
			continue
		}
		it := item{n: i, change: c}
		if group := m[effort.KeyOf(c)]; len(group) == 1 {
			it.gone = &group[0]
		}
		if len(c.After.Values) > 0 {
			it.fresh = &types.ResourceRecordSet{Name: aws.String(c.After.Name + "."), Type: types.RRType(c.After.Type), TTL: aws.Int64(int64(c.After.TTL))}
			for _, v := range c.After.Values {
				if c.After.Type == "CNAME" {
					v += "."
				}
				it.fresh.ResourceRecords = append(it.fresh.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
			}
		}
		out = append(out, it)
	}
	return out
}

var errTooLarge = errors.New("too large for one request")

// pack divides the items into batches within both limits. All sets of one name are in
// one batch, so that A, AAAA and HTTPS of a name switch together.
func pack(items []item) ([][]item, error) {
	var names []string
	of := map[string][]item{}
	for _, it := range items {
		n := it.change.Before.Name
		if of[n] == nil {
			names = append(names, n)
		}
		of[n] = append(of[n], it)
	}
	var out [][]item
	records, chars := maxRecords+1, 0
	for _, n := range names {
		r, c := 0, 0
		for _, it := range of[n] {
			ir, ic := it.size()
			r, c = r+ir, c+ic
		}
		if r > maxRecords || c > maxChars {
			return nil, fmt.Errorf("%w: %s needs %d values and %d characters", errTooLarge, n, r, c)
		}
		if records+r > maxRecords || chars+c > maxChars {
			out = append(out, nil)
			records, chars = 0, 0
		}
		out[len(out)-1] = append(out[len(out)-1], of[n]...)
		records, chars = records+r, chars+c
	}
	return out, nil
}

// elements are a batch's changes: all DELETEs first, so that a CNAME may take the place
// of addresses and the other way round.
func elements(items []item) []types.Change {
	out := make([]types.Change, 0, 2*len(items))
	for _, it := range items {
		if it.gone != nil {
			out = append(out, types.Change{Action: types.ChangeActionDelete, ResourceRecordSet: it.gone})
		}
	}
	for _, it := range items {
		if it.fresh != nil {
			out = append(out, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: it.fresh})
		}
	}
	return out
}
