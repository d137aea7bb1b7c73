package deptest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// source is one Go file of the repository.
type source struct {
	path   string // relative to the root, with slashes
	folder string
	test   bool
	lines  int
	file   *ast.File
	fset   *token.FileSet
}

// sources parses every Go file. Folders that Go does not build are left out.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (name[0] == '.' || name[0] == '_' || slices.Contains([]string{"testdata", "vendor", "bin", "dist"}, name)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, path, data, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		out = append(out, source{
			path: rel, folder: filepath.ToSlash(filepath.Dir(rel)), test: strings.HasSuffix(name, "_test.go"),
			lines: strings.Count(string(data), "\n"), file: f, fset: fset,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d Go files found below %s", len(out), root)
	}
	return out
}

func TestArrows(t *testing.T) {
	for _, s := range sources(t) {
		for _, imp := range s.file.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			folder, ours := strings.CutPrefix(path, module+"/")
			if !ours {
				continue
			}
			if why := forbidden(s.folder, folder, s.test); why != "" {
				t.Errorf("%s: %s", s.fset.Position(imp.Pos()), why)
			}
		}
	}
}

// TestArrowsBite: the rules refuse what they are there to refuse.
func TestArrowsBite(t *testing.T) {
	for _, tc := range []struct {
		importer, imported string
		test, refused      bool
	}{
		{"probes", "failoverplan", false, true},
		{"probes", "dnsproviders", false, true},
		{"probes", "backend/config", true, true},
		{"probes", "backend/sandbox/link", true, false},
		{"probes", "backend/sandbox/link", false, true},
		{"probes/sub", "probes", false, false},
		{"failoverplan", "probes", true, true},
		{"dnsproviders/cloudflare", "dnsproviders", false, false},
		{"dnsproviders/cloudflare", "dnsproviders/internal/rr", false, false},
		{"dnsproviders/cloudflare", "probes", false, true},
		{"backend/monitor", "probes", false, false},
		{"backend/monitor", "backend", false, true},
		{"backend/monitor", "backend", true, true},
		{"backend/monitor", "backend/runbook", false, true},
		{"backend/monitor", "dnsproviders", false, true},
		{"backend/runbook", "backend/journal", false, false},
		{"backend/config", "failoverplan", false, false},
		{"backend/config", "probes", false, true},
		{"backend/newroom", "backend", false, true},
		{"backend/newroom", "failoverplan", false, false},
		{"backend/sandbox", "backend/config", false, false},
		{"backend/sandbox", "backend", false, true},
		{"backend/sandbox", "probes", false, true},
		{"backend/sandbox", "backend/sandbox/link", false, false},
		{"backend/sandbox/kafkad", "backend/sandbox/link", false, false},
		{"backend/sandbox/kafkad", "backend/sandbox", false, true},
		{"backend/sandbox/kafkad", "backend/config", false, true},
		{"backend/sandbox/kafkad", "failoverplan", false, true},
		{"backend", "backend/monitor", false, false},
		{"backend", "dnsproviders/rfc2136", false, false},
		{"backend", "tui", false, true},
		{"backend", "cmd/dutyops", true, true},
		{"tui", "backend", false, false},
		{"tui/kit", "tui/theme", false, false},
		{"tui", "backend/journal", false, true},
		{"tui", "probes", false, true},
		{"cmd/dutyops", "tui/plain", false, false},
		{"cmd/dutyops", "backend/sandbox", false, false},
		{"cmd/dutyops", "dnsproviders", false, true},
		{"cmd/dutyops", "backend/runbook", false, true},
		{"test/lab", "backend", true, false},
		{"elsewhere", "failoverplan", false, true},
	} {
		if got := forbidden(tc.importer, tc.imported, tc.test) != ""; got != tc.refused {
			t.Errorf("%s -> %s (test %v): refused %v, want %v", tc.importer, tc.imported, tc.test, got, tc.refused)
		}
	}
}

var saysNot = regexp.MustCompile(`\b(not|no|nothing|never)\b`)

// TestEveryFolderSaysWhatItIsFor: what it does, what it does not, who may import it.
func TestEveryFolderSaysWhatItIsFor(t *testing.T) {
	docs := map[string]string{}
	mains := map[string]bool{}
	var folders []string
	for _, s := range sources(t) {
		if !slices.Contains(folders, s.folder) {
			folders = append(folders, s.folder)
		}
		mains[s.folder] = mains[s.folder] || s.file.Name.Name == "main"
		// A command's comment is its help; it stands in main.go.
		base := filepath.Base(s.path)
		if s.file.Doc != nil && (base == "doc.go" || base == "main.go" && s.file.Name.Name == "main") {
			docs[s.folder] = strings.Join(strings.Fields(s.file.Doc.Text()), " ")
		}
	}
	for _, folder := range folders {
		doc := docs[folder]
		switch {
		case doc == "":
			t.Errorf("%s has no doc.go with a package comment", folder)
		case !saysNot.MatchString(doc) && !mains[folder]:
			t.Errorf("%s/doc.go does not say what the package does not do", folder)
		case !strings.Contains(doc, "import") && !mains[folder]:
			t.Errorf("%s/doc.go does not say who may import the package", folder)
		}
	}
}

// TestNoTestSleeps: a test that waits by the clock is slow on a good day and wrong on
// a bad one. Inside a synctest bubble time is not the clock's.
func TestNoTestSleeps(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, at := range sleeps(s.file) {
			t.Errorf("%s: time.Sleep in a test: use a channel, testing/synctest, or poll with a deadline", s.fset.Position(at))
		}
	}
}

// sleeps finds calls of time.Sleep outside synctest bubbles. What is handed to
// synctest.Test is inside one, and so is a function that calls synctest.Wait, which
// panics anywhere else.
func sleeps(file *ast.File) []token.Pos {
	var out []token.Pos
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			return n.Body == nil || !waitsInBubble(n.Body)
		case *ast.FuncLit:
			return !waitsInBubble(n.Body)
		case *ast.CallExpr:
			if calls(n, "synctest", "Test") {
				return false
			}
			if calls(n, "time", "Sleep") {
				out = append(out, n.Pos())
			}
		}
		return true
	})
	return out
}

// waitsInBubble tells whether a function itself, not one inside it, calls synctest.Wait.
func waitsInBubble(body *ast.BlockStmt) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		if _, inner := n.(*ast.FuncLit); inner {
			return false
		}
		if call, ok := n.(*ast.CallExpr); ok && calls(call, "synctest", "Wait") {
			found = true
		}
		return !found
	})
	return found
}

func calls(call *ast.CallExpr, pkg, name string) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg
}

func TestSleepsAreFound(t *testing.T) {
	const text = `package x
func TestA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { time.Sleep(1) })
	go func() { time.Sleep(2) }()
	run(t, func(t *testing.T) { time.Sleep(3); synctest.Wait() })
	run(t, func(t *testing.T) { time.Sleep(4); func() { synctest.Wait() }() })
}
func rest() { synctest.Wait(); time.Sleep(5) }`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "x_test.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, at := range sleeps(file) {
		lines = append(lines, fset.Position(at).Line)
	}
	if !slices.Equal(lines, []int{4, 6}) {
		t.Errorf("found in lines %v, want 4 and 6, the ones outside a bubble", lines)
	}
}

// TestFilesStaySmall: the aim is 400 lines; this is where it stops.
func TestFilesStaySmall(t *testing.T) {
	const most = 500
	for _, s := range sources(t) {
		if !s.test && s.lines > most {
			t.Errorf("%s has %d lines, at most %d: split it by what changes for one reason", s.path, s.lines, most)
		}
	}
}

// TestPins: versions that must fit together, and why, are in docs/adr/0002.
func TestPins(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require ")); len(f) >= 2 {
			versions[f[0]] = f[1]
		}
	}
	for path, want := range map[string]string{
		"charm.land/bubbletea/v2":                "v2.0.10",
		"github.com/charmbracelet/ultraviolet":   "v0.0.0-20260703014108-f5a850f9c2b7",
		"github.com/go-resty/resty/v2":           "v2.17.2",
		"github.com/cloudflare/cloudflare-go/v6": "v6.10.0",
	} {
		if versions[path] != want {
			t.Errorf("go.mod has %s %s, want %s", path, versions[path], want)
		}
	}
}
