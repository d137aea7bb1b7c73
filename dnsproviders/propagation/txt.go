package propagation

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"github.com/dutyops/dutyops/dnsproviders/internal/rr"
)

// TXT asks one server for the TXT records of names and returns the values of those that
// have any, each value's strings joined. The error is that of the first question that was
// not answered; what was answered is returned all the same. Safe for concurrent use.
func TXT(ctx context.Context, s Server, names []string, o Options) (map[string][]string, error) {
	o = o.withDefaults()
	t := &target{server: s, opt: o}
	out := map[string][]string{}
	var mu sync.Mutex
	var first error
	next := make(chan string)
	go func() {
		defer close(next)
		for _, n := range names {
			next <- rr.Name(n)
		}
	}()
	var wg sync.WaitGroup
	for range min(o.Workers, len(names)) {
		wg.Go(func() {
			var sock socket
			defer sock.close()
			for n := range next {
				values, err := t.txt(ctx, &sock, n)
				mu.Lock()
				if len(values) > 0 {
					out[n] = values
				}
				if err != nil && first == nil {
					first = fmt.Errorf("TXT %s: %w", n, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return out, first
}

func (t *target) txt(ctx context.Context, sock *socket, name string) ([]string, error) {
	if t.silent() {
		return nil, fmt.Errorf("%w: %s was silent to %d questions before", ErrNoAnswer, t.server.Name, silentAfter)
	}
	if !rr.ValidName(name) {
		return nil, fmt.Errorf("%w: %q cannot be asked", ErrUnreadable, name)
	}
	r, _, err := t.exchange(ctx, sock, name, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	if r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("%w: %s", ErrRefused, dns.RcodeToString[r.Rcode])
	}
	return textsOf(r.Answer, name), nil
}

// textsOf are the TXT values at name in an answer, each value's strings joined.
func textsOf(rrs []dns.RR, name string) []string {
	var out []string
	for _, x := range rrs {
		if v, ok := x.(*dns.TXT); ok && rr.Name(v.Hdr.Name) == name {
			out = append(out, strings.Join(v.Txt, ""))
		}
	}
	return out
}
