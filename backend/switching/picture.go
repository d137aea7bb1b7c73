package switching

import (
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

// keptPicture is a picture in the file of Keep.
type keptPicture struct {
	At    time.Time            `json:"at"`
	Names []string             `json:"names"`
	Sets  []dnsproviders.RRset `json:"sets"`
}

// Accept makes what is held now the picture that later plans are held against: a person
// has armed the zones and knows what is in them.
func (s *Switch) Accept(domains []failoverplan.Domain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sp := range spots(domains, s.zones) {
		if h := s.hold(sp.place); !h.arming.At.IsZero() {
			h.picture = pictureOf(h.arming)
		}
	}
}

func pictureOf(a dnsproviders.Arming) keptPicture {
	return keptPicture{At: a.At, Names: a.Names, Sets: a.Sets}
}

// Pictures are the places as they were when a person armed them, or first read after the
// last switch. Those from before since say nothing: a switch, of whichever process, has
// changed the zones, and they are forgotten.
func (s *Switch) Pictures(domains []failoverplan.Domain, since time.Time) []failoverplan.Armed {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []failoverplan.Armed
	for _, sp := range spots(domains, s.zones) {
		h := s.hold(sp.place)
		if h.picture.At.Before(since) {
			h.picture = keptPicture{}
		}
		if !h.picture.At.IsZero() {
			out = append(out, failoverplan.Armed{
				Place: failoverplan.Place{Zone: sp.zone, Provider: sp.provider}, At: h.picture.At, Names: h.picture.Names, Sets: fromSets(h.picture.Sets),
			})
		}
	}
	return out
}

// take takes a kept picture over when it is newer; the caller has s.mu.
func (h *hold) take(p keptPicture) {
	if p.At.After(h.picture.At) {
		h.picture = p
	}
}
