package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// place is where something stands in the file, counted from 1.
type place struct{ line, column int }

// decoder fills Config from the syntax tree. Unlike a library's decoder it does
// not stop at the first mistake, and it remembers where every value stands, so
// that the checks that follow can say so too.
type decoder struct {
	file     string
	problems Problems
	// places holds the place of every value by its path.
	places map[string]place
	// bad holds paths that are already complained about: checks leave them alone.
	bad map[string]bool
	// anchors of the document, and how many nodes may still be decoded: aliases of
	// aliases could otherwise grow without bound.
	anchors map[string]ast.Node
	budget  int
}

const (
	maxNodes = 200_000
	maxDepth = 64
)

func newDecoder(file string) *decoder {
	return &decoder{
		file:    file,
		places:  map[string]place{},
		bad:     map[string]bool{},
		anchors: map[string]ast.Node{},
		budget:  maxNodes,
	}
}

func placeOf(tk *token.Token) place {
	if tk == nil || tk.Position == nil {
		return place{1, 1}
	}
	return place{max(1, tk.Position.Line), max(1, tk.Position.Column)}
}

// startOf returns where a node begins; a mapping begins at its first key.
func startOf(n ast.Node) place {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return startOf(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return startOf(n.Key)
	case *ast.AnchorNode:
		return placeOf(n.Start)
	}
	return placeOf(n.GetToken())
}

func (d *decoder) report(at place, path, what, expected, todo string) {
	d.bad[path] = true
	d.problems = append(d.problems, Problem{
		File: d.file, Line: at.line, Column: at.column, Path: path,
		What: what, Expected: expected, Todo: todo,
	})
}

// value decodes node into dst, which is settable. Problems are collected; dst keeps
// its zero value where the file is wrong.
func (d *decoder) value(node ast.Node, dst reflect.Value, path string, depth int) {
	node = d.resolve(node, path)
	if node == nil {
		return
	}
	at := startOf(node)
	if _, isNull := node.(*ast.NullNode); isNull {
		if dst.Kind() == reflect.Pointer && dst.Type().Elem().Kind() == reflect.Struct { // there and absent differ
			d.report(at, path, describe(path)+" is empty", "keys and values, or {} for the defaults of them all", "write {} behind it, or remove the line")
		}
		return // "key:" with nothing behind it counts as absent
	}
	d.places[path] = at
	d.budget--
	if d.budget < 0 || depth > maxDepth {
		if d.budget == -1 || depth > maxDepth {
			d.report(at, path, "the file is too large or too deeply nested", "a configuration of ordinary size", "remove aliases that repeat one another")
		}
		return
	}
	switch dst.Type() {
	case reflect.TypeFor[Duration]():
		d.duration(node, dst, path, at)
		return
	case reflect.TypeFor[Secret]():
		d.secret(node, dst, path, at)
		return
	}
	switch dst.Kind() {
	case reflect.Struct:
		d.structure(node, dst, path, at, depth)
	case reflect.Slice:
		d.list(node, dst, path, at, depth)
	case reflect.Pointer:
		p := reflect.New(dst.Type().Elem())
		d.value(node, p.Elem(), path, depth+1)
		if !d.bad[path] {
			dst.Set(p)
		}
	case reflect.String:
		if s, ok := text(node); ok {
			dst.SetString(s)
			return
		}
		todo := "write it in quotes if it is meant as text"
		if isCollection(node) {
			todo = "write a single value here"
		}
		d.report(at, path, describe(path)+" is "+kindOf(node), "text", todo)
	case reflect.Int:
		d.integer(node, dst, path, at)
	case reflect.Bool:
		if b, ok := node.(*ast.BoolNode); ok {
			dst.SetBool(b.Value)
			return
		}
		d.report(at, path, describe(path)+" is "+kindOf(node), "true or false", "write true or false, without quotes")
	default:
		panic("config: no decoder for " + dst.Type().String())
	}
}

// structure decodes a mapping into a struct: keys are the yaml tags.
func (d *decoder) structure(node ast.Node, dst reflect.Value, path string, at place, depth int) {
	pairs, ok := mappingOf(node)
	if !ok {
		d.report(at, path, describe(path)+" is "+kindOf(node), "keys and values", "write \"key: value\" lines, indented below it")
		return
	}
	fields, known := fieldsOf(dst.Type())
	seen := map[string]place{}
	for _, pair := range pairs {
		keyAt := startOf(pair.Key)
		key, ok := text(pair.Key)
		if pair.Key.IsMergeKey() {
			d.report(keyAt, join(path, "<<"), "merge keys (<<) are not read here", "every key written out", "write the keys out; an alias may stand for a whole value")
			continue
		}
		if !ok {
			d.report(keyAt, join(path, "?"), "a key of "+describe(path)+" is "+kindOf(pair.Key), "one of "+strings.Join(known, ", "), "write the key as plain text")
			continue
		}
		keyPath := join(path, key)
		if first, twice := seen[key]; twice {
			d.report(keyAt, keyPath, fmt.Sprintf("key %q appears twice", key), fmt.Sprintf("one; the first is at line %d", first.line), "keep one of them")
			continue
		}
		seen[key] = keyAt
		index, ok := fields[key]
		if !ok {
			d.unknownKey(keyAt, path, key, known)
			continue
		}
		d.value(pair.Value, dst.Field(index), keyPath, depth+1)
	}
}

func (d *decoder) unknownKey(at place, path, key string, known []string) {
	meant := nearest(key, known)
	todo := "remove it"
	if meant != "" {
		todo = fmt.Sprintf("did you mean %q?", meant)
		// One mistake, one line: do not also say that the key which was meant is missing.
		d.bad[join(path, meant)] = true
	}
	where := ""
	if path != "" {
		where = " in " + describe(path)
	}
	d.report(at, join(path, key), fmt.Sprintf("unknown key %q%s", shorten(key), where), "one of "+strings.Join(known, ", "), todo)
}

func (d *decoder) list(node ast.Node, dst reflect.Value, path string, at place, depth int) {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		d.report(at, path, describe(path)+" is "+kindOf(node), "a list", "write \"- item\" lines or [item, item]")
		return
	}
	out := reflect.MakeSlice(dst.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		itemPath := path + "[" + strconv.Itoa(i) + "]"
		if _, isNull := item.(*ast.NullNode); isNull {
			d.report(startOf(item), itemPath, "item "+strconv.Itoa(i+1)+" of "+describe(path)+" is empty", "a value", "fill it in or remove the line")
			continue
		}
		d.value(item, out.Index(i), itemPath, depth+1)
		if d.budget < 0 {
			return
		}
	}
	dst.Set(out)
}

func (d *decoder) integer(node ast.Node, dst reflect.Value, path string, at place) {
	if n, ok := node.(*ast.IntegerNode); ok {
		switch v := n.Value.(type) {
		case int64:
			dst.SetInt(v)
			return
		case uint64:
			if v <= 1<<62 {
				dst.SetInt(int64(v))
				return
			}
		}
	}
	d.report(at, path, describe(path)+" is "+kindOf(node), "a whole number", "write digits, without quotes")
}

const durationForm = `a duration such as 250ms, 5s or 2m`

func (d *decoder) duration(node ast.Node, dst reflect.Value, path string, at place) {
	s, ok := text(node)
	if !ok {
		if n, isInt := node.(*ast.IntegerNode); isInt {
			if n.GetToken().Value == "0" {
				return // 0 = the default
			}
			d.report(at, path, describe(path)+" is a number without a unit", durationForm, fmt.Sprintf("write %ss if seconds are meant", n.GetToken().Value))
			return
		}
		d.report(at, path, describe(path)+" is "+kindOf(node), durationForm, "write a number with its unit")
		return
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		d.report(at, path, fmt.Sprintf("%s: %q is no duration", describe(path), shorten(s)), durationForm, "write a number with its unit: ms, s, m or h")
		return
	}
	if v < 0 {
		d.report(at, path, fmt.Sprintf("%s: %s is negative", describe(path), s), durationForm, "write it without the minus")
		return
	}
	if v > 24*time.Hour {
		d.report(at, path, fmt.Sprintf("%s: %s is longer than a day", describe(path), s), durationForm, "write at most 24h")
		return
	}
	dst.SetInt(int64(v))
}

// secret takes only references. What is written instead is never repeated: it may
// well be the secret itself.
func (d *decoder) secret(node ast.Node, dst reflect.Value, path string, at place) {
	const form = "env:NAME, file:PATH or exec:COMMAND"
	s, ok := text(node)
	if !ok {
		d.report(at, path, describe(path)+" is "+kindOf(node)+" (not shown)", form, "put the secret into a file or a variable and write the reference here")
		return
	}
	if problem := Secret(s).problem(); problem != "" {
		d.report(at, path, describe(path)+" "+problem+" (value not shown)", form, "put the secret into a file or a variable, write the reference here, and change the secret if this file was shared")
		return
	}
	dst.SetString(s)
}

// resolve looks through anchors, aliases and tags; nil when there is nothing behind.
func (d *decoder) resolve(node ast.Node, path string) ast.Node {
	for range maxDepth {
		switch n := node.(type) {
		case nil:
			return nil
		case *ast.AnchorNode:
			node = n.Value
		case *ast.TagNode:
			at := placeOf(n.Start)
			d.report(at, path, describe(path)+" carries a YAML tag", "a plain value", "remove the tag (the word that begins with !)")
			return nil
		case *ast.AliasNode:
			name := n.Value.GetToken().Value
			target, ok := d.anchors[name]
			if !ok {
				d.report(startOf(node), path, fmt.Sprintf("alias *%s has no anchor", name), "an anchor &"+name+" before it", "write the value out")
				return nil
			}
			node = target
		default:
			return node
		}
	}
	d.report(place{1, 1}, path, describe(path)+" is an alias of itself", "a value", "write the value out")
	return nil
}

// Visit collects anchors; it implements ast.Visitor.
func (d *decoder) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil && a.Name.GetToken() != nil {
		d.anchors[a.Name.GetToken().Value] = a.Value
	}
	return d
}

func mappingOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// fieldsOf maps yaml names to field indexes, and lists the names in file order.
func fieldsOf(t reflect.Type) (map[string]int, []string) {
	index := map[string]int{}
	var names []string
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		index[name] = i
		names = append(names, name)
	}
	return index, names
}

func text(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		if n.Value != nil {
			return n.Value.Value, true
		}
	}
	return "", false
}

func isCollection(node ast.Node) bool {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return true
	}
	return false
}

// kindOf names what a node is, never its value.
func kindOf(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a group of keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.NullNode:
		return "empty"
	}
	return "something else"
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// describe names a path in a sentence; the root has none.
func describe(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

// shorten keeps a value that is repeated to a person on one line.
func shorten(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}
