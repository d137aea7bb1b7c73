package compat

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libdns/libdns"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

// sets groups a module's records of the types that a switch reads. A value without
// canonical form stays as it is: it equals nothing that we would write.
func sets(zone string, recs []libdns.Record) effort.Live {
	types := dnsproviders.Types()
	out := effort.Live{}
	for _, r := range recs {
		if r == nil {
			continue
		}
		rr := r.RR()
		k := effort.Key{Name: dnsproviders.CanonicalName(libdns.AbsoluteName(rr.Name, zone+".")), Type: strings.ToUpper(rr.Type)}
		if !slices.Contains(types, k.Type) {
			continue
		}
		s := out.Get(k)
		s.Values = append(s.Values, canonical(k.Type, rr.Data))
		s.TTL = max(s.TTL, seconds(rr.TTL))
		out[k] = s
	}
	for k, s := range out {
		slices.Sort(s.Values)
		s.Values = slices.Compact(s.Values)
		out[k] = s
	}
	return out
}

func seconds(d time.Duration) uint32 {
	return uint32(min(max(d/time.Second, 0), 1<<31-1)) //nolint:gosec // bounded
}

func canonical(typ, v string) string {
	s, err := dnsproviders.RRset{Name: "x", Type: typ, Values: []string{v}}.Canonical()
	if err != nil || len(s.Values) != 1 {
		return v
	}
	return s.Values[0]
}

// records are a set in a module's form. The error names a value that libdns would turn
// into another one.
func records(zone string, s dnsproviders.RRset) ([]libdns.Record, error) {
	out := make([]libdns.Record, 0, len(s.Values))
	for _, v := range s.Values {
		rr := libdns.RR{Name: libdns.RelativeName(s.Name+".", zone+"."), Type: s.Type, TTL: time.Duration(s.TTL) * time.Second, Data: v}
		if rr.Name == "" {
			rr.Name = "@"
		}
		if s.Type == "CNAME" {
			rr.Data += "."
		}
		if s.TTL == 0 {
			rr.TTL = time.Nanosecond // libdns: a zero may be taken for "the default"
		}
		rec, err := rr.Parse()
		if err != nil {
			return nil, fmt.Errorf("%s %s: libdns cannot express %q: %w", s.Name, s.Type, v, err)
		}
		again := sets(zone, []libdns.Record{rec}).Get(effort.Key{Name: s.Name, Type: s.Type})
		if len(again.Values) != 1 || again.Values[0] != v {
			return nil, fmt.Errorf("%s %s: libdns would make %q of %q", s.Name, s.Type, again.Values, v)
		}
		out = append(out, rec)
	}
	return out, nil
}
