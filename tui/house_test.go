package tui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/tui/i18n"
)

// sources lists the package's own Go files and those of its sub-packages.
func sources(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.go", "*/*.go"} {
		m, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m...)
	}
	if len(out) < 30 {
		t.Fatalf("only %d files found", len(out))
	}
	return out
}

// TestEveryTextIsTranslated reads the sources for texts and looks each up; verbs of a
// translation must be those of the English text.
func TestEveryTextIsTranslated(t *testing.T) {
	zh := i18n.New("zh")
	verb := regexp.MustCompile(`%(\[\d\])?[a-z]`)
	used := map[string]bool{}
	const card = "../failoverplan/card.go" // its phrases are said through the console's words
	for _, file := range append(sources(t), card) {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "demo") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok || len(c.Args) == 0 {
				return true
			}
			name := ""
			switch f := c.Fun.(type) {
			case *ast.SelectorExpr:
				name = f.Sel.Name
			case *ast.Ident:
				name = f.Name
			}
			if name != "T" && (name != "say" || file != card && !strings.HasPrefix(file, "plain")) {
				return true
			}
			lit, ok := c.Args[0].(*ast.BasicLit)
			if !ok {
				return true
			}
			key, err := strconv.Unquote(lit.Value)
			if err != nil || strings.HasSuffix(key, "|") {
				return true
			}
			used[key] = true
			if key == "%s by %s until %s: %s" {
				return true
			}
			if !zh.Has(key) {
				t.Errorf("%s: no Chinese for %q", file, key)
			} else if a, b := len(verb.FindAllString(key, -1)), len(verb.FindAllString(zh.T(key), -1)); a != b {
				t.Errorf("%q has %d verbs, its translation %d", key, a, b)
			}
			return true
		})
	}
	for _, k := range zh.Keys() {
		if context, _, found := strings.Cut(k, "|"); found && context != "foot" && context != "serving" {
			continue
		}
		if !used[k] {
			t.Errorf("the translation of %q is used nowhere", k)
		}
	}
}

// TestHouseRules: small files, no colour outside the theme, no clock outside options,
// no probe and no provider below the face.
func TestHouseRules(t *testing.T) {
	for _, file := range sources(t) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if n := strings.Count(text, "\n"); n > 400 {
			t.Errorf("%s has %d lines, the ceiling is 400", file, n)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		if strings.Contains(text, "lipgloss.Color(") && !strings.HasPrefix(file, "theme") {
			t.Errorf("%s names a colour", file)
		}
		if strings.Contains(text, "time.Now()") {
			t.Errorf("%s reads the clock by itself", file)
		}
		for _, bad := range []string{"dutyops/probes", "dutyops/dnsproviders"} {
			if strings.Contains(text, bad+`"`) {
				t.Errorf("%s imports %s", file, bad)
			}
		}
	}
}

// TestRendererIsPinned: newer versions of these repaint every Chinese line on every
// frame; measure with TestByteBudget before raising them.
func TestRendererIsPinned(t *testing.T) {
	b, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"charm.land/bubbletea/v2 v2.0.10", "charm.land/lipgloss/v2 v2.0.5", "charmbracelet/ultraviolet v0.0.0-20260703014108-f5a850f9c2b7"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("go.mod does not pin %s", want)
		}
	}
}
