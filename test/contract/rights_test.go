package contract_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/test/contract"
)

var quoted = regexp.MustCompile("`([^`]+)`")

// The tables of rights in docs/components list what the suite grants, row by row, and each row
// has a test.
func TestDocsListTheRightsThatAreTested(t *testing.T) {
	tested := ""
	for _, f := range []string{"real_grants_test.go", "real_rights_test.go", "real_redis_modes_test.go", "real_redis_history_test.go", "real_tls_links_test.go"} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		tested += string(b)
	}
	want := map[string][]string{}
	for _, a := range contract.Accounts {
		want[a.Page] = append(want[a.Page], a.Name+": "+strings.Join(a.Rights, ", "))
		if !strings.Contains(tested, "func "+a.Proof+"(") {
			t.Errorf("the rights of %q in %s are said to be tested by %s, which is not there", a.Name, a.Page, a.Proof)
		}
	}
	for page, rows := range want {
		_, section, _ := strings.Cut(read(t, "docs/components/"+page), "\n## Rights\n")
		section, _, _ = strings.Cut(section, "\n## ")
		var got []string
		for line := range strings.Lines(section) {
			cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "| \n"), " | ")
			if len(cells) < 3 || cells[0] == "account" {
				continue
			}
			var rights []string
			for _, m := range quoted.FindAllStringSubmatch(strings.ReplaceAll(cells[1], "\x00", "|"), -1) {
				if strings.HasPrefix(m[1], "+") { // Redis's rules stand together
					rights = append(rights, strings.Fields(m[1])...)
				} else {
					rights = append(rights, m[1])
				}
			}
			got = append(got, cells[0]+": "+strings.Join(rights, ", "))
		}
		slices.Sort(got)
		slices.Sort(rows)
		if !slices.Equal(got, rows) {
			t.Errorf("docs/components/%s lists\n%s\nthe suite grants\n%s", page, strings.Join(got, "\n"), strings.Join(rows, "\n"))
		}
	}
}
