package named

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// RecordError is why a record was refused. Code is the API's error code.
type RecordError struct {
	Code    int
	Message string
}

func (e *RecordError) Error() string { return e.Message }

// Codes of RecordError, as the Cloudflare API numbers them.
const (
	codeBadContent = 9005
	codeNoRecord   = 81044
	codeIdentical  = 81058
	codeConflict   = 81053
	codeBadName    = 9000
	codeBadType    = 9004
	codeBadTTL     = 9021
)

// Tx is a transaction on a Store. It is of use only inside Update's function.
type Tx struct {
	s       *Store
	order   []string
	recs    map[string]Record
	byName  map[string][]string // name -> ids
	changed bool
}

func newTx(s *Store, v *view) *Tx {
	tx := &Tx{s: s, recs: make(map[string]Record, len(v.recs)), byName: make(map[string][]string, len(v.recs))}
	for _, r := range v.recs {
		tx.order = append(tx.order, r.ID)
		tx.recs[r.ID] = r
		tx.byName[r.Name] = append(tx.byName[r.Name], r.ID)
	}
	return tx
}

func (tx *Tx) records() []Record {
	out := make([]Record, 0, len(tx.recs))
	for _, id := range tx.order {
		if r, ok := tx.recs[id]; ok {
			out = append(out, r)
		}
	}
	return out
}

// Get returns the record of an id.
func (tx *Tx) Get(id string) (Record, bool) {
	r, ok := tx.recs[id]
	return r, ok
}

// Find returns the records of a name; typ "" means all types.
func (tx *Tx) Find(name, typ string) []Record {
	var out []Record
	for _, id := range tx.byName[plain(name)] {
		if r := tx.recs[id]; typ == "" || strings.EqualFold(r.Type, typ) {
			out = append(out, r)
		}
	}
	return out
}

// Add makes a new record and returns it with its id. The error is a *RecordError.
func (tx *Tx) Add(r Record) (Record, error) {
	r.ID = newID()
	r.CreatedOn = tx.s.now()
	if err := tx.put(&r); err != nil {
		return Record{}, err
	}
	tx.order = append(tx.order, r.ID)
	return r, nil
}

// Replace changes the record with r's id into r. The error is a *RecordError.
func (tx *Tx) Replace(r Record) (Record, error) {
	old, ok := tx.recs[r.ID]
	if !ok {
		return Record{}, &RecordError{codeNoRecord, "Record does not exist."}
	}
	r.CreatedOn = old.CreatedOn
	tx.forget(old)
	if err := tx.put(&r); err != nil {
		return Record{}, err
	}
	return r, nil
}

// Delete removes a record. The error is a *RecordError.
func (tx *Tx) Delete(id string) error {
	r, ok := tx.recs[id]
	if !ok {
		return &RecordError{codeNoRecord, "Record does not exist."}
	}
	tx.forget(r)
	tx.changed = true
	return nil
}

func (tx *Tx) forget(r Record) {
	delete(tx.recs, r.ID)
	ids := tx.byName[r.Name]
	kept := make([]string, 0, len(ids))
	for _, id := range ids {
		if id != r.ID {
			kept = append(kept, id)
		}
	}
	tx.byName[r.Name] = kept
}

func (tx *Tx) put(r *Record) error {
	r.Name = plain(r.Name)
	r.Type = strings.ToUpper(r.Type)
	r.ModifiedOn = tx.s.now()
	if !tx.s.holds(r.Name) {
		return &RecordError{codeBadName, fmt.Sprintf("DNS name %q is not in the zone %q.", r.Name, tx.s.zone)}
	}
	rr, err := parseRecord(r)
	if err != nil {
		return err
	}
	for _, id := range tx.byName[r.Name] {
		o := tx.recs[id]
		switch {
		case o.Type == "CNAME" && r.Type == "CNAME":
			return &RecordError{codeConflict, "A CNAME record with that host already exists."}
		case o.Type == "CNAME" || r.Type == "CNAME":
			return &RecordError{codeConflict, "An A, AAAA, or CNAME record with that host already exists."}
		case dns.IsDuplicate(o.rr, rr):
			return &RecordError{codeIdentical, "An identical record already exists."}
		}
	}
	r.rr = rr
	tx.recs[r.ID] = *r
	tx.byName[r.Name] = append(tx.byName[r.Name], r.ID)
	tx.changed = true
	return nil
}

// parseRecord checks the content and puts it into its usual form.
func parseRecord(r *Record) (dns.RR, error) {
	if r.TTL < 1 || r.TTL > 86400 {
		return nil, &RecordError{codeBadTTL, fmt.Sprintf("Invalid TTL %d. Must be between 1 and 86400 seconds.", r.TTL)}
	}
	bad := func(what string) error {
		return &RecordError{codeBadContent, fmt.Sprintf("Content for %s record must be %s.", r.Type, what)}
	}
	switch r.Type {
	case "A":
		if a, err := netip.ParseAddr(r.Content); err != nil || !a.Is4() {
			return nil, bad("a valid IPv4 address")
		}
	case "AAAA":
		a, err := netip.ParseAddr(r.Content)
		if err != nil || !a.Is6() || a.Zone() != "" {
			return nil, bad("a valid IPv6 address")
		}
		r.Content = a.String()
	case "CNAME", "NS":
		if _, ok := dns.IsDomainName(r.Content); !ok || r.Content == "" {
			return nil, bad("a valid domain name")
		}
		r.Content = plain(r.Content)
	case "TXT":
		if !strings.HasPrefix(r.Content, `"`) {
			r.Content = `"` + strings.ReplaceAll(r.Content, `"`, `\"`) + `"`
		}
	case "HTTPS":
	default:
		return nil, &RecordError{codeBadType, fmt.Sprintf("DNS record type %q is invalid or not supported here.", r.Type)}
	}
	content := r.Content
	if r.Type == "CNAME" || r.Type == "NS" {
		content = dns.Fqdn(content)
	}
	rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", dns.Fqdn(r.Name), r.TTL, r.Type, content))
	if err != nil || rr == nil {
		return nil, bad("valid for its type")
	}
	return rr, nil
}

// contentOf is an RR's data in presentation form, as Record.Content holds it.
func contentOf(rr dns.RR) string {
	s := strings.TrimPrefix(rr.String(), rr.Header().String())
	if t := rr.Header().Rrtype; t == dns.TypeCNAME || t == dns.TypeNS {
		s = plain(s)
	}
	return s
}
