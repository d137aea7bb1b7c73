package kit

import (
	"fmt"
	"math"
	"time"
)

// Latency words milliseconds with at most two significant digits, so that a number
// changes seldom and costs few bytes.
func Latency(ms float64) string {
	switch {
	case ms <= 0:
		return ""
	case ms < 1:
		return "<1 ms"
	case ms < 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 995:
		return fmt.Sprintf("%.0f ms", math.Round(ms/10)*10)
	case ms < 9950:
		return fmt.Sprintf("%.1f s", ms/1000)
	default:
		return fmt.Sprintf("%.0f s", ms/1000)
	}
}

// Lag words seconds of replication lag coarsely; "" when unknown (negative).
func Lag(s float64) string {
	switch {
	case s < 0:
		return ""
	case s < 1:
		return "<1 s"
	case s < 10:
		return fmt.Sprintf("%.0f s", s)
	case s < 60:
		return fmt.Sprintf("%.0f s", math.Floor(s/5)*5)
	case s < 3600:
		return fmt.Sprintf("%.0f min", math.Floor(s/60))
	default:
		return fmt.Sprintf("%.0f h", math.Floor(s/3600))
	}
}

// Steady keeps the number shown while the new one differs little (under 30 % or
// under 2): a value that trembles is drawn still.
func Steady(shown, next float64) float64 {
	if shown <= 0 || next <= 0 {
		return next
	}
	d := math.Abs(next - shown)
	if d < 2 || d < 0.3*shown {
		return shown
	}
	return next
}

// Age words a duration so that it changes seldom: "<1 min", "3 min", "2 h", "4 d".
func Age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "<1 min"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d/time.Hour))
	default:
		return fmt.Sprintf("%d d", int(d/(24*time.Hour)))
	}
}

// Millis words a duration in milliseconds for a clock that runs: "340 ms", "4.2 s", "2:05".
func Millis(ms int64) string {
	switch {
	case ms <= 0:
		return "0 s"
	case ms < 1000:
		return fmt.Sprintf("%d ms", ms)
	case ms < 60_000:
		return fmt.Sprintf("%.1f s", float64(ms)/1000)
	default:
		s := ms / 1000
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
}

// Clock words a time of day; a time of another day than now carries its date instead.
func Clock(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(now.Location())
	if t.Year() != now.Year() || t.YearDay() != now.YearDay() {
		return t.Format("01-02 15:04")
	}
	return t.Format("15:04:05")
}

// Bar draws part/whole in w cells.
func Bar(part, whole float64, w int, full, empty string) string {
	if w <= 0 {
		return ""
	}
	n := 0
	if whole > 0 {
		n = int(math.Round(part / whole * float64(w)))
	}
	n = min(max(n, 0), w)
	out := ""
	for i := range w {
		if i < n {
			out += full
		} else {
			out += empty
		}
	}
	return out
}

// Spark draws values as levels, one cell each, the newest at the right, at most w.
// Negative values are gaps.
func Spark(values []float64, w int, levels []string) string {
	if len(values) > w {
		values = values[len(values)-w:]
	}
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	out := ""
	for _, v := range values {
		if v < 0 || len(levels) == 0 {
			out += " "
			continue
		}
		i := 0
		if top > 0 {
			i = int(v / top * float64(len(levels)-1))
		}
		out += levels[min(max(i, 0), len(levels)-1)]
	}
	return out
}
