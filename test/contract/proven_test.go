package contract_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/test/contract"
)

// rows are README's, by the kinds that share one.
var rows = map[string]string{
	"mysql": "| MySQL, MariaDB |", "redis": "| Redis |", "elasticsearch": "| Elasticsearch |", "kafka": "| Kafka, Kafka Connect",
	"kafka-connect": "| Kafka, Kafka Connect", "flink": "| Flink |", "rabbitmq": "| RabbitMQ |",
}

// What README and the pages say of real servers is what the suite ran on, no less and no more.
func TestDocsClaimWhatWasProven(t *testing.T) {
	readme := read(t, "README.md")
	claims, pages := map[string][]string{}, map[string][]string{}
	for _, p := range contract.Proven {
		if row := rows[p.Kind]; !slices.Contains(claims[row], p.Name) {
			claims[row] = append(claims[row], p.Name)
		}
		if !slices.Contains(pages[p.Page], p.Name) {
			pages[p.Page] = append(pages[p.Page], p.Name)
		}
	}
	for kind, row := range rows {
		want := strings.Join(claims[row], ", ")
		if want == "" {
			want = "not yet"
		}
		_, line, found := strings.Cut(readme, "\n"+row)
		line, _, _ = strings.Cut(line, "\n")
		if cells := strings.Split(strings.Trim(line, "| "), " | "); !found || cells[len(cells)-1] != want {
			t.Errorf("README's row of %s claims %q, the suite proves %q", kind, line, want)
		}
	}
	for page, names := range pages {
		want := "\nProven on: " + strings.Join(names, ", ") + ".\n"
		if text := read(t, "docs/components/"+page); !strings.Contains(text, want) {
			t.Errorf("docs/components/%s does not say %q", page, want)
		}
	}
	files, err := filepath.Glob("../../docs/components/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if base := filepath.Base(f); pages[base] == nil && strings.Contains(read(t, "docs/components/"+base), "\nProven on:") {
			t.Errorf("docs/components/%s claims to be proven, the suite does not", base)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
