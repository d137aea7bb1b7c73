//go:build integration

package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// secret makes a password of 32 hexadecimal digits.
func secret() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

func contains(s, part string) bool { return strings.Contains(s, part) }

func split(address string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(p)
	return host, port, err
}

// Await asks until look returns "", or fails with what it said last.
func Await(ctx context.Context, within time.Duration, what string, look func(context.Context) string) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	said := ""
	for {
		if s := look(ctx); s == "" {
			return nil
		} else if ctx.Err() == nil {
			said = s
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s: %s", what, within, said)
		case <-tick.C:
		}
	}
}
