package probes

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a GTID text: MySQL sets with many holes grow long, a hostile answer
// must not.
const (
	maxGTIDText      = 256 << 10
	maxGTIDIntervals = 16384
)

// ErrGTID is wrapped by every parse error of this file.
var ErrGTID = errors.New("not a GTID position")

// GTIDSet is a replication position: MariaDB's list of the newest transaction per
// domain ("1-1-100,2-2-5"), or MySQL's set of executed transactions per server
// ("UUID:1-5:7,UUID2:1-3", tags of 8.3 included). The zero value is empty and goes
// with both. Immutable after ParseGTID.
type GTIDSet struct {
	maria map[uint32]mariaPos
	mysql map[string][]interval
}

type mariaPos struct {
	server uint32
	seq    uint64
}

type interval struct{ from, to uint64 } // both ends included

// ParseGTID reads either dialect; white space and line breaks do not matter.
// MariaDB: https://mariadb.com/kb/en/gtid/ ; MySQL: Reference Manual, "GTID Format and Storage".
func ParseGTID(s string) (GTIDSet, error) {
	if len(s) > maxGTIDText {
		return GTIDSet{}, fmt.Errorf("%w: longer than %d bytes", ErrGTID, maxGTIDText)
	}
	s = squeeze(s)
	var g GTIDSet
	if s == "" {
		return g, nil
	}
	n := 0
	for item := range strings.SplitSeq(s, ",") {
		if item == "" {
			continue
		}
		var err error
		if strings.Contains(item, ":") {
			err = g.addMySQL(item, &n)
		} else {
			err = g.addMaria(item)
		}
		if err != nil {
			return GTIDSet{}, err
		}
	}
	if g.maria != nil && g.mysql != nil {
		return GTIDSet{}, fmt.Errorf("%w: MariaDB and MySQL forms in one text", ErrGTID)
	}
	for k, v := range g.mysql {
		g.mysql[k] = normalize(v)
	}
	return g, nil
}

func (g *GTIDSet) addMaria(item string) error {
	p := strings.Split(item, "-")
	if len(p) != 3 {
		return fmt.Errorf("%w: %q is not DOMAIN-SERVER-SEQUENCE", ErrGTID, clean(item, 60))
	}
	domain, err1 := strconv.ParseUint(p[0], 10, 32)
	server, err2 := strconv.ParseUint(p[1], 10, 32)
	seq, err3 := strconv.ParseUint(p[2], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return fmt.Errorf("%w: %q has a part that is not a number", ErrGTID, clean(item, 60))
	}
	if g.maria == nil {
		g.maria = map[uint32]mariaPos{}
	}
	d := uint32(domain)
	// a binlog state lists several servers of a domain: the newest counts
	if old, ok := g.maria[d]; !ok || seq > old.seq {
		g.maria[d] = mariaPos{uint32(server), seq}
	}
	return nil
}

func (g *GTIDSet) addMySQL(item string, n *int) error {
	parts := strings.Split(item, ":")
	uuid := strings.ToLower(parts[0])
	if !uuidLike(uuid) {
		return fmt.Errorf("%w: %q is not a server UUID", ErrGTID, clean(parts[0], 60))
	}
	if g.mysql == nil {
		g.mysql = map[string][]interval{}
	}
	key := uuid
	for _, p := range parts[1:] {
		if p == "" {
			return fmt.Errorf("%w: %q has an empty interval", ErrGTID, clean(item, 60))
		}
		if p[0] < '0' || p[0] > '9' { // a tag: what follows belongs to uuid:tag
			key = uuid + ":" + strings.ToLower(p)
			continue
		}
		iv, err := parseInterval(p)
		if err != nil {
			return err
		}
		if *n++; *n > maxGTIDIntervals {
			return fmt.Errorf("%w: more than %d intervals", ErrGTID, maxGTIDIntervals)
		}
		g.mysql[key] = append(g.mysql[key], iv)
	}
	return nil
}

func parseInterval(p string) (interval, error) {
	lo, hi, ranged := strings.Cut(p, "-")
	from, err := strconv.ParseUint(lo, 10, 63)
	if err != nil || from == 0 {
		return interval{}, fmt.Errorf("%w: %q is not an interval", ErrGTID, clean(p, 60))
	}
	if !ranged {
		return interval{from, from}, nil
	}
	to, err := strconv.ParseUint(hi, 10, 63)
	if err != nil || to < from {
		return interval{}, fmt.Errorf("%w: %q is not an interval", ErrGTID, clean(p, 60))
	}
	return interval{from, to}, nil
}

func uuidLike(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, r := range s {
		switch i {
		case 8, 13, 18, 23:
			if r != '-' {
				return false
			}
		default:
			if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
				return false
			}
		}
	}
	return true
}

// normalize sorts and joins overlapping or touching intervals.
func normalize(v []interval) []interval {
	slices.SortFunc(v, func(a, b interval) int {
		if a.from < b.from {
			return -1
		}
		if a.from > b.from {
			return 1
		}
		return 0
	})
	var out []interval
	for _, iv := range v {
		if n := len(out); n > 0 && iv.from <= out[n-1].to+1 {
			out[n-1].to = max(out[n-1].to, iv.to)
			continue
		}
		out = append(out, iv)
	}
	return out
}

// Empty tells whether the set holds no transaction.
func (g GTIDSet) Empty() bool { return len(g.maria) == 0 && len(g.mysql) == 0 }

// String writes the set in its own dialect, sorted.
func (g GTIDSet) String() string {
	var items []string
	for d, p := range g.maria {
		items = append(items, fmt.Sprintf("%d-%d-%d", d, p.server, p.seq))
	}
	for key, ivs := range g.mysql {
		var b strings.Builder
		b.WriteString(key)
		for _, iv := range ivs {
			if iv.from == iv.to {
				fmt.Fprintf(&b, ":%d", iv.from)
			} else {
				fmt.Fprintf(&b, ":%d-%d", iv.from, iv.to)
			}
		}
		items = append(items, b.String())
	}
	if g.maria != nil {
		slices.SortFunc(items, func(a, b string) int {
			da, _ := strconv.ParseUint(a[:strings.IndexByte(a, '-')], 10, 32)
			db, _ := strconv.ParseUint(b[:strings.IndexByte(b, '-')], 10, 32)
			return int(int64(da) - int64(db)) //nolint:gosec // both fit 32 bits
		})
	} else {
		slices.Sort(items)
	}
	return strings.Join(items, ",")
}

// Contains tells whether every transaction of b is in g. In MariaDB's form it also
// is false when both stand at the same sequence of a domain by different servers:
// those histories have parted.
func (g GTIDSet) Contains(b GTIDSet) bool { return g.Missing(b) == 0 }

// Missing counts the transactions of b that g lacks. A domain or server that g does
// not know counts in full. The count stops at math.MaxInt64.
func (g GTIDSet) Missing(b GTIDSet) int64 {
	var n uint64
	for d, p := range b.maria {
		mine := g.maria[d]
		switch {
		case p.seq > mine.seq:
			n = addCap(n, p.seq-mine.seq)
		case p.seq == mine.seq && p.server != mine.server && p.seq > 0:
			n = addCap(n, 1)
		}
	}
	for key, ivs := range b.mysql {
		for _, iv := range ivs {
			n = addCap(n, iv.to-iv.from+1-overlap(g.mysql[key], iv))
		}
	}
	return int64(n) //nolint:gosec // addCap keeps it in range
}

func addCap(a, b uint64) uint64 {
	if b > math.MaxInt64 || a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// overlap counts what of iv is covered by the normalized intervals.
func overlap(ivs []interval, iv interval) uint64 {
	var n uint64
	for _, x := range ivs {
		lo, hi := max(x.from, iv.from), min(x.to, iv.to)
		if lo <= hi {
			n += hi - lo + 1
		}
	}
	return n
}

// Union adds two sets; in MariaDB's form the newer of each domain.
func (g GTIDSet) Union(b GTIDSet) GTIDSet {
	out := GTIDSet{}
	for _, x := range []GTIDSet{g, b} {
		for d, p := range x.maria {
			if out.maria == nil {
				out.maria = map[uint32]mariaPos{}
			}
			if old, ok := out.maria[d]; !ok || p.seq > old.seq {
				out.maria[d] = p
			}
		}
		for k, v := range x.mysql {
			if out.mysql == nil {
				out.mysql = map[string][]interval{}
			}
			out.mysql[k] = append(out.mysql[k], v...)
		}
	}
	for k, v := range out.mysql {
		out.mysql[k] = normalize(v)
	}
	return out
}

// Contains tells whether position a has everything of position b.
func Contains(a, b string) (bool, error) {
	x, y, err := parsePair(a, b)
	if err != nil {
		return false, err
	}
	return x.Contains(y), nil
}

// Missing counts the transactions of position b that position a lacks: the lag of
// a replica at a behind a source at b, and, the other way round, what a has that b
// never saw (divergence).
func Missing(a, b string) (int64, error) {
	x, y, err := parsePair(a, b)
	if err != nil {
		return 0, err
	}
	return x.Missing(y), nil
}

// Union joins two positions.
func Union(a, b string) (string, error) {
	x, y, err := parsePair(a, b)
	if err != nil {
		return "", err
	}
	return x.Union(y).String(), nil
}

func parsePair(a, b string) (x, y GTIDSet, err error) {
	if x, err = ParseGTID(a); err != nil {
		return x, y, err
	}
	if y, err = ParseGTID(b); err != nil {
		return x, y, err
	}
	if x.maria != nil && y.mysql != nil || x.mysql != nil && y.maria != nil {
		return x, y, fmt.Errorf("%w: a MariaDB and a MySQL position cannot be compared", ErrGTID)
	}
	return x, y, nil
}
