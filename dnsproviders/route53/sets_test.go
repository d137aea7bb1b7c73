package route53

import (
	"strings"
	"testing"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

// Sets with a routing policy are shown with their identifiers and not switched: which of
// them is the other site's nobody here knows. Policies:
// docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html.
func TestSetsWithARoutingPolicyAreNotSwitched(t *testing.T) {
	n := "geo." + zoneName
	for policy, text := range map[string]string{
		"weighted":    "<Weight>1</Weight>",
		"latency":     "<Region>eu-central-1</Region>",
		"geolocation": "<GeoLocation><CountryCode>CN</CountryCode></GeoLocation>",
		"proximity":   "<GeoProximityLocation><AWSRegion>eu-central-1</AWSRegion></GeoProximityLocation>",
		"failover":    "<Failover>PRIMARY</Failover>",
		"multivalue":  "<MultiValueAnswer>true</MultiValueAnswer>",
		"cidr":        "<CidrRoutingConfig><CollectionId>c</CollectionId><LocationName>l</LocationName></CidrRoutingConfig>",
	} {
		t.Run(policy, func(t *testing.T) {
			r, a, p := fake(t, suite.Options{})
			changes := r.Names(2, false)
			set := ""
			for _, id := range []string{"one", "two"} {
				set += "<ResourceRecordSet><Name>" + n + ".</Name><Type>A</Type><SetIdentifier>" + id + "</SetIdentifier>" + text +
					"<TTL>60</TTL><ResourceRecords><ResourceRecord><Value>" + suite.OldV4 + "</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
			}
			a.Special = map[string]string{n: set}
			got, err := p.Read(t.Context(), zoneName, []string{n})
			if err != nil || len(got) != 1 || got[0].Note != "set one, set two" {
				t.Fatalf("%+v, %v", got, err)
			}
			_, err = p.Apply(t.Context(), zoneName, append(changes, suite.Change(n, "A", 60, []string{suite.OldV4}, []string{suite.NewV4})))
			r.WellFormed(t, err, dnsproviders.ErrRejected)
			if !strings.Contains(err.Error(), n) || r.Standing(t, changes) != "old" {
				t.Errorf("%v, the others are %s", err, r.Standing(t, changes))
			}
		})
	}
}
