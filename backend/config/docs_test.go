package config

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	gen "github.com/invopop/jsonschema"

	"github.com/dutyops/dutyops/failoverplan"
)

const (
	docsFile  = "../../docs/configuration.md"
	docsBegin = "<!-- generated from backend/config: go test ./backend/config -update -->\n"
	docsEnd   = "<!-- end of generated part -->\n"
)

// TestDocsAreUpToDate: the reference of docs/configuration.md is made from the types
// and tables that the reader itself uses, so it cannot say anything else.
func TestDocsAreUpToDate(t *testing.T) {
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), docsBegin)
	_, tail, ok2 := strings.Cut(rest, docsEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has lost its markers", docsFile)
	}
	want := head + docsBegin + reference(t) + docsEnd + tail
	if *update {
		if err := os.WriteFile(docsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(data) != want {
		t.Errorf("%s is out of date; run: go test ./backend/config -update", docsFile)
	}
}

// TestProviderPages: each kind has its page, with its card, the least right of its credential, and
// configurations that pass.
func TestProviderPages(t *testing.T) {
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "```yaml\n")
	whole, _, _ := strings.Cut(rest, "```\n")
	const list = "  providers: [{name: cf, kind: cloudflare, token: env:TOKEN}]\n"
	if !strings.Contains(whole, list) {
		t.Fatal("the example of configuration.md has another provider")
	}
	for _, kind := range providerKindNames() {
		page, err := os.ReadFile("../../docs/providers/" + kind + ".md")
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range []string{"\nCard: ", "\nProven on: ", "**Limits.**"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s.md has no %q", kind, want)
			}
		}
		if !regexp.MustCompile(`\*\*(Policy|Token|Key)\.\*\*`).Match(page) {
			t.Errorf("%s.md does not say the least right", kind)
		}
		snippets := strings.Split(string(page), "```yaml\n")[1:]
		if len(snippets) == 0 {
			t.Errorf("%s.md has no configuration", kind)
		}
		for _, s := range snippets {
			s, _, _ = strings.Cut(s, "```")
			first, more, _ := strings.Cut(s, "\n")
			if !strings.HasPrefix(first, "- name: ") || !strings.HasPrefix(more, "  kind: "+kind+"\n") {
				t.Errorf("%s.md: %q is no provider of this kind", kind, s)
				continue
			}
			s = "    - name: cf\n    " + strings.ReplaceAll(strings.TrimSpace(more), "\n", "\n    ") + "\n"
			s = strings.ReplaceAll(strings.Replace(s, "\n    kind:", "\n      kind:", 1), "file:", "env:X_")
			if _, err := Parse(kind+".md", []byte(strings.Replace(whole, list, "  providers:\n"+s, 1))); err != nil {
				t.Errorf("%s.md: %v", kind, err)
			}
		}
	}
}

// TestDocsQuoteAFileThatPasses: the example in the text is one that works.
func TestDocsQuoteAFileThatPasses(t *testing.T) {
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(data), "```yaml\n")
	body, _, ok2 := strings.Cut(rest, "```\n")
	if !ok || !ok2 {
		t.Fatal("no example")
	}
	if _, err := Parse("docs", []byte(body)); err != nil {
		t.Error(err)
	}
}

func reference(t *testing.T) string {
	t.Helper()
	var s gen.Schema
	if err := s.UnmarshalJSON(Schema()); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, section := range []struct{ title, typ string }{
		{"The file", "Config"},
		{"sites[]", "Site"},
		{"sites[].gateway", "Gateway"},
		{"sites[].business, sites[].data", "Platform"},
		{"...subsystems[]", "Subsystem"},
		{"...components[]", "Component"},
		{"...components[].control", "Account"},
		{"...components[].replication", "Replication"},
		{"...components[].replication.tls", "ReplicationTLS"},
		{"...tls (components, subsystems, gateway, providers, upstreams[].switch)", "TLS"},
		{"...components[].job", "Job"},
		{"...components[].mirrors[]", "Mirror"},
		{"stations[]", "Station"},
		{"domains[]", "Domain"},
		{"dns", "DNS"},
		{"dns.providers[]", "Provider"},
		{"dns.zones[]", "Zone"},
		{"dns.zones[].name_servers[]", "NameServer"},
		{"dns.zones[].also[]", "Twin"},
		{"dns.resolvers[]", "Resolver"},
		{"dns.service", "Service"},
		{"dns.armed", "Armed"},
		{"upstreams[]", "Upstream"},
		{"upstreams[].switch", "FeedSwitch"},
		{"sync", "SyncRules"},
		{"sync.policy[]", "Policy"},
		{"sync.relations[]", "Relation"},
		{"thresholds", "Thresholds"},
		{"thresholds.window", "Window"},
		{"rules", "Rules"},
	} {
		def := s.Definitions[section.typ]
		if def == nil {
			t.Fatalf("no type %s", section.typ)
		}
		fmt.Fprintf(&b, "\n### %s\n\n| key | takes | |\n|---|---|---|\n", section.title)
		for p := def.Properties.Oldest(); p != nil; p = p.Next() {
			required := ""
			for _, r := range def.Required {
				if r == p.Key {
					required = "**required** "
				}
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Key, takes(p.Value), strings.TrimSpace(required+cell(p.Value.Description)))
		}
		switch section.typ {
		case "Component":
			b.WriteString(kindsTable())
		case "Provider":
			b.WriteString(providersTable())
		}
	}
	b.WriteString("\n")
	return b.String()
}

func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "\\|")
}

// takes names what a key takes, in the words of the text above the tables.
func takes(s *gen.Schema) string {
	switch {
	case len(s.Enum) > 0:
		var words []string
		for _, v := range s.Enum {
			words = append(words, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(words, ", ")
	case s.Pattern == secretPattern:
		return "secret"
	case s.Format == filePath:
		return "file"
	case s.Pattern == hostPortPattern:
		return "host:port"
	case s.Pattern == urlPattern:
		return "URL"
	case len(s.OneOf) > 0:
		return "duration"
	case s.Type == "array" && s.Items.Ref != "":
		return "list"
	case s.Type == "array":
		return "list of " + takes(s.Items)
	case s.Ref != "":
		return "keys"
	case s.Type == "string":
		return "text"
	case s.Type == "boolean":
		return "true or false"
	case s.Type == "integer":
		return "number"
	}
	return s.Type
}

func kindsTable() string {
	var b strings.Builder
	b.WriteString("\nEvery component may have `" + strings.Join(componentCommon, "`, `") + "`. Beyond that:\n\n| kind | required | optional | critical | policy |\n|---|---|---|---|---|\n")
	for _, name := range componentKindNames() {
		spec := componentKinds[failoverplan.ComponentKind(name)]
		required := keyList(spec.required, ", ")
		if len(spec.anyOf) > 0 {
			required = keyList(spec.anyOf, " or ")
		}
		critical, policy := "", "never synced"
		if spec.critical {
			critical = "yes"
		}
		if spec.syncable {
			policy = "sync or none"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, required, keyList(spec.optional, ", "), critical, policy)
	}
	return b.String()
}

func providersTable() string {
	var b strings.Builder
	b.WriteString("\nEvery provider may have `" + strings.Join(providerCommon, "`, `") + "`. Beyond that:\n\n| kind | required | optional |\n|---|---|---|\n")
	for _, name := range providerKindNames() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, keyList(providerKinds[name].required, ", "), keyList(providerKinds[name].optional, ", "))
	}
	return b.String()
}

func keyList(keys []string, sep string) string {
	var out []string
	for _, k := range keys {
		out = append(out, "`"+k+"`")
	}
	return strings.Join(out, sep)
}

// TestEveryTypeIsDocumented: a type that the reference leaves out would be a hole.
func TestEveryTypeIsDocumented(t *testing.T) {
	text := reference(t)
	for field, key := range keysByField(reflect.TypeFor[Config](), map[string]string{}) {
		if !strings.Contains(text, "| `"+key+"` |") {
			t.Errorf("%s (%s) is not in the reference", key, field)
		}
	}
}
