//go:build integration

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const events = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestGood"}
{"Action":"output","Package":"p","Test":"TestGood","Output":"lab:   4.9 s  kafka of primary-kafka\n"}
{"Action":"output","Package":"p","Test":"TestGood","Output":"not worth a line\n"}
{"Action":"pass","Package":"p","Test":"TestGood","Elapsed":5}
{"Action":"run","Package":"p","Test":"TestBad"}
{"Action":"output","Package":"p","Test":"TestBad/one","Output":"    x_test.go:1: Kafka of primary does not start\n"}
{"Action":"fail","Package":"p","Test":"TestBad/one","Elapsed":1}
{"Action":"fail","Package":"p","Test":"TestBad","Elapsed":1.5}
{"Action":"skip","Package":"p","Test":"TestNotHere","Elapsed":0}
{"Action":"fail","Package":"p","Elapsed":7}
{"Action":"start","Package":"q"}
{"Action":"output","Package":"q","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"q","Elapsed":9}
{"Action":"build-output","ImportPath":"s","Output":"x_test.go:1:1: undefined: y\n"}
{"Action":"build-fail","ImportPath":"s"}
{"Action":"start","Package":"s"}
{"Action":"output","Package":"s","Output":"FAIL\ts [build failed]\n"}
{"Action":"fail","Package":"s","Elapsed":0,"FailedBuild":"s"}
go: a line that is not JSON
`

func TestReportTellsServersTestsAndAllThatAFailedOnePrinted(t *testing.T) {
	var out bytes.Buffer
	r := newReport(&out)
	if err := r.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	r.summary()
	for _, want := range []string{
		"4.9 s  kafka of primary-kafka\n", "ok         5.0 s  TestGood\n",
		"FAILED     1.5 s  TestBad\n        x_test.go:1: Kafka of primary does not start\n",
		"SKIPPED    0.0 s  TestNotHere\n", "panic: test timed out\n", "go: a line that is not JSON\n",
		"7.0 s  p\n", "16.0 s  1 passed, 4 failed\n", "FAILED  p TestBad\n", "FAILED  p TestNotHere: skipped\n", "FAILED  q\n", "undefined: y\n", "FAILED  s\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "not worth a line") {
		t.Error("what a good test prints is shown")
	}
}

func TestSuitesAreTheTestsWithTheTag(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/x_test.go":       "//go:build integration\n\npackage a\n\nfunc TestReal(t *testing.T) {}\nfunc TestMain(m *testing.M) {}\nfunc helper(t *testing.T) {}\n",
		"a/unit_test.go":    "package a\n\nfunc TestUnit(t *testing.T) {}\n// the words\n//go:build integration\n",
		"b/unit_test.go":    "package b\n\nfunc TestOther(t *testing.T) {}\n",
		".hid/x_test.go":    "//go:build integration\n\npackage a\n\nfunc TestHidden(t *testing.T) {}\n",
		"c/deep/y_test.go":  "// License.\n\n//go:build integration\n\npackage deep\n\nfunc TestDeep(t *testing.T) {}\n",
		"c/world_test.go":   "//go:build integration\n\npackage c\n\nfunc world(t *testing.T) {}\n",
		"c/deep/no_test.md": "//go:build integration\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	s, err := findSuites(".")
	if err != nil || !slices.Equal(s.packages, []string{"./a", "./c/deep"}) || !slices.Equal(s.tests, []string{"TestReal", "TestDeep"}) {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := findSuites("b"); err == nil {
		t.Error("no suites are no error")
	}
}
