package dnstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// PowerDNS is the part of PowerDNS's HTTP API v1 that reads and changes a zone: GET
// (whole, or filtered by rrset_name and rrset_type), PATCH (one transaction, in the
// list's order) and PUT notify. Source: doc.powerdns.com/authoritative/http-api/zone.html;
// held to a real 4.7 by the integration test of dnsproviders/powerdns, which runs the
// same table against both.
type PowerDNS struct {
	Gate
	// URL is the base URL to configure.
	URL string
	// Kind of the zones: Native, Master, Slave.
	Kind string
	// SOAEditAPI: "" = a change does not move the serial.
	SOAEditAPI string
	// Dynamic are names that hold a LUA record.
	Dynamic []string

	key   secret
	zones map[string]*Zone
}

// NewPowerDNS starts the fake for the zones; key is the only api key it accepts. Call
// Close when done.
func NewPowerDNS(key string, zones ...*Zone) *PowerDNS {
	p := &PowerDNS{Kind: "Native", SOAEditAPI: "DEFAULT", zones: map[string]*Zone{}}
	p.key.set(key)
	for _, z := range zones {
		p.zones[z.Name+"."] = z
	}
	p.URL = p.open(p)
	return p
}

func plain(status int, text string) reply { return reply{status, "text/plain", []byte(text)} }

func jsonReply(status int, v any) reply {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return reply{status, "application/json", b}
}

func unprocessable(format string, args ...any) reply {
	return jsonReply(http.StatusUnprocessableEntity, map[string]string{"error": fmt.Sprintf(format, args...)})
}

// ServeHTTP answers one request.
func (p *PowerDNS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.serve(w, r, r.Header.Get("X-Api-Key"), func() reply { return p.do(r, body) }, map[string]reply{
		Unauthorized: plain(http.StatusUnauthorized, "Unauthorized"),
		Forbidden:    plain(http.StatusForbidden, "Forbidden"),
		RateLimit:    plain(http.StatusTooManyRequests, "slow down"),
		ServerError:  jsonReply(http.StatusInternalServerError, map[string]string{"error": "Database is locked"}),
		Reject:       unprocessable("RRset x IN A: Conflicts with pre-existing RRset"),
	})
}

func (p *PowerDNS) do(r *http.Request, body []byte) reply {
	if r.Header.Get("X-Api-Key") != p.key.get() {
		return plain(http.StatusUnauthorized, "Unauthorized")
	}
	id, found := strings.CutPrefix(r.URL.Path, "/api/v1/servers/localhost/zones/")
	id, notify := strings.CutSuffix(id, "/notify")
	z := p.zones[id]
	switch {
	case !found || z == nil:
		return plain(http.StatusNotFound, "Not Found")
	case notify && r.Method == http.MethodPut:
		return jsonReply(http.StatusOK, map[string]string{"result": "Notification queued"})
	case r.Method == http.MethodGet:
		return p.show(z, r.URL.Query().Get("rrset_name"), r.URL.Query().Get("rrset_type"))
	case r.Method == http.MethodPatch:
		return p.patch(z, body)
	}
	return plain(http.StatusMethodNotAllowed, "Method Not Allowed")
}

type pdnsRecord struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

type pdnsSet struct {
	Name       string       `json:"name"`
	Type       string       `json:"type"`
	TTL        uint32       `json:"ttl"`
	ChangeType string       `json:"changetype,omitempty"`
	Records    []pdnsRecord `json:"records"`
	Comments   []any        `json:"comments"`
}

func (p *PowerDNS) show(z *Zone, name, typ string) reply {
	serial := z.Serial()
	sets := []*pdnsSet{{
		Name: z.Name + ".", Type: "SOA", TTL: 3600, Comments: []any{},
		Records: []pdnsRecord{{Content: fmt.Sprintf("ns1.%s. hostmaster.%[1]s. %d 10800 3600 604800 30", z.Name, serial)}},
	}}
	at := map[string]*pdnsSet{}
	for _, r := range z.Records() {
		k := r.Name + " " + r.Type
		if at[k] == nil {
			at[k] = &pdnsSet{Name: r.Name + ".", Type: r.Type, TTL: r.TTL, Comments: []any{}}
			sets = append(sets, at[k])
		}
		at[k].Records = append(at[k].Records, pdnsRecord{r.Content, r.Disabled})
	}
	for _, n := range p.Dynamic {
		sets = append(sets, &pdnsSet{Name: n + ".", Type: "LUA", TTL: 60, Records: []pdnsRecord{{Content: `A "ifportup(443, {'192.0.2.10'})"`}}, Comments: []any{}})
	}
	if name != "" { // the filtered form leaves disabled records out, as the real one does
		sets = slices.DeleteFunc(sets, func(s *pdnsSet) bool {
			s.Records = slices.DeleteFunc(s.Records, func(r pdnsRecord) bool { return r.Disabled })
			return s.Name != name || typ != "" && s.Type != typ || len(s.Records) == 0
		})
	}
	return jsonReply(http.StatusOK, map[string]any{
		"id": z.Name + ".", "name": z.Name + ".", "kind": p.Kind, "serial": serial, "edited_serial": serial,
		"soa_edit_api": p.SOAEditAPI, "dnssec": false, "rrsets": sets,
	})
}

// patch goes through the list in its order; the first error undoes all of it.
func (p *PowerDNS) patch(z *Zone, body []byte) reply {
	var in struct {
		RRsets []pdnsSet `json:"rrsets"`
	}
	if json.Unmarshal(body, &in) != nil {
		return plain(http.StatusBadRequest, "Bad Request")
	}
	bad := reply{}
	serial := uint32(0)
	err := z.transact(func(t *Zone) error {
		for _, s := range in.RRsets {
			if bad = applySet(t, s, &serial); bad.status != 0 {
				return fmt.Errorf("refused")
			}
		}
		return nil
	})
	if err != nil {
		return bad
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	switch {
	case serial != 0:
		z.serial = serial
	case p.SOAEditAPI == "":
		z.serial-- // transact moved it; this server does not
	}
	return reply{status: http.StatusNoContent}
}

func applySet(t *Zone, s pdnsSet, serial *uint32) reply {
	name, dotted := strings.CutSuffix(s.Name, ".")
	switch {
	case !dotted:
		return unprocessable("DNS Name '%s' is not canonical", s.Name)
	case name != t.Name && !strings.HasSuffix(name, "."+t.Name):
		return unprocessable("RRset %s IN %s: Name is out of zone", s.Name, s.Type)
	case s.Type == "SOA":
		if _, err := fmt.Sscanf(strings.Join(strings.Fields(s.Records[0].Content)[2:3], ""), "%d", serial); err != nil {
			return unprocessable("Record %s/SOA: %v", s.Name, err)
		}
		return reply{}
	case s.ChangeType == "DELETE":
		t.set(name, s.Type, 0, nil)
		return reply{}
	case s.ChangeType != "REPLACE":
		return unprocessable("Changetype not understood")
	}
	for _, have := range t.recs[name] {
		if have.Type != s.Type && (have.Type == "CNAME" || s.Type == "CNAME") {
			return unprocessable("RRset %s IN %s: Conflicts with pre-existing RRset", s.Name, s.Type)
		}
	}
	t.set(name, s.Type, s.TTL, nil)
	for _, r := range s.Records {
		if why := malformed(s.Type, r.Content); why != "" {
			return unprocessable("Record %s/%s '%s': %s", s.Name, s.Type, r.Content, why)
		}
		t.add(Record{Name: name, Type: s.Type, Content: r.Content, TTL: s.TTL, Disabled: r.Disabled})
	}
	return reply{}
}

// malformed: the server takes the one form that it would print itself.
func malformed(typ, content string) string {
	switch typ {
	case "A", "AAAA":
		if a, err := netip.ParseAddr(content); err != nil || a.Is4() != (typ == "A") {
			return "Parsing record content (try 'pdnsutil check-zone'): while parsing IP address"
		}
	case "CNAME":
		if !strings.HasSuffix(content, ".") {
			return "Not in expected format (parsed as '" + content + ".')"
		}
	case "HTTPS":
		for _, f := range strings.Fields(content) {
			if strings.Contains(f, `="`) && !strings.HasPrefix(f, "ech=") && !strings.HasPrefix(f, "key") {
				return "Not in expected format (parsed as '" + strings.ReplaceAll(content, `"`, "") + "')"
			}
		}
	}
	return ""
}
