package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInvalidFiles: each file of testdata/invalid ends with the problems it must
// give, all of them, as lines that begin with "#! ". Rewrite them with
//
//	go test ./backend/config -update
//
// and read the difference.
func TestInvalidFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			body, want := splitExpected(string(data))
			_, err = Parse("f", []byte(body))
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("want problems, got %v", err)
			}
			got := "#! " + strings.ReplaceAll(problems.Error(), "\n", "\n#! ") + "\n"
			if *update {
				if err := os.WriteFile(path, []byte(body+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			complete(t, problems, body)
		})
	}
}

// complete checks what holds for every problem: a place inside the file, a next
// step, one line, and no secret.
func complete(t *testing.T, problems Problems, body string) {
	t.Helper()
	lines := strings.Count(body, "\n") + 1
	for _, p := range problems {
		if p.Line < 1 || p.Line > lines || p.Column < 1 {
			t.Errorf("no such place: %s", p)
		}
		if p.What == "" || p.Expected == "" || p.Todo == "" || strings.Contains(p.String(), "\n") {
			t.Errorf("incomplete: %#v", p)
		}
		for _, secret := range []string{"hunter2", "secret-in-the-file"} {
			if strings.Contains(p.String()+p.Path, secret) {
				t.Errorf("the secret is repeated: %s", p)
			}
		}
	}
}

func splitExpected(data string) (body, want string) {
	i := strings.Index(data, "\n#! ")
	if i < 0 {
		return data, ""
	}
	return data[:i+1], data[i+1:]
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/invalid/*.yaml", "../../examples/*/dutyops.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add(Starter())
	f.Add([]byte("a: &a [*a, *a]\nsites: *a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if err == nil {
			if topology := c.Topology(); len(topology.Sites) < 2 {
				t.Fatal("accepted without two sites")
			}
			return
		}
		var problems Problems
		if c != nil || !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("%v %v", c, err)
		}
		for _, p := range problems {
			if p.What == "" || p.Todo == "" {
				t.Fatalf("incomplete: %#v", p)
			}
		}
	})
}
