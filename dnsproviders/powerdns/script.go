package powerdns

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/curl"
	"github.com/dutyops/dutyops/dnsproviders/internal/effort"
)

var (
	_ dnsproviders.Scripter   = (*Provider)(nil)
	_ dnsproviders.Foreteller = (*Provider)(nil)
)

func (p *Provider) offline(name, zone string) *op {
	return &op{Op: effort.Begin(p.effort, name, zone), p: p}
}

// Script implements dnsproviders.Scripter: the PATCH of ApplyArmed as a curl command, and
// the NOTIFY where the server tells secondaries itself. It needs an Arming for the disabled
// records that a set keeps.
func (p *Provider) Script(zone string, changes []dnsproviders.Change, armed *dnsproviders.Arming) (string, error) {
	if armed == nil {
		return "", errors.New("the commands need the live sets with their disabled records and none are held ready: run dutyops dns arm while the API answers")
	}
	o := p.offline("script", zone)
	if armed.Zone != o.Zone {
		return "", fmt.Errorf("what is held ready is of %s", armed.Zone)
	}
	z, todo, err := o.ground(*armed, changes)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string][]rrset{"rrsets": z.replaced(todo)})
	if err != nil {
		return "", err
	}
	s := curl.Script{
		Header: "X-Api-Key: ", Variable: "POWERDNS_API_KEY",
		Comments: []string{
			fmt.Sprintf("Zone %s at PowerDNS: %d of %d record sets in one request, all or nothing.", o.Zone, len(todo), len(changes)),
			fmt.Sprintf("Records as they were at %s. The API does not compare: look at the records first.", armed.At.UTC().Format("2006-01-02T15:04:05Z")),
			"The secret is api-key of pdns.conf.",
		},
	}
	if len(todo) > 0 {
		s.Requests = append(s.Requests, curl.Request{Method: "PATCH", URL: p.base + zoneID(o.Zone), Body: string(body)})
	}
	if z.still() {
		s.Comments = append(s.Comments, "The server does not move this zone's serial by itself: run `pdnsutil increase-serial "+o.Zone+"` on it afterwards, or secondaries keep the old answers.")
	}
	if z.primary() {
		s.Requests = append(s.Requests, curl.Request{Method: "PUT", URL: p.base + zoneID(o.Zone) + "/notify"})
	}
	return s.String(), nil
}

// Foretell implements dnsproviders.Foreteller.
func (p *Provider) Foretell(a dnsproviders.Arming, changes []dnsproviders.Change) (dnsproviders.Arming, error) {
	z, todo, err := p.offline("foretell", a.Zone).ground(a, changes)
	if err != nil {
		return dnsproviders.Arming{}, err
	}
	return *z.follows(a, todo, a.At), nil
}
