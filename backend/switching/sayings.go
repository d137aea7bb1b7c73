package switching

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders/propagation"
)

// saying is a sentence of a finding with {places} for data. Faces translate the sentence
// and fill the places themselves, so nothing is translated word by word.
type saying string

// The sentences of findings. sayings lists them all.
const (
	sayError       saying = "{error}"
	saySetError    saying = "{name} {type}: {error}"
	sayNoUDP       saying = "answers over TCP, not over UDP: {error}"
	sayNoTCP       saying = "answers over UDP, not over TCP: {error}"
	sayLame        saying = "answers without authority for {zone}"
	sayLagging     saying = "has serial {serial}, {behind} behind {newest}"
	sayUnsigned    saying = "its SOA has no signature"
	sayNoSignature saying = "{name} {type} has no signature"
	sayWrong       saying = "{name} {type}: {error}"
	sayExpired     saying = "the signature of {name} {type} ended at {time}"
	sayFuture      saying = "the signature of {name} {type} begins at {time}"
	saySoon        saying = "the signature of {name} {type} ends at {time}"
	sayNegative    saying = "{name} {type} does not exist there until {time}, the authoritative servers have {want}"
	saySplit       saying = "{name} {type} is {got} here and something else at another server"
	sayDiffers     saying = "{name} {type} is {got}, expected {want}"
	sayMore        saying = "{text} (and {more} more)"

	sayStale    saying = "it says itself that its answer has expired"
	sayStretch  saying = "it gives a TTL of {ttl} s where the authoritative servers give {most} s"
	sayKeeps    saying = "it keeps the old answer until {end}; its TTL ended at {limit} at the latest"
	sayOverdue  saying = "it gave the old answer at {time}; its TTL had ended at {limit}"
	sayStanding saying = "it gave the old answer at {time}; its TTL had ended at {limit}, and the TTL does not count down"

	sayNSDiffer   saying = "only the parent names {parent}; only the zone itself names {child}"
	sayNoAddress  saying = "nobody knows an address of {host}"
	sayUnlisted   saying = "{host} is a name server of {zone} and is not in the configuration"
	sayOnlyParent saying = "{host} is a name server of {zone} according to its parent only, and is not in the configuration"
	sayOnlyChild  saying = "{host} is a name server of {zone} according to the zone itself only, and is not in the configuration"
	sayUnused     saying = "no name server of {zone} has this address"
	sayNoRoute    saying = "this machine has no way to {host}: it was not asked"
	sayNoParent   saying = "who answers for {zone} according to its parent is not known: {error}"
	sayNoChild    saying = "who answers for {zone} according to itself is not known: {error}"
	sayService    saying = "{name} at {address}: {error}"
	sayOtherSite  saying = "{name} at {address} is answered by {got}, the address is that of {site}"
	sayTLSSoon    saying = "{name} at {address}: the certificate ends at {time}"

	sayNoDS saying = "{zone} is signed, and its parent has no DS record"
)

var sayings = []saying{
	sayError, saySetError, sayNoUDP, sayNoTCP, sayLame, sayLagging, sayUnsigned, sayNoSignature, sayWrong, sayExpired, sayFuture, saySoon,
	sayNegative, saySplit, sayDiffers, sayMore, sayStale, sayStretch, sayKeeps, sayOverdue, sayStanding,
	sayNSDiffer, sayNoAddress, sayUnlisted, sayOnlyParent, sayOnlyChild, sayUnused, sayNoRoute, sayNoParent, sayNoChild, sayNoDS, sayService, sayOtherSite, sayTLSSoon,
}

// FindingSentences lists every sentence that a finding can say, and every next step, for
// those who translate them.
func FindingSentences() []string {
	var out []string
	for _, s := range sayings {
		out = append(out, string(s))
	}
	for _, k := range findingKinds {
		out = append(out, k.Do)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// data fills a sentence's places, by name.
type data map[string]string

func (s saying) fill(d data) string { return fill(string(s), d) }

func fill(sentence string, d map[string]string) string {
	pairs := make([]string, 0, 2*len(d))
	for k, v := range d {
		pairs = append(pairs, "{"+k+"}", v)
	}
	return strings.NewReplacer(pairs...).Replace(sentence)
}

// In words the finding and its next step in another language: translate gives a sentence
// of FindingSentences in it.
func (f Finding) In(translate func(string) string) (text, do string) {
	text = fill(translate(f.Sentence), f.Data)
	if f.Count > 1 && f.Name != "" {
		text = fill(translate(string(sayMore)), data{"text": text, "more": fmt.Sprint(f.Count - 1)})
	}
	return text, translate(f.Do)
}

// set is what most sentences about one set need.
func set(name, typ string) data { return data{"name": name, "type": typ} }

func (d data) with(k, v string) data {
	d[k] = v
	return d
}

func (d data) err(err error) data { return d.with("error", err.Error()) }

// serials are how far a server is behind.
func serials(h propagation.Health, newest uint32) data {
	return data{"serial": fmt.Sprint(h.Serial), "behind": fmt.Sprint(newest - h.Serial), "newest": fmt.Sprint(newest)}
}
