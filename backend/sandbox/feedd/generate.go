package feedd

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// Kinds that the generator has a realistic payload for.
const (
	KindFlightTimes     = "flight-times"
	KindMilestones      = "milestones"
	KindPassengerCounts = "passenger-counts"
	KindStands          = "stands"
	KindBaggage         = "baggage"
)

// KnownKinds are the kinds with a payload of their own.
func KnownKinds() []string {
	return []string{KindFlightTimes, KindMilestones, KindPassengerCounts, KindStands, KindBaggage}
}

// flights is how many flights one feed speaks of; see Entry.
const flights = 120

var (
	carriers   = []string{"MU", "FM", "CZ", "HO", "CA"}
	airports   = []string{"PVG", "SHA", "CAN", "PEK", "CTU", "XIY", "KMG", "SZX"}
	aircraft   = []string{"A20N", "A320", "A333", "B738", "B789", "C919"}
	milestones = []string{"in-block", "chocks-on", "doors-open", "cleaning-done", "catering-done", "fuelling-done", "boarding-started", "boarding-done", "doors-closed", "pushback"}
)

// generator makes the messages of one feed. Equal seeds and names give equal
// content. Two feeds named "airline" and "airport" never speak of the same
// flight, so a flight's version is a sequence of one feed.
type generator struct {
	feed    string
	kinds   []string
	rnd     *rand.Rand
	flights []flight
}

// flight is what the generator remembers of one flight.
type flight struct {
	id, from, to, aircraft, stand string
	scheduled                     time.Time
	version                       int64
	milestone, booked, boarded    int
	bags, loaded                  int
}

func newGenerator(feed string, seed uint64, kinds []string, now time.Time) *generator {
	h := fnv.New64a()
	_, _ = h.Write([]byte(feed)) // never fails
	rnd := rand.New(rand.NewPCG(seed, h.Sum64()))
	day := now.UTC().Truncate(24 * time.Hour)
	g := &generator{feed: feed, kinds: append([]string(nil), kinds...), rnd: rnd}
	for i := range flights {
		from := rnd.IntN(len(airports))
		to := (from + 1 + rnd.IntN(len(airports)-1)) % len(airports)
		g.flights = append(g.flights, flight{
			id:   fmt.Sprintf("%s%d-%s", carriers[rnd.IntN(len(carriers))], 1001+i*16+int(h.Sum64()%16), day.Format("20060102")),
			from: airports[from], to: airports[to], aircraft: aircraft[rnd.IntN(len(aircraft))],
			scheduled: day.Add(time.Duration(rnd.IntN(288)) * 5 * time.Minute),
			booked:    80 + rnd.IntN(180), bags: 40 + rnd.IntN(160),
		})
	}
	return g
}

// next is the message with number seq.
func (g *generator) next(seq int64, at time.Time) (Message, Entry) {
	e := Entry{Flight: uint8(g.rnd.IntN(len(g.flights))), Kind: uint8(g.rnd.IntN(len(g.kinds)))} //nolint:gosec // 120 flights, and Start counts the kinds
	f, kind := &g.flights[e.Flight], g.kinds[e.Kind]
	f.version++
	payload, err := json.Marshal(g.payload(kind, f))
	if err != nil {
		payload = json.RawMessage("{}") // cannot happen: payloads are plain values
	}
	return Message{
		ID: fmt.Sprintf("%s-%09d", g.feed, seq), Feed: g.feed, Seq: seq, Kind: kind,
		Flight: f.id, Version: f.version, Payload: payload, At: at,
	}, e
}

// payload is the new state of one aspect of a flight.
func (g *generator) payload(kind string, f *flight) any {
	switch kind {
	case KindFlightTimes:
		moved := time.Duration(g.rnd.IntN(19)-3) * 5 * time.Minute
		return struct {
			From      string    `json:"from"`
			To        string    `json:"to"`
			Aircraft  string    `json:"aircraft"`
			Scheduled time.Time `json:"scheduled_off_block"`
			Estimated time.Time `json:"estimated_off_block"`
			DelayMin  int       `json:"delay_min"`
		}{f.from, f.to, f.aircraft, f.scheduled, f.scheduled.Add(moved), max(0, int(moved.Minutes()))}
	case KindMilestones:
		m := milestones[f.milestone%len(milestones)]
		f.milestone++
		return struct {
			Milestone string `json:"milestone"`
			Stand     string `json:"stand,omitempty"`
			Agent     string `json:"agent"`
		}{m, f.stand, fmt.Sprintf("GSA%03d", g.rnd.IntN(400))}
	case KindPassengerCounts:
		f.boarded = min(f.booked, f.boarded+g.rnd.IntN(25))
		return struct {
			Booked  int `json:"booked"`
			Checked int `json:"checked_in"`
			Boarded int `json:"boarded"`
		}{f.booked, min(f.booked, f.boarded+g.rnd.IntN(20)), f.boarded}
	case KindStands:
		f.stand = fmt.Sprintf("%d%02d", 1+g.rnd.IntN(5), 1+g.rnd.IntN(30))
		return struct {
			Stand    string `json:"stand"`
			Terminal string `json:"terminal"`
			TowRoute string `json:"tow_route"`
			Remote   bool   `json:"remote"`
		}{f.stand, fmt.Sprintf("T%d", 1+g.rnd.IntN(3)), fmt.Sprintf("R%d-%s", 1+g.rnd.IntN(9), f.stand), g.rnd.IntN(4) == 0}
	case KindBaggage:
		f.loaded = min(f.bags, f.loaded+g.rnd.IntN(20))
		return struct {
			Checked   int `json:"checked_bags"`
			Loaded    int `json:"loaded_bags"`
			CargoKg   int `json:"cargo_kg"`
			Container int `json:"containers"`
		}{f.bags, f.loaded, 200 + 10*g.rnd.IntN(400), 1 + f.bags/35}
	default:
		return struct {
			Value int `json:"value"`
		}{g.rnd.IntN(1000)}
	}
}
