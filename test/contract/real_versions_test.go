//go:build integration

package contract_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/test/contract"
)

// versionOf is how to ask programs that do not tell it over their protocol, and how the
// answer begins what the proof is called.
var versionOf = map[string]struct {
	args  []string
	tells string
}{
	"nginx":    {[]string{"nginx", "-v"}, "nginx/"},
	"BIND":     {[]string{"named", "-v"}, "BIND "},
	"Knot":     {[]string{"knotd", "--version"}, "version "},
	"NSD":      {[]string{"nsd", "-v"}, "version "},
	"Unbound":  {[]string{"unbound", "-V"}, "Version "},
	"PowerDNS": {[]string{"pdns_server", "--version"}, "PowerDNS Authoritative Server "},
}

// What the probes cannot read of a server is asked of its program.
func TestProvenVersionsAreThoseInstalled(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for _, p := range contract.Proven {
		if p.Version != "" || p.Part == "kafka" { // Kafka's version is that of its Connect
			continue
		}
		program, rest, _ := strings.Cut(p.Name, " ")
		version, _, _ := strings.Cut(rest, " ")
		v, known := versionOf[program]
		if !known {
			t.Errorf("%s: nothing tells the version of %s", p.Part, p.Name)
			continue
		}
		out, err := exec.CommandContext(t.Context(), v.args[0], v.args[1:]...).CombinedOutput() //nolint:gosec // from the table above
		if !strings.Contains(strings.ToLower(string(out)), strings.ToLower(v.tells+version)+".") {
			t.Errorf("%s says %q (%v), contract.Proven lists %s", program, out, err, p.Name)
		}
	}
}
