package cloudflare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
)

type key struct{ name, typ string }

// index groups records by name and type.
func index(recs []record) map[key][]record {
	m := make(map[key][]record, len(recs))
	for _, r := range recs {
		k := key{r.Name, r.Type}
		m[k] = append(m[k], r)
	}
	return m
}

// item is one change with the operations that make it. n is its place in the caller's list.
type item struct {
	n      int
	change dnsproviders.Change
	ops    batchBody
}

func (i item) size() int { return len(i.ops.Deletes) + len(i.ops.Patches) + len(i.ops.Posts) }

// live returns the live set of a key.
func live(m map[key][]record, k key) dnsproviders.RRset {
	s := dnsproviders.RRset{Name: k.name, Type: k.typ}
	for _, r := range m[k] {
		s.Values = append(s.Values, r.Content)
		s.TTL = max(s.TTL, r.TTL)
	}
	slices.Sort(s.Values)
	return s
}

// compare lists, as text, the changes whose Before does not hold.
func compare(m map[key][]record, changes []dnsproviders.Change) []string {
	var bad []string
	for _, c := range changes {
		l := live(m, key{c.Before.Name, c.Before.Type})
		if !l.SameValues(c.Before) {
			bad = append(bad, fmt.Sprintf("%s %s is %s, the plan expects %s", l.Name, l.Type, values(l), values(c.Before)))
		}
	}
	return bad
}

func values(s dnsproviders.RRset) string {
	if len(s.Values) == 0 {
		return "absent"
	}
	return strings.Join(s.Values, " ")
}

// crowded names a new alias that would stand beside records of a type that no change is
// about. At the apex Cloudflare allows that (it answers with the alias' addresses).
func crowded(m map[key][]record, zone string, changes []dnsproviders.Change) string {
	for _, c := range changes {
		if c.After.Type != "CNAME" || len(c.Before.Values) > 0 || c.After.Name == zone {
			continue
		}
		for k := range m {
			if k.name == c.After.Name && !slices.ContainsFunc(changes, func(o dnsproviders.Change) bool { return o.Before.Name == k.name && o.Before.Type == k.typ }) {
				return fmt.Sprintf("%s would be an alias beside its %s record", k.name, k.typ)
			}
		}
	}
	return ""
}

// plan works out the operations of one change whose Before holds. Records are patched
// in place, value by value: those that stay keep their id, each new value takes the
// place of an old one, and only what is left over is deleted or created.
func plan(m map[key][]record, c dnsproviders.Change) batchBody {
	var b batchBody
	recs := m[key{c.Before.Name, c.Before.Type}]
	byValue := make(map[string]record, len(recs))
	var olds []string
	for _, r := range recs {
		byValue[r.Content] = r
		if !slices.Contains(c.After.Values, r.Content) {
			olds = append(olds, r.Content)
		} else if p := (patchOp{ID: r.ID, TTL: ttl(r, c.After.TTL), of: key{r.Name, r.Type}}); p.TTL != 0 {
			b.Patches = append(b.Patches, p)
		}
	}
	slices.Sort(olds)
	var news []string
	for _, v := range c.After.Values {
		if _, stays := byValue[v]; !stays {
			news = append(news, v)
		}
	}
	both := min(len(olds), len(news))
	for i := range both {
		r := byValue[olds[i]]
		p := patchOp{ID: r.ID, TTL: ttl(r, c.After.TTL), of: key{r.Name, r.Type}, want: news[i]}
		p.Content, p.Data = payload(c.After.Type, news[i])
		b.Patches = append(b.Patches, p)
	}
	for _, v := range olds[both:] {
		b.Deletes = append(b.Deletes, deleteOp{ID: byValue[v].ID})
	}
	like := model(m, key{c.Before.Name, c.Before.Type})
	for _, v := range news[both:] {
		p := postOp{Name: c.After.Name, Type: c.After.Type, TTL: c.After.TTL, Proxied: like.Proxied, Comment: like.Comment, want: v}
		p.Content, p.Data = payload(c.After.Type, v)
		if p.Proxied {
			p.TTL = 1
		}
		b.Posts = append(b.Posts, p)
	}
	return b
}

// ttl is what a patch must say about the TTL: nothing when it stays, or when the record
// is proxied (its TTL is automatic then).
func ttl(r record, want uint32) uint32 {
	if r.Proxied || r.TTL == want {
		return 0
	}
	return want
}

// model is the record whose proxied flag and comment a new record of the key takes
// over: one of its own set, else of another type of the name that can be proxied, be it
// beside the new one or replaced by it. A new AAAA beside a proxied A, or an alias in its
// place, would otherwise show the origin to everybody.
func model(m map[key][]record, k key) record {
	if rs := m[k]; len(rs) > 0 {
		return rs[0]
	}
	proxied := []string{"A", "AAAA", "CNAME"} // developers.cloudflare.com/dns/proxy-status
	if !slices.Contains(proxied, k.typ) {
		return record{}
	}
	for _, typ := range proxied {
		if rs := m[key{k.name, typ}]; len(rs) > 0 {
			return rs[0]
		}
	}
	return record{}
}

var errTooLarge = errors.New("too large for one batch")

// pack divides the items into batches of at most limit operations. All sets of one
// name are in one batch, so that A, AAAA and HTTPS of a name switch together.
func pack(items []item, limit int) ([][]item, error) {
	var order []string
	names := map[string][]item{}
	for _, it := range items {
		n := it.change.Before.Name
		if _, seen := names[n]; !seen {
			order = append(order, n)
		}
		names[n] = append(names[n], it)
	}
	var out [][]item
	room := 0
	for _, n := range order {
		size := 0
		for _, it := range names[n] {
			size += it.size()
		}
		if size > limit {
			return nil, fmt.Errorf("%w: %s needs %d operations, a batch of this zone's plan has %d", errTooLarge, n, size, limit)
		}
		if len(out) == 0 || size > room {
			out = append(out, nil)
			room = limit
		}
		out[len(out)-1] = append(out[len(out)-1], names[n]...)
		room -= size
	}
	return out, nil
}

// merge joins the operations of a batch's items.
func merge(items []item) batchBody {
	var b batchBody
	for _, it := range items {
		b.Deletes = append(b.Deletes, it.ops.Deletes...)
		b.Patches = append(b.Patches, it.ops.Patches...)
		b.Posts = append(b.Posts, it.ops.Posts...)
	}
	return b
}

// confirms says whether the answer to a batch shows everything that was asked.
func (b batchBody) confirms(r batchResult) bool {
	if len(r.Deletes) < len(b.Deletes) || len(r.Patches) < len(b.Patches) || len(r.Posts) < len(b.Posts) {
		return false
	}
	patched := make(map[string]record, len(r.Patches))
	for _, x := range r.Patches {
		patched[x.ID] = x
	}
	for _, p := range b.Patches {
		// A record that was given another name since it was read is not the one that was meant.
		x, ok := patched[p.ID]
		if !ok || (key{x.Name, x.Type}) != p.of || p.want != "" && x.Content != p.want {
			return false
		}
	}
	posted := make(map[string]bool, len(r.Posts))
	for _, x := range r.Posts {
		posted[x.Type+" "+x.Name+" "+x.Content] = true
	}
	for _, p := range b.Posts {
		if !posted[p.Type+" "+p.Name+" "+p.want] {
			return false
		}
	}
	gone := make(map[string]bool, len(r.Deletes))
	for _, x := range r.Deletes {
		gone[x.ID] = true
	}
	for _, d := range b.Deletes {
		if !gone[d.ID] {
			return false
		}
	}
	return true
}
