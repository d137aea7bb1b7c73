package tui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dutyops/dutyops/tui/i18n"
)

// told are the files whose sentences an engineer reads on the console.
var told = []string{
	"../failoverplan/*.go", "../backend/runbook/*.go", "../backend/world*.go", "../backend/ttl.go", "../backend/clocks.go",
	"../backend/switching/apply.go", "../backend/switching/progress.go", "../backend/switching/track.go", "../backend/switching/verify.go",
	"../backend/monitor/*.go", "../probes/detect.go", "../probes/errors.go",
	"../probes/mysql.go", "../probes/mysql_judge.go", "../probes/redis.go", "../probes/redis_facts.go", "../probes/redis_modes.go",
	"../probes/kafka_judge.go", "../probes/kafka_brokers.go", "../probes/elasticsearch.go", "../probes/flink.go",
	"../probes/connect.go", "../probes/rabbitmq.go", "../probes/httpask.go", "../probes/http.go",
	"../backend/replication/states.go", "../backend/replication/states_kafka.go", "../backend/replication/heartbeat.go",
	"../backend/runs.go", "../backend/liverun.go", "../backend/syncrun.go", "../backend/plan.go", "../backend/operate.go", "../backend/takeup.go",
	"../backend/doctor.go", "../backend/doctor_tls.go", "../backend/arm.go", "../backend/leftout.go",
	"../backend/identity.go", "../backend/users.go", "../probes/identity.go",
	"../backend/switching/guard.go", "../backend/switching/keep.go", "../backend/switching/lock.go", "../backend/switching/arm.go", "../backend/switching/probe.go",
	"../backend/switching/live.go", "../backend/switching/row.go", "../backend/switching/outcome.go",
	"../backend/switching/done.go", "../backend/switching/track.go", "../backend/sandbox/kinds.go",
}

// untold are the files of those whose texts are for documents and reports.
var untold = []string{"gatelist.go", "report.go", "hash.go", "card.go"}

// joined are sentences that the engine makes of several texts.
var joined = []string{
	"`dutyops runs commit %s --yes` keeps it and restores the TTLs", "failover to %s", "failback to %s", "%d failures", "1 failure", "%d times", "1 time", "1 success",
	"answered %d OK", "%d broker, %d partitions, all with a leader", "connectors: %s", "ingest job is not running (%s)",
	"the state directory cannot be written", "nothing is paused", // why an action cannot be had
	"%d running", "%d stopped", "%d paused", "%d failed",
	"%d ms ago", "%d s ago", "%d min ago", "%d h ago", "newest %d ms ago", "newest %d s ago", "newest %d min ago", "newest %d h ago",
	"1 write", "%d writes", "1 deletion", "%d deletions", "1 record", "%d records", "1 record to copy", "%d records to copy",
}

// technical are texts that nobody reads as a sentence: what a library's errors are told by.
var technical = regexp.MustCompile(`^\?i\)|^(broken pipe|closed network connection|i/o timeout|reset by peer|%d %ss|%s at %d|%s to %s|%s runs?|Access denied|max number of clients reached|ApiKey %s|source of|of %s|not allowed|not visible \(grant \+time\)` +
	// names of doctor's checks, and what goes to the log
	`|dns (provider|zone|server) %s|dns servers|upstream %s|armed %s at %s|gate %s|feed %s|clock %s, %s|left out %s|tls (%s|not checked)|certificate of %s|cannot remember who answers|2006-01-02 15:04 MST)$`)

// TestWhatTheEngineSaysIsTold: every sentence of the engine's sources has a Chinese text
// with the same places, and a sentence with data in it is found again.
func TestWhatTheEngineSaysIsTold(t *testing.T) {
	zh := i18n.New("zh")
	known := zh.Sentences()
	said := engineSentences(t)
	if len(said) < 300 {
		t.Fatalf("only %d sentences found", len(said))
	}
	for s, at := range said {
		in, ok := known[s]
		if !ok {
			if !technical.MatchString(s) {
				t.Errorf("%s: no Chinese for\t%q", at, s)
			}
			continue
		}
		text, want := example(s, in)
		if got := zh.Tell(text); got != want {
			t.Errorf("%s: %q is told as %q, expected %q", at, text, got, want)
		}
	}
	for s := range known {
		if said[s] == "" && !slices.Contains(joined, s) {
			t.Errorf("nobody says %q", s)
		}
	}
}

var (
	verbAtEnd = regexp.MustCompile(`[a-z]%s$`)
	verb      = regexp.MustCompile(`%[+.0-9]*[a-z]`)
	letter    = regexp.MustCompile(`[A-Za-z]`)
	filled    = regexp.MustCompile(`\{(\d+)(?::([a-z-]+))?\}`)
)

// example fills a format and its translation with the same data.
func example(format, in string) (text, want string) {
	words := map[string]string{}
	for _, m := range filled.FindAllStringSubmatch(in, -1) {
		words[m[1]] = m[2]
	}
	sample := map[string][2]string{"": {"x1", "x1"}, "state": {"down", "故障"}, "case": {"normal", "正常"}, "run": {"done", "完成"}, "platform": {"business", "业务平台"}}
	n, pairs := 0, []string{}
	text = verb.ReplaceAllStringFunc(format, func(v string) string {
		n++
		place, x := strconv.Itoa(n), sample[words[strconv.Itoa(n)]]
		if strings.HasSuffix(v, "d") || strings.HasSuffix(v, "f") {
			x = [2]string{"7", "7"}
		}
		for _, p := range []string{"{" + place + "}", "{" + place + ":" + words[place] + "}"} {
			pairs = append(pairs, p, x[1])
		}
		return x[0]
	})
	return strings.ReplaceAll(text, "%%", "%"), strings.NewReplacer(pairs...).Replace(in)
}

// engineSentences gives every sentence of the engine's sources, and where it stands.
func engineSentences(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, glob := range told {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", glob, files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || slices.Contains(untold, filepath.Base(file)) {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch x := n.(type) {
				case *ast.ImportSpec:
					return false
				case *ast.FuncDecl:
					return x.Name.Name != "Actions" // their titles are the console's, by their ids
				case *ast.Field:
					x.Tag = nil
				case *ast.CallExpr:
					return !logs(x) && !shows(x)
				case ast.Expr:
					s, ok := format(x)
					if !ok {
						return true
					}
					if s = bare(s); strings.Contains(s, " ") && letter.MatchString(verb.ReplaceAllString(s, "")) {
						out[s] = set.Position(x.Pos()).String()
					}
					return false
				}
				return true
			})
		}
	}
	return out
}

// logs says that a call writes to the log, which is for another reader.
func logs(c *ast.CallExpr) bool {
	f, ok := c.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains([]string{"Info", "Warn", "Error", "Debug", "log", "logf", "Log"}, f.Sel.Name) && len(c.Args) > 1
}

// shows says that a call is for a probe's transcript, facts or query, which are shown as they are.
func shows(c *ast.CallExpr) bool {
	f, ok := c.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains([]string{"asked", "expected", "note", "got", "extra", "part", "row"}, f.Sel.Name)
}

// format is the text that an expression of literals and data makes, with %s for data.
func format(e ast.Expr) (string, bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		if x.Kind == token.STRING {
			s, err := strconv.Unquote(x.Value)
			return s, err == nil
		}
	case *ast.ParenExpr:
		return format(x.X)
	case *ast.BinaryExpr:
		a, isA := format(x.X)
		b, isB := format(x.Y)
		if x.Op != token.ADD || !isA && !isB {
			return "", false
		}
		if !isA {
			a = "%s"
		}
		if !isB {
			b = "%s"
		}
		return a + b, true
	}
	return "", false
}

// bare is a sentence without what it is joined to others by.
func bare(s string) string {
	s = strings.ReplaceAll(s, "%w", "%s")
	for was := ""; was != s; {
		was = s
		for _, p := range []string{"%s: ", "%s; ", "; ", ", ", ": ", ". ", "\n", " ", "("} {
			s = strings.TrimPrefix(s, p)
		}
		for _, p := range []string{": %s", ": %v", "; %s", ". %s", " (%s)", " (%v)", " "} {
			s = strings.TrimSuffix(s, p)
		}
		if end := verbAtEnd.FindStringIndex(s); end != nil { // a cause that brings its own colon or comma
			s = s[:end[0]+1]
		}
		if strings.HasSuffix(s, ")") && strings.Count(s, "(") < strings.Count(s, ")") {
			s = strings.TrimSuffix(s, ")")
		}
	}
	return s
}
