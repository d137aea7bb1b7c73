package failoverplan

import (
	"fmt"
	"testing"
)

func TestCardTerms(t *testing.T) {
	for _, tc := range []struct {
		c    Card
		want string
	}{
		{Card{}, "not atomic, read before the write, requests of any size"},
		{Card{Atomic: true, CompareAndSet: true, MaxBatch: 500, Rate: 5}, "all or nothing, the server compares, 500 sets a request, 5 requests a second"},
		{Card{MaxBatch: 1, MinTTL: 600, Rate: 0.5}, "not atomic, read before the write, one set a request, 0.5 requests a second, TTL from 600 s"},
	} {
		if got := tc.c.Terms(fmt.Sprintf); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}
