package contract_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/test/contract"
)

// rows are README's, with the parts that share one.
var rows = map[string][]string{
	"DNS by RFC 2136 with TSIG":          {"rfc2136"},
	"DNS at PowerDNS (HTTP API)":         {"powerdns"},
	"DNS at Cloudflare":                  {"cloudflare"},
	"DNS at Route 53":                    {"route53"},
	"DNS at DNSPod":                      {"dnspod"},
	"DNS at Alibaba Cloud":               {"alidns"},
	"DNS through a libdns module":        {"libdns"},
	"Authoritative servers, resolvers":   {"answers"},
	"Gateway, HTTP, TCP, DNS":            {"http", "tcp", "dns"},
	"MySQL, MariaDB":                     {"mysql"},
	"Redis":                              {"redis"},
	"Elasticsearch, OpenSearch":          {"elasticsearch"},
	"Kafka, Kafka Connect (MirrorMaker)": {"kafka", "kafka-connect"},
	"Flink":                              {"flink"},
	"RabbitMQ":                           {"rabbitmq"},
	"Upstream feeds":                     nil, // no product
}

// What README and the pages say of real servers is what the suites ran on, no less and no
// more; and what was held to written answers only is called so.
func TestDocsClaimWhatWasProven(t *testing.T) {
	readme := read(t, "README.md")
	_, table, found := strings.Cut(readme, "| part | dutyops can | sandbox | proven on |\n|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	claims := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		claims[cells[0]] = cells[len(cells)-1]
	}
	if names := slices.Sorted(maps.Keys(claims)); !found || !slices.Equal(names, slices.Sorted(maps.Keys(rows))) {
		t.Errorf("README's table has the rows %q", names)
	}
	var parts []string
	for row, of := range rows {
		want := orElse(namesOf(contract.Proven, func(p contract.Proof) bool { return slices.Contains(of, p.Part) }), "no server")
		if of == nil {
			want = "not applicable"
		}
		if claims[row] != want {
			t.Errorf("README's row %q claims %q, the suites prove %q", row, claims[row], want)
		}
		parts = append(parts, of...)
	}
	for _, p := range slices.Concat(contract.Proven, contract.Written) {
		if !slices.Contains(parts, p.Part) {
			t.Errorf("README has no row of %s", p.Part)
		}
	}
	if want := "\nHeld to written answers only: " + namesOf(contract.Written, func(contract.Proof) bool { return true }) + "."; !strings.Contains(strings.ReplaceAll(readme, "\n", " "), " "+want[1:]) {
		t.Errorf("README does not say %q", want)
	}

	for _, folder := range []string{"components/*.md", "providers/*.md", "verification.md"} {
		pages, err := filepath.Glob(filepath.Join("..", "..", "docs", filepath.FromSlash(folder)))
		if err != nil || len(pages) == 0 {
			t.Fatal(folder, err)
		}
		for _, path := range pages {
			page, err := filepath.Rel(filepath.Join("..", "..", "docs"), path)
			if err != nil {
				t.Fatal(err)
			}
			on := func(p contract.Proof) bool { return p.Page == filepath.ToSlash(page) }
			text := read(t, filepath.Join("docs", page))
			for begin, want := range map[string]string{
				"Proven on: ":                    orElse(namesOf(contract.Proven, on), "no server"),
				"Held to written answers only: ": namesOf(contract.Written, on),
			} {
				_, got, _ := strings.Cut(text, "\n"+begin)
				got, _, _ = strings.Cut(got, ".\n")
				if got != want {
					t.Errorf("docs/%s: %q%q, the suites say %q", page, begin, got, want)
				}
			}
		}
	}
}

// namesOf lists the names of those that are wanted, each once.
func namesOf(all []contract.Proof, wanted func(contract.Proof) bool) string {
	var names []string
	for _, p := range all {
		if wanted(p) && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, ", ")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
