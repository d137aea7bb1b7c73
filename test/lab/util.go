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

// freePort finds a port that is free for TCP and UDP on all the addresses, so that
// several servers can share its number.
func freePort(ctx context.Context, addresses ...string) (int, error) {
	var lc net.ListenConfig
	for range 50 {
		first, err := lc.Listen(ctx, "tcp4", addresses[0]+":0")
		if err != nil {
			return 0, err
		}
		_, port, err := split(first.Addr().String())
		_ = first.Close()
		if err != nil {
			return 0, err
		}
		if portFree(ctx, port, addresses) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port is free on all of %v", addresses)
}

func portFree(ctx context.Context, port int, addresses []string) bool {
	for _, a := range addresses {
		if !bindable(ctx, net.JoinHostPort(a, strconv.Itoa(port))) {
			return false
		}
	}
	return true
}

func bindable(ctx context.Context, address string) bool {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", address)
	if err != nil {
		return false
	}
	defer func() { _ = l.Close() }()
	p, err := lc.ListenPacket(ctx, "udp4", address)
	if err != nil {
		return false
	}
	return p.Close() == nil
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
