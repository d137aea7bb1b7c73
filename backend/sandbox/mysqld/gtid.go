package mysqld

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// gtid is one transaction's name: domain-server-sequence (MariaDB).
type gtid struct {
	domain, server uint32
	seq            uint64
}

func (g gtid) String() string {
	return fmt.Sprintf("%d-%d-%d", g.domain, g.server, g.seq)
}

// position is the last gtid seen per domain. nil is the empty position.
type position map[uint32]gtid

// parsePosition reads "1-1-10,2-2-5"; the empty text is the empty position.
func parsePosition(s string) (position, error) {
	p := position{}
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		f := strings.Split(part, "-")
		if len(f) != 3 {
			return nil, errorf(1941, "HY000", "Could not parse GTID list")
		}
		d, err1 := strconv.ParseUint(f[0], 10, 32)
		srv, err2 := strconv.ParseUint(f[1], 10, 32)
		seq, err3 := strconv.ParseUint(f[2], 10, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			return nil, errorf(1941, "HY000", "Could not parse GTID list")
		}
		if _, twice := p[uint32(d)]; twice {
			return nil, errorf(1943, "HY000", "GTID %s and %s conflict (duplicate domain id %d)", p[uint32(d)], part, d)
		}
		p[uint32(d)] = gtid{uint32(d), uint32(srv), seq}
	}
	return p, nil
}

// String lists the position by domain.
func (p position) String() string {
	domains := make([]uint32, 0, len(p))
	for d := range p {
		domains = append(domains, d)
	}
	slices.Sort(domains)
	parts := make([]string, len(domains))
	for i, d := range domains {
		parts[i] = p[d].String()
	}
	return strings.Join(parts, ",")
}

func (p position) clone() position {
	out := make(position, len(p))
	for d, g := range p {
		out[d] = g
	}
	return out
}

// covers tells whether every domain of want is reached in p.
func (p position) covers(want position) bool {
	for d, g := range want {
		if p[d].seq < g.seq {
			return false
		}
	}
	return true
}
