package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile bounds a configuration file in bytes.
const maxFile = 1 << 20

// Load reads and checks the file at path. A file that cannot be read gives an
// error with the cause wrapped; a file that is wrong gives Problems. Relative files and
// file: secrets are relative to the folder of the file, not to the caller's. The files
// that tls: names are not opened: see CheckFiles.
func Load(path string) (*Config, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	c.Path = path
	if dir, err := filepath.Abs(filepath.Dir(path)); err == nil {
		anchor(reflect.ValueOf(c).Elem(), dir)
	}
	return c, nil
}

// Parse checks data, fills in the defaults, and returns the configuration. The
// error is Problems: all of them, each with its place; name is what it calls the
// file. It opens nothing and never panics.
func Parse(name string, data []byte) (c *Config, err error) {
	if len(data) > maxFile {
		return nil, Problems{{File: name, What: "the file is larger than 1 MiB", Expected: "a configuration of ordinary size", Todo: "check that this is the right file"}}
	}
	d := newDecoder(name)
	body, ok := d.parse(data)
	if !ok {
		return nil, d.problems
	}
	c = &Config{}
	ast.Walk(d, body)
	d.value(body, reflect.ValueOf(c).Elem(), "", 0)
	k := &checker{decoder: d, c: c}
	k.all()
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	c.places = d.places
	return c, nil
}

// parse returns the document's body; ok is false when there is none to decode.
func (d *decoder) parse(data []byte) (body ast.Node, ok bool) {
	defer func() {
		// The parser is somebody else's: a file must not bring the console down.
		if r := recover(); r != nil {
			d.report(place{1, 1}, "", "the file cannot be read as YAML", "YAML text", "check indentation, quotes and brackets")
			body, ok = nil, false
		}
	}()
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, message := place{1, 1}, "syntax error"
		var syntax interface {
			GetToken() *token.Token
			GetMessage() string
		}
		if errors.As(err, &syntax) { // its Error() would repeat lines of the file, secrets included
			at, message = placeOf(syntax.GetToken()), syntax.GetMessage()
		}
		d.report(at, "", "the file is not valid YAML: "+message, "YAML text", "check indentation, quotes and brackets at this line and the one above")
		return nil, false
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		switch doc.Body.(type) {
		case nil, *ast.NullNode, *ast.CommentGroupNode:
		case *ast.DirectiveNode:
			d.report(startOf(doc.Body), "", "YAML directives are not read here", "plain YAML", "remove the line that begins with %")
			return nil, false
		default:
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		d.report(place{1, 1}, "", "the file is empty", "a configuration", "write a starter with: dutyops init")
		return nil, false
	case 1:
		return bodies[0], true
	}
	d.report(startOf(bodies[1]), "", "a second document begins here", "one document", "remove the line --- and what follows")
	return nil, false
}

// anchor makes relative files, and relative file: secrets, absolute.
func anchor(v reflect.Value, dir string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			anchor(v.Elem(), dir)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				anchor(v.Field(i), dir)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			anchor(v.Index(i), dir)
		}
	case reflect.String:
		switch v.Type() {
		case reflect.TypeFor[Secret](), reflect.TypeFor[KeyID]():
			if path, ok := strings.CutPrefix(v.String(), "file:"); ok && !filepath.IsAbs(path) {
				v.SetString("file:" + filepath.Join(dir, path))
			}
		case reflect.TypeFor[File]():
			if v.String() != "" && !filepath.IsAbs(v.String()) {
				v.SetString(filepath.Join(dir, v.String()))
			}
		}
	default:
	}
}

// FileName is what the configuration is called where no path is given.
const FileName = "dutyops.yaml"

// ErrNotFound says that no place of the search holds a configuration.
var ErrNotFound = errors.New("no configuration found")

// Search finds the configuration file: explicit (the flag -c), $DUTYOPS_CONFIG,
// ./dutyops.yaml, $XDG_CONFIG_HOME/dutyops/dutyops.yaml (without the variable:
// ~/.config), /etc/dutyops/dutyops.yaml. The first two, when given, are the only
// place looked at: a typing mistake must not lead to another site's file. tried
// lists the places in order, also with an error. env is os.Getenv or a test's.
func Search(explicit string, env func(string) string) (path string, tried []string, err error) {
	return search(explicit, env, func(path string) error {
		info, err := os.Stat(path)
		if err == nil && info.IsDir() {
			return fmt.Errorf("%s is a folder", path)
		}
		return err
	})
}

func search(explicit string, env func(string) string, look func(string) error) (string, []string, error) {
	for _, given := range []struct{ path, by string }{{explicit, "-c"}, {env("DUTYOPS_CONFIG"), "DUTYOPS_CONFIG"}} {
		if given.path == "" {
			continue
		}
		if err := look(given.path); err != nil {
			return "", []string{given.path}, fmt.Errorf("configuration given by %s: %w: check the path, or write a starter with: dutyops init", given.by, err)
		}
		return given.path, []string{given.path}, nil
	}
	tried := []string{FileName}
	if dir := xdg(env, "XDG_CONFIG_HOME", ".config"); dir != "" {
		tried = append(tried, filepath.Join(dir, "dutyops", FileName))
	}
	tried = append(tried, filepath.Join("/etc/dutyops", FileName))
	for i, path := range tried {
		err := look(path)
		if err == nil {
			return path, tried[:i+1], nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", tried[:i+1], fmt.Errorf("read configuration: %w", err)
		}
	}
	return "", tried, fmt.Errorf("%w in %s: try `dutyops sandbox`, or write a starter with `dutyops init`", ErrNotFound, strings.Join(tried, ", "))
}

// StateDir says where the journal lives: $DUTYOPS_STATE, else
// $XDG_STATE_HOME/dutyops, else /var/lib/dutyops as root, else
// ~/.local/state/dutyops. It does not create the folder.
func StateDir(env func(string) string, root bool) (string, error) {
	if dir := env("DUTYOPS_STATE"); dir != "" {
		return dir, nil
	}
	if root && env("XDG_STATE_HOME") == "" {
		return "/var/lib/dutyops", nil
	}
	if dir := xdg(env, "XDG_STATE_HOME", ".local/state"); dir != "" {
		return filepath.Join(dir, "dutyops"), nil
	}
	return "", errors.New("no place for the journal: neither DUTYOPS_STATE, XDG_STATE_HOME nor HOME is set: set DUTYOPS_STATE to a folder")
}

// xdg returns the folder of a variable, or its default below the home folder; ""
// when neither is known. The XDG rules ignore relative paths.
func xdg(env func(string) string, name, below string) string {
	if dir := env(name); filepath.IsAbs(dir) {
		return dir
	}
	if home := env("HOME"); home != "" {
		return filepath.Join(home, below)
	}
	return ""
}
