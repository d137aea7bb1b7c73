package trust

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Overheard is the logger of a client library that tells only there why a connection
// broke, and returns an error that says nothing: it keeps the newest error in which TLS
// has a part, or one of Also, and forgets the rest. Safe for concurrent use.
type Overheard struct {
	Also []error

	mu  sync.Mutex
	err error
}

// Print looks for errors among what is logged; nothing is written anywhere.
func (o *Overheard) Print(v ...any) {
	for _, x := range v {
		if err, ok := x.(error); ok && (KindOf(err) != NoKind || slices.ContainsFunc(o.Also, func(also error) bool { return errors.Is(err, also) })) {
			o.mu.Lock()
			o.err = err
			o.mu.Unlock()
		}
	}
}

// Join adds what was overheard to err, once; err itself when that was nothing.
func (o *Overheard) Join(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil || o.err == nil {
		return err
	}
	heard := o.err
	o.err = nil
	return fmt.Errorf("%w: %w", heard, err)
}

// Forget drops what was overheard, before a new connection is tried.
func (o *Overheard) Forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = nil
}

// Unanswered says whether the server asked for a client certificate at the last handshake,
// and there was none to show. Servers that leave the refusal to the login, as MySQL does
// for accounts that require one, do not say so themselves.
func (c *Client) Unanswered() bool {
	return c != nil && c.s.Cert == "" && c.asked.Load()
}
