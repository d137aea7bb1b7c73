package switching

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestTheListOfGuardsIsThatOfTheCode(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	add := func(e ast.Expr) {
		if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
			s, _ := strconv.Unquote(l.Value)
			names[s] = true
		}
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Gate" {
					add(n.Value)
				}
			case *ast.CallExpr:
				// "refuse" with the gate first: the one of together has its gate inside.
				if i, ok := n.Fun.(*ast.Ident); ok && i.Name == "refuse" && len(n.Args) > 2 {
					if l, ok := n.Args[0].(*ast.BasicLit); ok && !strings.ContainsAny(l.Value, "% ") {
						add(n.Args[0])
					}
				}
			}
			return true
		})
	}
	var listed []string
	for _, g := range GuardList() {
		listed = append(listed, g.Guard)
	}
	slices.Sort(listed)
	if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, listed) {
		t.Errorf("the code has the guards %v, the list has %v", got, listed)
	}
}
