//go:build integration

package lab

import (
	"cmp"
	"fmt"
	"path/filepath"
)

// Caching says how a resolver keeps answers.
type Caching struct {
	// Zone is asked for at Authority (host:port).
	Zone, Authority string
	// MinTTL and MaxTTL clamp the TTLs of answers, in seconds; 0 = as they come.
	MinTTL, MaxTTL int
	// Stale: expired answers are given while a new one cannot be had (RFC 8767).
	Stale bool
}

const unboundConf = `server:
  interface: 127.0.0.1@%[1]d
  do-ip6: no
  username: ""
  chroot: ""
  directory: "%[2]s"
  pidfile: "%[2]s/unbound.pid"
  use-syslog: no
  num-threads: 1
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "test." nodefault
  access-control: 127.0.0.0/8 allow
  cache-max-negative-ttl: 2
  cache-min-ttl: %[6]d
  cache-max-ttl: %[7]d
%[8]sremote-control:
  control-enable: no
stub-zone:
  name: "%[3]s"
  stub-addr: %[4]s@%[5]d
`

// newUnbound prepares Unbound as a caching resolver.
func newUnbound(dir string, port int, c Caching) (*NameServer, error) {
	host, p, err := split(c.Authority)
	if err != nil {
		return nil, err
	}
	stale := ""
	if c.Stale {
		stale = "  serve-expired: yes\n  serve-expired-reply-ttl: 30\n"
	}
	conf := filepath.Join(dir, "unbound.conf")
	text := fmt.Sprintf(unboundConf, port, dir, c.Zone, host, p, c.MinTTL, cmp.Or(c.MaxTTL, 86400), stale)
	if err := serverFile(conf, text); err != nil {
		return nil, err
	}
	return nameServer(dir, port, "", c.Zone, "unbound", "-d", "-c", conf), nil
}
