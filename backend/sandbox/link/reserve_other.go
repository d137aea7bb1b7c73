//go:build !linux

package link

// reserve has no portable way to keep a port without listening; the Link retries
// when it must take the port again.
func reserve(listen string) (addr string, free func(), err error) { return probe(listen) }
