//go:build integration

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// suites are the tests on real servers and the packages that they are in. What else is in
// those packages, `make test` runs.
type suites struct {
	packages, tests []string
}

var (
	tagged   = regexp.MustCompile(`(?m)^//go:build integration$`)
	testFunc = regexp.MustCompile(`(?m)^func (Test\w*)\(\w+ \*testing\.T\)`)
)

// findSuites looks for test files with the build tag below root.
func findSuites(root string) (suites, error) {
	var s suites
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != root && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path) //nolint:gosec // the repository's own
		if err != nil {
			return err
		}
		head, _, _ := bytes.Cut(append([]byte("\n"), text...), []byte("\npackage "))
		if !tagged.Match(head) {
			return nil
		}
		found := testFunc.FindAllSubmatch(text, -1)
		for _, f := range found {
			s.tests = append(s.tests, string(f[1]))
		}
		if len(found) > 0 {
			s.packages = append(s.packages, "./"+filepath.ToSlash(filepath.Dir(path)))
		}
		return nil
	})
	if err == nil && len(s.packages) == 0 {
		err = errors.New("no tests on real servers here; run it in the root of the repository")
	}
	slices.Sort(s.packages)
	s.packages = slices.Compact(s.packages)
	return s, err
}
