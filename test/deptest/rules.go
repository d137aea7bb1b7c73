package deptest

import (
	"fmt"
	"strings"
)

// module is the import path of this repository.
const module = "github.com/dutyops/dutyops"

// room is a folder and what it may import of dutyops, besides itself and what is below
// it. The first room that holds a folder decides, so narrow ones come first.
type room struct {
	path string
	// may lists folders; "x/..." stands for x and everything below it.
	may []string
	// tests may import these as well, in _test.go files only.
	tests []string
	why   string
}

// rooms is the house plan (docs/adr/0001). Arrows run down only:
//
//	cmd/dutyops  ->  tui  ->  backend  ->  backend's rooms  ->  probes, dnsproviders, failoverplan
var rooms = []room{
	{path: "failoverplan", why: "the domain is pure: values in, values out"},
	{path: "probes", tests: []string{"backend/sandbox/..."}, why: "a probe knows one component, not the topology"},
	{path: "dnsproviders", tests: []string{"backend/sandbox/...", "test/lab"}, why: "a provider knows zones, not sites"},

	{path: "backend/config", may: []string{"failoverplan"}, why: "a file is read without touching the world"},
	{path: "backend/journal", may: []string{"failoverplan"}, why: "the journal remembers; it does not act"},
	{
		path: "backend/sandbox", may: []string{"backend/config"}, tests: []string{"failoverplan", "probes/...", "dnsproviders/..."},
		why: "the sandbox judges the engine, so it must not share code with it",
	},
	{path: "backend/monitor", may: []string{"backend/config", "failoverplan", "probes/..."}, tests: []string{"backend/sandbox/..."}, why: "it watches; others act"},
	{path: "backend/switching", may: []string{"backend/config", "failoverplan", "dnsproviders/..."}, tests: []string{"backend/sandbox/...", "test/lab"}, why: "it changes DNS and nothing else"},
	{path: "backend/secure", may: []string{"backend/config", "probes/trust"}, tests: []string{"probes/..."}, why: "it turns tls: into a client, and knows nobody who uses it"},
	{path: "backend/replication", may: []string{"backend/config", "backend/secure", "failoverplan", "probes/..."}, tests: []string{"backend/sandbox/..."}, why: "it moves data and nothing else"},
	{path: "backend/upstream", may: []string{"backend/config", "backend/secure", "failoverplan", "probes/guard"}, tests: []string{"backend/sandbox/...", "probes/..."}, why: "it moves feeds and nothing else"},
	{path: "backend/runbook", may: []string{"backend/journal", "failoverplan"}, why: "it runs steps; what a step does is handed in"},
	// A new room of the engine begins with this much.
	{path: "backend/", may: []string{"backend/config", "backend/journal", "failoverplan", "probes/...", "dnsproviders/..."}, tests: []string{"backend/sandbox/..."}, why: "rooms do not import the engine that composes them"},
	{path: "backend", may: []string{"failoverplan", "probes/...", "dnsproviders/..."}, why: "the engine does not know its faces"},

	{path: "tui", may: []string{"backend", "backend/config", "failoverplan"}, why: "a face shows and asks; only the engine acts"},
	{path: "cmd/dutyops", may: []string{"tui/...", "backend", "backend/config", "backend/sandbox", "failoverplan"}, tests: []string{"backend/sandbox/..."}, why: "a verb parses, calls the engine, prints"},
	{path: "test", may: []string{"cmd/...", "tui/...", "backend/...", "probes/...", "dnsproviders/...", "failoverplan"}, why: "tests of the whole may look everywhere"},
	{path: "examples", why: "examples are configuration"},
}

// forbidden says why importer may not import imported (both folders relative to the
// module's root); "" when it may.
func forbidden(importer, imported string, inTest bool) string {
	r, ok := roomOf(importer)
	if !ok {
		return fmt.Sprintf("%s is in no room of the house plan: add it to test/deptest/rules.go", importer)
	}
	if imported == importer || strings.HasPrefix(imported, importer+"/") {
		return "" // itself (external tests) and what is below it
	}
	// Within a room siblings may use one another, and what is below may use the top,
	// except in the engine, whose rooms are separate, and in the sandbox, whose servers
	// stand for servers of others.
	if mine := strings.TrimSuffix(r.path, "/"); r.path != "backend" && r.path != "backend/" && within(imported, mine) {
		if r.path != "backend/sandbox" || imported != mine {
			return ""
		}
	}
	may := r.may
	if r.path == "backend/sandbox" && importer != r.path {
		may = nil
	}
	if inTest {
		may = append(append([]string{}, may...), r.tests...)
	}
	for _, m := range may {
		if below, wide := strings.CutSuffix(m, "/..."); imported == m || wide && within(imported, below) {
			return ""
		}
	}
	return fmt.Sprintf("%s imports %s: %s", importer, imported, r.why)
}

// roomOf finds the room that a folder is in.
func roomOf(folder string) (room, bool) {
	for _, r := range rooms {
		if strings.HasSuffix(r.path, "/") && strings.HasPrefix(folder, r.path) || within(folder, r.path) {
			return r, true
		}
	}
	return room{}, false
}

// within says whether folder is top or below it.
func within(folder, top string) bool {
	return folder == top || strings.HasPrefix(folder, top+"/")
}
