package powerdns

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

// zone is a zone as the API shows it.
type zone struct {
	Name       string  `json:"name"`
	Kind       string  `json:"kind"`
	Serial     uint32  `json:"serial"`
	Edited     uint32  `json:"edited_serial"`
	SOAEditAPI string  `json:"soa_edit_api"`
	RRsets     []rrset `json:"rrsets"`

	sets map[effort.Key]*rrset
	// dynamic tells, by name, which computed record type is there.
	dynamic map[string]string
}

type rrset struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	TTL        uint32   `json:"ttl"`
	ChangeType string   `json:"changetype,omitempty"`
	Records    []record `json:"records,omitempty"`
}

type record struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

// errorText is the text of an error answer; it never fails.
func errorText(raw []byte) string {
	var e struct {
		Error  string   `json:"error"`
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(raw, &e) != nil {
		return string(raw)
	}
	return strings.Join(append([]string{e.Error}, e.Errors...), "; ")
}

// decodeZone reads the answer to a zone's GET.
func decodeZone(raw []byte, want string) (*zone, error) {
	var z zone
	if err := json.Unmarshal(raw, &z); err != nil {
		return nil, fmt.Errorf("unreadable answer: %w", err)
	}
	if dnsproviders.CanonicalName(z.Name) != want || z.RRsets == nil {
		// A list that is missing must not look like names without records.
		return nil, fmt.Errorf("unreadable answer: it shows no sets of zone %s", want)
	}
	if err := z.index(); err != nil {
		return nil, fmt.Errorf("unreadable answer: %w", err)
	}
	return &z, nil
}

// index makes names and types canonical and sets up sets and dynamic.
func (z *zone) index() error {
	z.sets = make(map[effort.Key]*rrset, len(z.RRsets))
	z.dynamic = map[string]string{}
	for i := range z.RRsets {
		s := &z.RRsets[i]
		s.Name, s.Type = dnsproviders.CanonicalName(s.Name), strings.ToUpper(s.Type)
		if s.Name == "" || s.Type == "" {
			return errors.New("a set without name or type")
		}
		if s.Type == "ALIAS" || s.Type == "LUA" {
			z.dynamic[s.Name] = s.Type
		}
		k := effort.Key{Name: s.Name, Type: s.Type}
		if was, twice := z.sets[k]; twice {
			was.Records = append(was.Records, s.Records...)
			continue
		}
		z.sets[k] = s
	}
	return nil
}

// live returns the sets that are served, of the types that a switch reads.
func (z *zone) live() effort.Live {
	out := make(effort.Live, len(z.sets))
	types := dnsproviders.Types()
	for k, s := range z.sets {
		if !slices.Contains(types, k.Type) {
			continue
		}
		set := dnsproviders.RRset{Name: k.Name, Type: k.Type, TTL: s.TTL}
		off := 0
		for _, r := range s.Records {
			if r.Disabled {
				off++
				continue
			}
			set.Values = append(set.Values, canonical(k.Type, r.Content))
		}
		if off > 0 {
			set.Note = fmt.Sprintf("%d disabled", off)
		}
		slices.Sort(set.Values)
		if len(set.Values) > 0 {
			out[k] = set
		}
	}
	return out
}

// canonical returns a record's content in the form of RRset.Values. Content that has no
// canonical form stays as it is: it equals nothing that we would write.
func canonical(typ, content string) string {
	s, err := dnsproviders.RRset{Name: "x", Type: typ, Values: []string{content}}.Canonical()
	if err != nil {
		return content
	}
	return s.Values[0]
}

func (z *zone) serial() uint32 {
	if z.Edited != 0 {
		return z.Edited
	}
	return z.Serial
}

// primary: the server itself tells secondaries. Kinds have old and new names.
func (z *zone) primary() bool {
	return oneOf(z.Kind, "master", "primary", "producer")
}

// secondary: the zone is a copy, although the API would take changes to it.
func (z *zone) secondary() bool {
	return oneOf(z.Kind, "slave", "secondary", "consumer")
}

func oneOf(s string, of ...string) bool { return slices.Contains(of, strings.ToLower(s)) }

// patch is the body of the request that makes the changes. Removals come first: the
// server goes through the list in its order and refuses a CNAME beside other data, but
// commits once, so that no name is ever without an answer.
func (z *zone) patch(changes []dnsproviders.Change) ([]byte, error) {
	soa, err := z.nextSOA()
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string][]rrset{"rrsets": slices.Concat(z.replaced(changes), soa)})
}

// replaced are the elements of patch without the SOA.
func (z *zone) replaced(changes []dnsproviders.Change) []rrset {
	var gone, sets []rrset
	for _, c := range changes {
		s := rrset{Name: c.After.Name + ".", Type: c.After.Type, TTL: c.After.TTL, ChangeType: "REPLACE"}
		for _, v := range c.After.Values {
			s.Records = append(s.Records, record{Content: content(c.After.Type, v)})
		}
		if was := z.sets[effort.KeyOf(c)]; was != nil {
			for _, r := range was.Records {
				// Disabled records belong to somebody: they stay, unless their value is now served.
				if r.Disabled && !slices.Contains(c.After.Values, canonical(c.After.Type, r.Content)) {
					s.Records = append(s.Records, r)
				}
			}
		}
		if len(s.Records) == 0 {
			s.ChangeType = "DELETE"
			gone = append(gone, s)
			continue
		}
		sets = append(sets, s)
	}
	return slices.Concat(gone, sets)
}

// still says whether the server leaves the serial of the zone where it is when the API
// changes it, although secondaries go by it.
func (z *zone) still() bool {
	return z.primary() && (z.SOAEditAPI == "" || strings.EqualFold(z.SOAEditAPI, "OFF"))
}

// nextSOA is the SOA with the next serial when the server would not move it: a zone
// with secondaries but without soa_edit_api would keep its serial, and the secondaries
// the old answers, for ever. Source: doc.powerdns.com/authoritative/domainmetadata.html#soa-edit-api.
func (z *zone) nextSOA() ([]rrset, error) {
	if !z.still() {
		return nil, nil
	}
	s := z.sets[effort.Key{Name: dnsproviders.CanonicalName(z.Name), Type: "SOA"}]
	if s == nil || len(s.Records) != 1 {
		return nil, errors.New("the zone has no SOA record, so its serial cannot be moved")
	}
	f := strings.Fields(s.Records[0].Content)
	if len(f) != 7 {
		return nil, errors.New("the zone's SOA record is unreadable, so its serial cannot be moved")
	}
	n, err := strconv.ParseUint(f[2], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("the zone's serial is unreadable: %w", err)
	}
	f[2] = strconv.FormatUint(uint64(max(1, uint32(n)+1)), 10) //nolint:gosec // RFC 1982: it wraps
	return []rrset{{
		Name: s.Name + ".", Type: "SOA", TTL: s.TTL, ChangeType: "REPLACE",
		Records: []record{{Content: strings.Join(f, " ")}},
	}}, nil
}

// content is a canonical value in the one form that the server takes: names with their
// dot, SvcParams unquoted except ech and keyNNNN.
func content(typ, v string) string {
	switch typ {
	case "CNAME":
		return v + "."
	case "HTTPS":
		return svcb(v)
	}
	return v
}

func svcb(v string) string {
	fields := strings.Split(v, " ")
	for i, f := range fields {
		k, val, ok := strings.Cut(f, "=")
		quoted := ok && len(val) >= 2 && val[0] == '"' && val[len(val)-1] == '"'
		if !quoted || k == "ech" || strings.HasPrefix(k, "key") {
			continue
		}
		if val = val[1 : len(val)-1]; val == "" {
			fields[i] = k
		} else {
			fields[i] = k + "=" + val
		}
	}
	return strings.Join(fields, " ")
}

// zoneID is a zone's id in paths: what is not a letter, digit, dot or dash is written
// =XX (apiZoneNameToId of the server).
func zoneID(name string) string {
	var b strings.Builder
	for _, c := range []byte(name + ".") {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}
