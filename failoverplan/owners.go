package failoverplan

import (
	"fmt"
	"slices"
	"strings"
)

// Owner is another program that holds itself for the owner of a name's records.
type Owner struct {
	// Controller: external-dns, octoDNS.
	Controller string
	// ID is how the program calls itself; may be empty.
	ID string
	// Mark is the name of the TXT record that says so.
	Mark string
}

// meta is the name below a zone at which octoDNS leaves word of its last run.
const meta = "meta."

// metaKeys are what octoDNS's meta record can hold.
var metaKeys = []string{"octodns-version=", "provider=", "time=", "uuid="}

// OwnerMarks returns the names whose TXT records tell whether another controller owns the
// domain: external-dns's registry records (the name itself, and since its version 0.12
// "TYPE-name") and those of octoDNS's ownership processor ("_owner.TYPE.name").
func OwnerMarks(d Domain) []string {
	out := []string{d.Name}
	for _, typ := range append([]string{"CNAME"}, d.Types...) {
		t := strings.ToLower(typ)
		if d.Name != d.Zone && !slices.Contains(out, t+"-"+d.Name) { // t-apex would be outside the zone
			out = append(out, t+"-"+d.Name)
		}
	}
	for _, typ := range d.Types {
		out = append(out, "_owner."+strings.ToLower(typ)+"."+d.Name)
	}
	return append(out, meta+d.Zone)
}

// OwnerOf reads the marks of a domain from TXT values by name; ok is false when there is none.
func OwnerOf(d Domain, txt map[string][]string) (o Owner, ok bool) {
	for _, name := range OwnerMarks(d) {
		for _, v := range txt[name] {
			switch {
			case strings.HasPrefix(v, "heritage=external-dns"):
				return Owner{Controller: "external-dns", ID: field(v, "external-dns/owner"), Mark: name}, true
			case strings.HasPrefix(name, "_owner."):
				return Owner{Controller: "octoDNS", ID: v, Mark: name}, true
			case name == meta+d.Zone && slices.ContainsFunc(metaKeys, func(k string) bool { return strings.HasPrefix(v, k) }):
				return Owner{Controller: "octoDNS", ID: v, Mark: name}, true
			}
		}
	}
	return o, false
}

// field is the value of one key of "k=v,k=v".
func field(s, key string) string {
	for _, p := range strings.Split(s, ",") {
		if v, ok := strings.CutPrefix(p, key+"="); ok {
			return v
		}
	}
	return ""
}

// owners stops, softly, every changing name that another controller holds for its own:
// it would write the old value back.
func (w *dnsWork) owners(changes map[Place]*ZoneChange) {
	if len(w.r.Owners) == 0 {
		return
	}
	told := map[string]bool{}
	for _, z := range w.sortedZones(changes) {
		for _, c := range z.Changes {
			name := c.After.Name
			o, owned := w.r.Owners[name]
			if !owned || told[name] {
				continue
			}
			told[name] = true
			who := o.Controller
			if o.ID != "" {
				who += " (" + clip(o.ID) + ")"
			}
			w.stop(w.r.Topology.Domains[w.domain[name]], Stop{
				Gate: "other-owner", Soft: true,
				Evidence:   fmt.Sprintf("is owned by %s, says TXT %s: it would write the old value back", who, o.Mark),
				ClearsWhen: ownerAdvice(o.Controller),
			})
		}
	}
	slices.SortStableFunc(w.out.stops, func(a, b Stop) int { return w.domain[a.Name] - w.domain[b.Name] })
}

func ownerAdvice(controller string) string {
	if controller == "external-dns" {
		return "external-dns is stopped or its source names the new gateway (its loop runs every minute), and --forced says so"
	}
	return "its next run is held, or its source names the new gateway, and --forced says so"
}
