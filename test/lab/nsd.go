//go:build integration

package lab

import (
	"fmt"
	"path/filepath"
)

const nsdConf = `server:
  ip-address: 127.0.0.1@%[2]d
  username: ""
  chroot: ""
  zonesdir: "%[1]s"
  database: ""
  pidfile: "%[1]s/nsd.pid"
  xfrdfile: "%[1]s/xfrd.state"
  zonelistfile: "%[1]s/zone.list"
  xfrdir: "%[1]s"
  cookie-secret-file: ""
  server-count: 1
remote-control:
  control-enable: no
key:
  name: "%[3]s"
  algorithm: hmac-sha256
  secret: "%[4]s"
zone:
  name: %[5]s
  zonefile: zone.secondary
  request-xfr: AXFR %[6]s@%[7]d %[3]s
  allow-notify: 127.0.0.1 NOKEY
`

// newNSD prepares NSD as a secondary of a primary.
func newNSD(dir string, port int, zone string, primary *NameServer) (*NameServer, error) {
	host, p, err := split(primary.Addr)
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "nsd.conf")
	if err := serverFile(conf, fmt.Sprintf(nsdConf, dir, port, KeyName, primary.Key, zone, host, p)); err != nil {
		return nil, err
	}
	return nameServer(dir, port, "", zone, "nsd", "-d", "-c", conf), nil
}
