package replication

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

// gtids is a set of transactions in either notation: MariaDB's "domain-server-seq"
// (everything of that stream up to seq) or Oracle's "uuid:1-5:7,uuid:tag:1-3".
// One of the two maps is used. The zero value is the empty set.
type gtids struct {
	maria  map[stream]int64
	oracle map[string][]span
}

// stream is one MariaDB writer: replication domain and server id.
type stream struct{ domain, server int64 }

// span is an inclusive range of transaction numbers.
type span struct{ from, to int64 }

// parseGTIDs reads a set; several sets joined by commas are their union.
func parseGTIDs(text string) (gtids, error) {
	g := gtids{maria: map[stream]int64{}, oracle: map[string][]span{}}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		var err error
		if strings.Contains(part, ":") {
			err = g.addOracle(part)
		} else {
			err = g.addMaria(part)
		}
		if err != nil {
			return gtids{}, err
		}
	}
	if len(g.maria) > 0 && len(g.oracle) > 0 {
		return gtids{}, fmt.Errorf("GTID set %q mixes the notations of MariaDB and MySQL", text)
	}
	return g, nil
}

func (g gtids) addMaria(part string) error {
	f := strings.Split(part, "-")
	if len(f) != 3 {
		return fmt.Errorf("GTID %q: expected domain-server-sequence", part)
	}
	var n [3]int64
	for i := range f {
		v, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil || v < 0 {
			return fmt.Errorf("GTID %q: expected domain-server-sequence", part)
		}
		n[i] = v
	}
	k := stream{n[0], n[1]}
	g.maria[k] = max(g.maria[k], n[2])
	return nil
}

func (g gtids) addOracle(part string) error {
	f := strings.Split(part, ":")
	key := strings.ToLower(strings.TrimSpace(f[0]))
	for _, x := range f[1:] {
		x = strings.TrimSpace(x)
		a, b, ranged := strings.Cut(x, "-")
		from, err := strconv.ParseInt(a, 10, 64)
		if err != nil {
			// A tag (MySQL 8.3 and later): what follows belongs to uuid:tag.
			key = strings.ToLower(strings.TrimSpace(f[0])) + ":" + strings.ToLower(x)
			continue
		}
		to := from
		if ranged {
			if to, err = strconv.ParseInt(b, 10, 64); err != nil {
				return fmt.Errorf("GTID set %q: %q is not a range", part, x)
			}
		}
		if from < 1 || to < from || to == math.MaxInt64 { // which no server gives out
			return fmt.Errorf("GTID set %q: %q is not a range", part, x)
		}
		g.oracle[key] = union(g.oracle[key], span{from, to})
	}
	return nil
}

// union adds a span to sorted disjoint spans and keeps them so.
func union(spans []span, s span) []span {
	spans = append(append([]span{}, spans...), s)
	sort.Slice(spans, func(i, j int) bool { return spans[i].from < spans[j].from })
	out := spans[:1]
	for _, x := range spans[1:] {
		last := &out[len(out)-1]
		if x.from <= last.to+1 {
			last.to = max(last.to, x.to)
			continue
		}
		out = append(out, x)
	}
	return out
}

// subtract returns what of want is not in have; both sorted and disjoint.
func subtract(want, have []span) []span {
	var out []span
	for _, w := range want {
		for _, h := range have {
			if h.to < w.from {
				continue
			}
			if h.from > w.to {
				break
			}
			if h.from > w.from {
				out = append(out, span{w.from, h.from - 1})
			}
			w.from = h.to + 1
			if w.from > w.to {
				break
			}
		}
		if w.from <= w.to {
			out = append(out, w)
		}
	}
	return out
}

// gap is a set of transactions that one side has and the other lacks.
type gap struct {
	names []string
	count int64
}

func (g gap) empty() bool { return g.count == 0 }

// String names the transactions, at most four ranges.
func (g gap) String() string {
	n := g.names
	more := ""
	if len(n) > 4 {
		n, more = n[:4], fmt.Sprintf(" and %d more ranges", len(g.names)-4)
	}
	return strings.Join(n, ", ") + more
}

func (g *gap) addMaria(k stream, after, to int64) {
	if to <= after {
		return
	}
	g.count += to - after
	name := fmt.Sprintf("%d-%d-%d", k.domain, k.server, after+1)
	if to > after+1 {
		name += fmt.Sprintf("..%d", to)
	}
	g.names = append(g.names, name)
}

func (g *gap) addOracle(key string, spans []span) {
	for _, s := range spans {
		g.count += s.to - s.from + 1
		name := fmt.Sprintf("%s:%d", key, s.from)
		if s.to > s.from {
			name += fmt.Sprintf("-%d", s.to)
		}
		g.names = append(g.names, name)
	}
}

func (g gtids) streams() []stream {
	out := make([]stream, 0, len(g.maria))
	for k := range g.maria {
		out = append(out, k)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].domain != out[j].domain {
			return out[i].domain < out[j].domain
		}
		return out[i].server < out[j].server
	})
	return out
}

func (g gtids) uuids() []string {
	out := make([]string, 0, len(g.oracle))
	for k := range g.oracle {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// newest is the highest sequence of each MariaDB domain, with its writer.
func (g gtids) newest() map[int64]stream {
	out := map[int64]stream{}
	for _, k := range g.streams() {
		if cur, ok := out[k.domain]; !ok || g.maria[k] > g.maria[cur] {
			out[k.domain] = k
		}
	}
	return out
}

// position writes the set as a server wants it in gtid_slave_pos: for MariaDB the
// newest transaction of each domain, for MySQL the set.
func (g gtids) position() string {
	var out []string
	newest := g.newest()
	for _, k := range g.streams() {
		if newest[k.domain] == k {
			out = append(out, fmt.Sprintf("%d-%d-%d", k.domain, k.server, g.maria[k]))
		}
	}
	for _, u := range g.uuids() {
		s := u
		for _, x := range g.oracle[u] {
			s += fmt.Sprintf(":%d", x.from)
			if x.to > x.from {
				s += fmt.Sprintf("-%d", x.to)
			}
		}
		out = append(out, s)
	}
	return strings.Join(out, ",")
}

// union is everything of both.
func (g gtids) union(h gtids) gtids {
	out := gtids{maria: map[stream]int64{}, oracle: map[string][]span{}}
	for _, x := range []gtids{g, h} {
		for k, n := range x.maria {
			out.maria[k] = max(out.maria[k], n)
		}
		for u, spans := range x.oracle {
			for _, sp := range spans {
				out.oracle[u] = union(out.oracle[u], sp)
			}
		}
	}
	return out
}

// errant is what mine has beyond theirs, when both sets hold every writer that each
// side knows of. A MariaDB domain is one line of history: if theirs has my transaction
// number c, it has all before it. So per domain the newest common point counts, and
// not the highest number: after a crash 0-1-105 may be mine alone although theirs is
// already at 0-2-110.
func errant(mine, theirs gtids) gap {
	var out gap
	common := map[int64]int64{}
	for k, n := range mine.maria {
		if t, ok := theirs.maria[k]; ok {
			common[k.domain] = max(common[k.domain], min(n, t))
		}
	}
	for _, k := range mine.streams() {
		out.addMaria(k, common[k.domain], mine.maria[k])
	}
	for _, u := range mine.uuids() {
		out.addOracle(u, subtract(mine.oracle[u], theirs.oracle[u]))
	}
	return out
}

// behind is what want has beyond have, by positions alone (one entry per domain is
// enough): of two numbers of one domain the higher has the lower. At equal numbers of
// different writers the histories have parted, and the transaction is missing.
func behind(have, want gtids) gap {
	var out gap
	newest := have.newest()
	for _, k := range want.streams() {
		n := want.maria[k]
		h, known := newest[k.domain]
		at := have.maria[h]
		switch {
		case !known:
			out.addMaria(k, 0, n)
		case at < n:
			out.addMaria(k, at, n)
		case at == n && h != k && have.maria[k] < n:
			out.addMaria(k, n-1, n)
		}
	}
	for _, u := range want.uuids() {
		out.addOracle(u, subtract(want.oracle[u], have.oracle[u]))
	}
	return out
}
