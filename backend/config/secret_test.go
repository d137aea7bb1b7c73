package config

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSecretResolve(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte("from a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, maxSecret+1), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DUTYOPS_TEST_SECRET", "from the environment")
	for ref, want := range map[Secret]string{
		"":                                  "",
		"env:DUTYOPS_TEST_SECRET":           "from the environment",
		Secret("file:" + file):              "from a file",
		"exec:echo from a command":          "from a command",
		"exec:echo $HOME ; echo `whoami` *": "$HOME ; echo `whoami` *", // no shell
	} {
		if got, err := ref.Resolve(); err != nil || got != want {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
	for ref, hint := range map[Secret]string{
		"hunter2":                           "expected env:NAME",
		"http://hunter2":                    "expected env:NAME",
		"env:":                              "expected env:NAME",
		"env:DUTYOPS_TEST_ABSENT":           "not set",
		Secret("file:" + dir):               "no regular file",
		Secret("file:" + dir + "/absent"):   "no such file",
		Secret("file:" + empty):             "empty",
		Secret("file:" + large):             "right file",
		"exec:false":                        "run it by hand",
		"exec:dutyops-test-no-such-command": "run it by hand",
		"exec:true":                         "empty",
		"exec:head -c 70000 /dev/zero":      "right command",
	} {
		got, err := ref.Resolve()
		if err == nil || got != "" || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %q, %v; want an error with %q", ref, got, err, hint)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the secret is repeated: %v", err)
		}
	}
}

// TestSecretIsReadAnew: a rotated secret is seen without a restart.
func TestSecretIsReadAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	for _, want := range []string{"old", "new"} {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Secret("file:" + file).Resolve(); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

// TestCommandIsBounded: a command that waits for a person is ended, and its error
// output, which may hold anything, is not repeated.
func TestCommandIsBounded(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if _, err := runSecret(ctx, []string{"sleep", "3600"}); err == nil || !strings.Contains(err.Error(), "did not end within 5s") {
		t.Errorf("got %v", err)
	}
	script := filepath.Join(t.TempDir(), "fails")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho hunter2 >&2\necho hunter2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Secret("exec:" + script).Resolve()
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}

func TestSecretFile(t *testing.T) {
	for s, want := range map[Secret]string{"": "", "env:A": "", "exec:cat /a": "", "/a": "", "file:": "", "file:/a/b c": "/a/b c"} {
		if got := s.File(); got != want {
			t.Errorf("%q is read from %q, want %q", string(s), got, want)
		}
	}
}

// TestKeyID: an id is itself, or what its reference gives now; the reference's file is
// relative to the configuration's folder.
func TestKeyID(t *testing.T) {
	dir := t.TempDir()
	p := Provider{AccessKeyID: "file:id"}
	anchor(reflect.ValueOf(&p), dir)
	for _, want := range []string{"AKIDOLD", "AKIDNEW"} {
		if err := os.WriteFile(filepath.Join(dir, "id"), []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := p.AccessKeyID.Resolve(); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	for _, id := range []KeyID{"", "AKIDEXAMPLE", "a:b", "file"} {
		if got, err := id.Resolve(); err != nil || got != string(id) || id.Reference() != "" {
			t.Errorf("%q: got %q, %v", string(id), got, err)
		}
	}
	if _, err := KeyID("file:" + filepath.Join(dir, "none")).Resolve(); err == nil {
		t.Error("an id that cannot be read is taken")
	}
}
