package propagation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

// Server is one address to ask.
type Server struct {
	// Name is what people call it; Addr is host:port.
	Name          string
	Addr          string
	Authoritative bool
}

// Question is one name and type (A, AAAA, CNAME or HTTPS).
type Question struct {
	Name string
	Type string
}

// Answer is what one server said to one question.
type Answer struct {
	Server string
	Name   string
	Type   string
	// Values are canonical and sorted; empty when the server says that there are none
	// (Err is nil then) or when it did not say (Err is set). For A, AAAA and HTTPS a
	// CNAME is followed inside the answer, as a client does.
	Values []string
	// TTL in seconds: the least of the set and the aliases before it; of a negative
	// answer its negative TTL (RFC 2308 section 5).
	TTL uint32
	// AA is the server's claim of authority.
	AA bool
	// Serial of the zone at an authoritative server, when Options.Zones holds the zone
	// or the answer was negative.
	Serial uint32
	// Rcode is the response code's name ("NOERROR", "NXDOMAIN"), "" without an answer.
	Rcode string
	// At is when the answer came.
	At  time.Time
	Err error
	// Sig is the set's signature, nil when it has none or Options.Signatures was not set.
	Sig *Signature
	// Stale is the server's own word that the answer has expired (RFC 8914 codes 3 and 19).
	Stale bool
	// TCP tells that the answer did not fit into UDP.
	TCP bool
}

// Options of a Check.
type Options struct {
	// Workers bounds the questions on their way; 0 = 16. Every server has its share, so
	// that a silent one delays only itself.
	Workers int
	// Timeout of one try; 0 = 1 s. A question is tried twice.
	Timeout time.Duration
	// Zones whose SOA serial is asked for at every authoritative server.
	Zones []string
	// Signatures asks authoritative servers for RRSIG records (the DO bit, RFC 4035).
	Signatures bool
	// Keys hold the signatures against the zone's keys; empty = only their dates are read.
	Keys []Keys
	// Now gives Answer.At; nil = time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = 16
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Reasons of Answer.Err. Test with errors.Is.
var (
	// ErrNoAnswer: silence, twice, or no connection.
	ErrNoAnswer = errors.New("no answer")
	// ErrNotAuthoritative: an authoritative server without authority (lame).
	ErrNotAuthoritative = errors.New("answers without authority for the zone")
	// ErrRefused: any response code that is neither success nor "no such name".
	ErrRefused = errors.New("refuses to answer")
	// ErrUnreadable: what came is no answer to the question.
	ErrUnreadable = errors.New("unreadable answer")
)

// Each are the options for one of n servers that are asked side by side: its share of the
// workers, and as many as it takes to find out within one question's time that it is silent.
func (o Options) Each(n int) Options {
	o = o.withDefaults()
	o.Workers = max(silentAfter, o.Workers/max(1, n))
	return o
}

// silentAfter is the number of questions in a row without any answer after which a
// server is not asked the rest.
const silentAfter = 3

// Check asks every server every question and returns the answers ordered by server,
// then question, as given. It returns when all have answered or failed; when ctx ends,
// the rest have its error. Safe for concurrent use.
func Check(ctx context.Context, servers []Server, questions []Question, o Options) []Answer {
	o = o.Each(len(servers))
	out := make([]Answer, len(servers)*len(questions))
	var wg sync.WaitGroup
	for i, s := range servers {
		mine := out[i*len(questions) : (i+1)*len(questions)]
		wg.Go(func() {
			serials := Each(ctx, s, questions, o, func(i int, a Answer) { mine[i] = a })
			for i := range mine {
				if a := &mine[i]; a.Err == nil {
					if n, ok := serials.Of(a.Name); ok {
						a.Serial = n
					}
				}
			}
		})
	}
	wg.Wait()
	return out
}

// Each asks one server every question with Options.Workers at a time and hands each
// answer over as it comes, with the question's index, from several goroutines. It returns
// the serials of Options.Zones at an authoritative server. Nothing is kept.
func Each(ctx context.Context, s Server, qs []Question, o Options, f func(i int, a Answer)) Serials {
	o = o.withDefaults()
	t := &target{server: s, opt: o}
	next := make(chan int)
	heard := make(chan struct{}) // closed at the first answer, or when the first questions have none
	var answered atomic.Bool
	var tried atomic.Int32
	var once sync.Once
	go func() {
		defer close(next)
		for i := range qs {
			if i == silentAfter {
				<-heard // a silent server is asked no more than these, all at once
			}
			next <- i
		}
	}()
	var wg sync.WaitGroup
	for range min(o.Workers, len(qs)) {
		wg.Go(func() {
			var sock socket
			defer sock.close()
			for i := range next {
				a := t.ask(ctx, &sock, Question{rr.Name(qs[i].Name), strings.ToUpper(qs[i].Type)})
				if a.Err == nil {
					answered.Store(true)
				}
				f(i, a)
				if a.Err == nil || tried.Add(1) == silentAfter {
					once.Do(func() { close(heard) })
				}
			}
		})
	}
	wg.Wait()
	if !s.Authoritative || !answered.Load() {
		return nil
	}
	var sock socket
	defer sock.close()
	serials := make(Serials, len(o.Zones))
	for _, z := range o.Zones {
		if t.silent() {
			break
		}
		zone := rr.Name(z)
		if serial, ok := t.serial(ctx, &sock, zone); ok {
			serials[zone] = serial
		}
	}
	return serials
}

// Serials are SOA serials by zone.
type Serials map[string]uint32

// Of is the serial of the nearest zone that holds name.
func (s Serials) Of(name string) (uint32, bool) {
	for n := rr.Name(name); len(s) > 0 && n != ""; {
		if serial, ok := s[n]; ok {
			return serial, true
		}
		_, n, _ = strings.Cut(n, ".")
	}
	return 0, false
}

// Same says whether the answer is exactly the wanted set (canonical values, any order).
// An answer with an error is never the same.
func (a Answer) Same(wanted []string) bool {
	if a.Err != nil {
		return false
	}
	w := slices.Clone(wanted)
	slices.Sort(w)
	return slices.Equal(a.Values, w)
}

// OldUntil says until when a cache that gave this answer may give it again: zero when the
// answer is as wanted or there was none. The TTL in it is the old one, whatever TTL the
// change has written. Resolvers that stretch TTLs or serve stale data may keep it longer.
func OldUntil(a Answer, wanted []string) time.Time {
	if a.Err != nil || a.Same(wanted) {
		return time.Time{}
	}
	return a.At.Add(time.Duration(a.TTL) * time.Second)
}
