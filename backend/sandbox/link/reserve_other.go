//go:build !linux

package link

// Reserve has no portable way to keep a port without listening; the Link retries
// when it must take the port again.
func Reserve(listen string) (addr string, free func(), err error) { return probe(listen) }
