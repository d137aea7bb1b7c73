//go:build integration

package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
)

// reserved are the ports (and folders) that this process has taken. Each is held for the life of the
// process by listening on an abstract Unix socket named after it, which other labs see
// and which goes with the process, however that ends. So a server that is restarted
// always gets its port back.
var reserved struct {
	mu    sync.Mutex
	locks []net.Listener
}

// freePort takes a port that is free for TCP and UDP on all the addresses, so that
// several servers can share its number. It is outside of what the kernel hands out to
// connections and to listeners on port 0.
func freePort(ctx context.Context, addresses ...string) (int, error) {
	from, to := portRange()
	reserved.mu.Lock()
	defer reserved.mu.Unlock()
	var lc net.ListenConfig
	for range 200 {
		port := from + rand.IntN(to-from) //nolint:gosec // any will do
		lock, err := lc.Listen(ctx, "unix", "@dutyops-lab/port/"+strconv.Itoa(port))
		if err != nil {
			continue // another lab has it
		}
		if !portFree(ctx, port, addresses) {
			_ = lock.Close()
			continue
		}
		reserved.locks = append(reserved.locks, lock)
		return port, nil
	}
	return 0, fmt.Errorf("no port from %d to %d is free on all of %v", from, to-1, addresses)
}

// portRange is where the lab's ports are: [from, to).
func portRange() (from, to int) {
	low := 32768
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if _, err := fmt.Sscan(string(b), &low); err != nil {
			low = 32768
		}
	}
	to = min(low, 30000)
	if to < 12000 { // the kernel hands out nearly everything: take from the top of it
		return 55000, 65000
	}
	return max(to-10000, 2000), to
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

// loopbackPorts takes n ports of 127.0.0.1.
func loopbackPorts(ctx context.Context, n int) ([]int, error) {
	out := make([]int, n)
	for i := range out {
		var err error
		if out[i], err = freePort(ctx, "127.0.0.1"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
