package probes

import (
	"net/http"
	"strings"
	"time"
)

// Clock is a server's clock held against this host's at one exchange.
type Clock struct {
	// AheadS is how many seconds the server's clock is ahead of ours, negative when it
	// is behind. The truth is within ErrorS of it: half of the round trip, and half of
	// the unit in which the server told its time.
	AheadS float64 `json:"ahead_s"`
	ErrorS float64 `json:"error_s"`
}

// told notes that a server said its time is at, cut down to unit, in an answer to a
// question asked at asked and read at read. Of several readings of one probe the best
// one counts.
func (c *conv) told(at time.Time, unit time.Duration, asked, read time.Time) {
	trip := read.Sub(asked)
	if trip < 0 || at.Year() < 1971 || at.Year() > 9999 {
		return
	}
	// Round strips the monotonic clock: both sides are wall clocks.
	k := Clock{
		AheadS: at.Add(unit / 2).Sub(asked.Add(trip / 2).Round(0)).Seconds(),
		ErrorS: (unit/2 + trip/2).Seconds(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clock == nil || k.ErrorS < c.clock.ErrorS {
		c.clock = &k
	}
}

// toldByDate reads the Date of an HTTP answer (RFC 9110 section 6.6.1), which has whole
// seconds. A cache hands out old ones, and says so with Age.
func (c *conv) toldByDate(h http.Header, asked, read time.Time) {
	if h.Get("Age") != "" {
		return
	}
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		c.told(at, time.Second, asked, read)
	}
}

// mysqlTime reads UTC_TIMESTAMP(6).
func mysqlTime(s string) (time.Time, bool) {
	at, err := time.ParseInLocation("2006-01-02 15:04:05.999999", strings.TrimSpace(s), time.UTC)
	return at, err == nil
}
