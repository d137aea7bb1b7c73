package link

import (
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Reserve binds listen (TCP) without listening and keeps it bound until free is called.
// While a Link is down its port would otherwise be free, and any outgoing
// connection on the machine may be given it: the Link could not be healed. Linux
// lets a listener with SO_REUSEADDR (Go sets it) join such a port, and never hands
// it out by itself. Connecting to it is refused while nobody listens.
func Reserve(listen string) (addr string, free func(), err error) {
	tcp, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil {
		return "", nil, fmt.Errorf("resolve %s: %w", listen, err)
	}
	ip := tcp.IP.To4()
	if ip == nil {
		return probe(listen)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", nil, fmt.Errorf("socket: %w", err)
	}
	free = func() { _ = syscall.Close(fd) }
	if err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(ip)})
	}
	var name syscall.Sockaddr
	if err == nil {
		name, err = syscall.Getsockname(fd)
	}
	if err != nil {
		free()
		return "", nil, fmt.Errorf("bind %s: %w", listen, err)
	}
	got, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		free()
		return "", nil, fmt.Errorf("bind %s: unexpected address %T", listen, name)
	}
	return net.JoinHostPort(net.IP(got.Addr[:]).String(), strconv.Itoa(got.Port)), free, nil
}
