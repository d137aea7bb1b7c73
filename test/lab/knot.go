//go:build integration

package lab

import (
	"fmt"
	"path/filepath"
	"strings"
)

const knotConf = `server:
    rundir: "%[1]s"
    listen: 127.0.0.1@%[2]d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "%[1]s"
    journal-db-max-size: 50M
    timer-db-max-size: 10M
    kasp-db-max-size: 10M
key:
  - id: %[3]s
    algorithm: hmac-sha256
    secret: %[4]s
%[7]sacl:
  - id: update
    key: %[3]s
    action: [update, transfer]
%[8]stemplate:
  - id: default
    storage: "%[1]s"
    file: "zone"
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
zone:
  - domain: %[5]s
    acl: update
%[6]s`

// newKnot prepares Knot DNS as the primary of a zone.
func newKnot(dir string, port int, key string, z Zoned) (*NameServer, error) {
	var zone, remotes, ids, types strings.Builder
	for i, a := range z.Notify {
		host, p, err := split(a)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&remotes, "  - id: second%d\n    address: %s@%d\n", i, host, p)
		fmt.Fprintf(&ids, ", second%d", i)
	}
	if remotes.Len() > 0 {
		fmt.Fprintf(&zone, "    notify: [%s]\n", ids.String()[2:])
	}
	if z.Signed {
		zone.WriteString("    dnssec-signing: on\n")
	}
	if len(z.Types) > 0 {
		fmt.Fprintf(&types, "    update-type: [%s]\n", strings.Join(z.Types, ", "))
	}
	remote := ""
	if remotes.Len() > 0 {
		remote = "remote:\n" + remotes.String()
	}
	conf := filepath.Join(dir, "knot.conf")
	for path, text := range map[string]string{
		filepath.Join(dir, "zone"): z.text(),
		conf:                       fmt.Sprintf(knotConf, dir, port, KeyName, key, z.Name, zone.String(), remote, types.String()),
	} {
		if err := serverFile(path, text); err != nil {
			return nil, err
		}
	}
	return nameServer(dir, port, key, z.Name, "knotd", "-c", conf), nil
}
