//go:build integration

package lab

import (
	"fmt"
	"path/filepath"
	"strings"
)

// strangerKey is known to BIND and may do nothing; its secret is KeyName's.
const strangerKey = "stranger"

const namedConf = `key "%[1]s" { algorithm hmac-sha256; secret "%[2]s"; };
key "%[7]s" { algorithm hmac-sha256; secret "%[2]s"; };
options {
  directory "%[3]s";
  pid-file none; lock-file none; session-keyfile "session.key"; managed-keys-directory "."; key-directory ".";
  listen-on port %[4]d { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no; empty-zones-enable no; minimal-responses yes;
  notify explicit; notify-delay 0; serial-query-rate 1000;
};
controls { };
zone "%[5]s" { type primary; file "zone"; %[6]s };
`

// newBIND prepares BIND 9 as the primary of a zone.
func newBIND(dir string, port int, key string, z Zoned) (*NameServer, error) {
	may := fmt.Sprintf(`allow-update { key %[1]q; }; allow-transfer { key %[1]q; };`, KeyName)
	if len(z.Types) > 0 {
		may = fmt.Sprintf("update-policy { grant %s zonesub %s; }; allow-transfer { none; };", KeyName, strings.Join(z.Types, " "))
	}
	if len(z.Notify) > 0 {
		may += " also-notify { "
		for _, a := range z.Notify {
			host, p, err := split(a)
			if err != nil {
				return nil, err
			}
			may += fmt.Sprintf("%s port %d; ", host, p)
		}
		may += "};"
	}
	if z.Signed {
		may += " dnssec-policy default;"
	}
	conf := filepath.Join(dir, "named.conf")
	for path, text := range map[string]string{
		filepath.Join(dir, "zone"): z.text(),
		conf:                       fmt.Sprintf(namedConf, KeyName, key, dir, port, z.Name, may, strangerKey),
	} {
		if err := serverFile(path, text); err != nil {
			return nil, err
		}
	}
	return nameServer(dir, port, key, z.Name, "named", "-g", "-n", "1", "-c", conf), nil
}
