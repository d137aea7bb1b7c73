package link

import (
	"fmt"
	"time"
)

// Mode says how a Link treats what flows through it. The zero value is Pass. A
// Mode is a plain value: compare it with ==, keep it, pass it on.
type Mode int64

// Modes without a parameter. Slow is a function because it has one.
const (
	// Pass lets everything through unchanged.
	Pass Mode = 0
	// Down closes the listener and resets the existing connections (RST), as a
	// process that was killed does.
	Down Mode = -1
	// Refuse closes the listener only; existing connections live on.
	Refuse Mode = -2
	// Blackhole holds the bytes of both directions, FIN and RST included. New
	// connections are accepted but nothing answers. What was held flows once the
	// Link is healed, with two exceptions, as on a real line: a connection that was
	// opened and given up in the meantime never reaches the server, and what a sender
	// that has reset its connection had on the way is lost.
	Blackhole Mode = -3
	// OneWay lets client-to-server bytes pass and holds the answers.
	OneWay Mode = -4
)

// Slow is the Mode that delivers each chunk latency later, in both directions.
// Throughput is not limited: chunks travel behind each other as on a long line.
// A latency that is not positive gives Pass.
func Slow(latency time.Duration) Mode {
	if latency <= 0 {
		return Pass
	}
	return Mode(latency)
}

// Latency is the one-way delay that m asks for; 0 unless m is from Slow.
func (m Mode) Latency() time.Duration {
	if m <= 0 {
		return 0
	}
	return time.Duration(m)
}

// String gives m in words, for logs and messages.
func (m Mode) String() string {
	switch m {
	case Pass:
		return "pass"
	case Down:
		return "down"
	case Refuse:
		return "refuse"
	case Blackhole:
		return "blackhole"
	case OneWay:
		return "one-way"
	default:
		if m > 0 {
			return "slow " + m.Latency().String()
		}
		return fmt.Sprintf("unknown mode %d", int64(m))
	}
}

// listens tells whether a Link in this mode has its listener open.
func (m Mode) listens() bool { return m != Down && m != Refuse }

// holds tells whether bytes wait; answers are those from server to client.
func (m Mode) holds(answers bool) bool {
	return m == Blackhole || (m == OneWay && answers)
}
