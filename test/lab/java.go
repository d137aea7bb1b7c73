//go:build integration

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Part is what test/realstack/build.sh makes of one part of the stack.
type Part struct {
	// Dir holds lib/, classes/ and what else the part has.
	Dir string
	// Java is the command to run it with; "-" for what is no Java.
	Java string
}

// Build makes a part of test/realstack unless it is in the cache: "kafka", "opensearch2",
// "opensearch3", "elasticsearch7", "flink" or "mysql56".
func Build(ctx context.Context, part string) (Part, error) {
	root, err := repository()
	if err != nil {
		return Part{}, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "test", "realstack", "build.sh"), part) //nolint:gosec // the lab's own script
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return Part{}, fmt.Errorf("make %s: %w\n%s", part, err, strings.TrimSpace(errs.String()))
	}
	for line := range strings.Lines(out.String()) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 && f[0] == part {
			return Part{Dir: f[1], Java: f[2]}, nil
		}
	}
	return Part{}, fmt.Errorf("make %s: test/realstack/build.sh said %q", part, out.String())
}

// command is the java command line that runs class with small heaps and quick starts.
func (p Part) command(heapMB int, flags []string, class string, args ...string) []string {
	all := []string{
		p.Java, fmt.Sprintf("-Xmx%dm", heapMB), fmt.Sprintf("-Xms%dm", min(heapMB, 64)),
		"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true",
	}
	all = append(all, flags...)
	all = append(all, "-cp", filepath.Join(p.Dir, "classes")+":"+filepath.Join(p.Dir, "lib", "*"), class)
	return append(all, args...)
}

// log4j writes a log4j configuration that prints warnings to standard output, and
// returns the flag that selects it.
func log4j(dir string) (string, error) {
	const text = `appender.c.type = Console
appender.c.name = c
appender.c.layout.type = PatternLayout
appender.c.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.c.ref = c
`
	path := filepath.Join(dir, "log4j2.properties")
	return "-Dlog4j2.configurationFile=" + path, serverFile(path, text)
}

// repository is the root of the repository that we were started in.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("run the lab inside the repository: it reads examples/ and test/realstack")
		}
		dir = up
	}
}
