package failoverplan

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

// gatesInSource are the names that the code gives to gates: in Gate and Stop literals, and
// handed to the functions that make them.
func gatesInSource(t *testing.T) []string {
	t.Helper()
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
		if strings.HasSuffix(name, "_test.go") || name == "gatelist.go" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok && strings.EqualFold(k.Name, "gate") {
					add(n.Value)
				}
			case *ast.FuncDecl:
				if n.Name.Name == "judgeAlias" {
					ast.Inspect(n, func(n ast.Node) bool {
						if c, ok := n.(*ast.CallExpr); ok && isIdent(c.Fun, "stop") {
							add(c.Args[0])
						}
						return true
					})
				}
			case *ast.CallExpr:
				if isIdent(n.Fun, "healthyGate") {
					add(n.Args[0])
				}
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(names))
}

func isIdent(e ast.Expr, name string) bool {
	i, ok := e.(*ast.Ident)
	return ok && i.Name == name
}

func TestTheListOfGatesIsThatOfTheCode(t *testing.T) {
	var listed []string
	for _, g := range GateList() {
		listed = append(listed, g.Gate)
		if g.Looks == "" || g.Clears == "" || len(g.Of) == 0 {
			t.Errorf("%s says too little: %+v", g.Gate, g)
		}
	}
	slices.Sort(listed)
	if got := gatesInSource(t); !slices.Equal(got, listed) {
		t.Errorf("the code has the gates\n%v\nthe list has\n%v", got, listed)
	}
}
