package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/backend/config"
)

// call runs the command in a folder of its own, with no configuration to be found
// unless the test writes one.
func call(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// empty moves into a folder with nothing in it and hides the user's own configuration.
func empty(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	for _, k := range []string{"DUTYOPS_CONFIG", "XDG_CONFIG_HOME", "HOME"} {
		t.Setenv(k, "")
	}
	t.Setenv("DUTYOPS_STATE", filepath.Join(dir, "state"))
	return dir
}

func TestWithoutAConfigurationItPointsTheWay(t *testing.T) {
	empty(t)
	for _, args := range [][]string{nil, {"status"}, {"doctor"}} {
		code, out, errs := call(t, args...)
		if code != codeUsage || out != "" || !strings.Contains(errs, "dutyops sandbox") || !strings.Contains(errs, "dutyops init") {
			t.Errorf("%v: exit %d\n%s%s", args, code, out, errs)
		}
	}
}

// A verb that does not exist is wrong usage, at every level, and the near one is named.
func TestUnknownVerbs(t *testing.T) {
	empty(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"bogus"}, `unknown command "bogus" for "dutyops"; see`},
		{[]string{"fialover"}, "perhaps `dutyops failover`"},
		{[]string{"runs", "lst"}, "perhaps `dutyops runs list`"},
		{[]string{"dns", "bogus"}, "see `dutyops dns --help`"},
	} {
		if code, out, errs := call(t, c.args...); code != codeUsage || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%v: exit %d\n%s%s", c.args, code, out, errs)
		}
	}
}

func TestInitThenValidate(t *testing.T) {
	dir := empty(t)
	if code, out, errs := call(t, "init"); code != 0 || !strings.Contains(out, "validate") {
		t.Fatalf("init: exit %d\n%s%s", code, out, errs)
	}
	if code, _, errs := call(t, "init"); code != codeUsage || !strings.Contains(errs, "exists already") {
		t.Fatalf("a second init: exit %d\n%s", code, errs)
	}
	if code, out, errs := call(t, "config", "validate"); code != 0 || !strings.Contains(out, "no problems") {
		t.Fatalf("validate: exit %d\n%s%s", code, out, errs)
	}
	path := filepath.Join(dir, "dutyops.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(text), "version: 1", "version: 9\nnonsense: yes", 1)
	if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, "config", "validate", "-o", "json")
	var doc struct {
		OK       bool             `json:"ok"`
		Problems []config.Problem `json:"problems"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != codeUsage || doc.OK || len(doc.Problems) < 2 {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	if doc.Problems[0].Line == 0 {
		t.Fatalf("no line: %+v", doc.Problems[0])
	}
}

// TestValidateOpensTLSFiles: what the file names must be there, with its line; a console
// starts all the same (its probe tells).
func TestValidateOpensTLSFiles(t *testing.T) {
	dir := empty(t)
	if code, _, errs := call(t, "init"); code != 0 {
		t.Fatal(errs)
	}
	path := filepath.Join(dir, "dutyops.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(text), `address: "192.0.2.51:6379",`, `address: "192.0.2.51:6379", tls: {ca: none.pem},`, 1)
	if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, "config", "validate")
	if code != codeUsage || !strings.Contains(errs, "none.pem: no such file") || !strings.Contains(errs, "dutyops.yaml:") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if _, err := config.Load(path); err != nil {
		t.Errorf("the console does not start: %v", err)
	}
}

func TestOutcomesHaveTheirExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{errors.New("anything else"), codeFailure},
		{&usageError{errors.New("x")}, codeUsage},
		{fmt.Errorf("x: %w", backend.ErrUsage), codeUsage},
		{config.Problems{{What: "x"}}, codeUsage},
		{&quietError{code: codeNotWell}, codeNotWell},
		{fmt.Errorf("x: %w", backend.ErrRefused), codeRefused},
		{fmt.Errorf("x: %w", backend.ErrParked), codeParked},
		{fmt.Errorf("x: %w", backend.ErrCancelled), codeCancelled},
		{fmt.Errorf("x: %w", backend.ErrLease), codeLease},
		{fmt.Errorf("x: %w", backend.ErrWorldChanged), codeWorldChanged},
	} {
		if got := exitCode(c.err); got != c.code {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.code)
		}
	}
}

// Every verb has help that says what it does, and the manual and completions are made
// from the same tree.
func TestHelpManualAndCompletions(t *testing.T) {
	empty(t)
	a := &app{getenv: os.Getenv}
	for _, c := range a.root().Commands() {
		if c.Short == "" {
			t.Errorf("%s has no help", c.Name())
		}
		code, out, _ := call(t, c.Name(), "--help")
		if code != 0 || !strings.Contains(out, "Usage:") {
			t.Errorf("%s --help: exit %d\n%s", c.Name(), code, out)
		}
	}
	dir := t.TempDir()
	if code, _, errs := call(t, "man", dir); code != 0 {
		t.Fatalf("man: exit %d %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "dutyops-failover.1")); err != nil {
		t.Error(err)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if code, out, _ := call(t, "completion", shell); code != 0 || !strings.Contains(out, "dutyops") {
			t.Errorf("completion %s: exit %d", shell, code)
		}
	}
	if code, _, errs := call(t, "completion", "sh"); code != codeUsage || errs == "" {
		t.Errorf("completion sh: exit %d", code)
	}
}

func TestSchemaIsJSON(t *testing.T) {
	_, out, _ := call(t, "config", "schema")
	if !json.Valid([]byte(out)) {
		t.Fatal("config schema is not JSON")
	}
}

func TestVersion(t *testing.T) {
	code, out, _ := call(t, "version", "-o", "json")
	var v struct{ Version, Platform string }
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 || v.Version == "" || v.Platform == "" {
		t.Fatalf("exit %d %v\n%s", code, err, out)
	}
}
