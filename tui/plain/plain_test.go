package plain

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dutyops/dutyops/failoverplan"
	"github.com/dutyops/dutyops/tui/demo"
)

// console is a person typing lines and reading what comes.
type console struct {
	mu sync.Mutex
	b  bytes.Buffer
	in *io.PipeWriter
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.Write(p)
}

func (c *console) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.String()
}

// typed sends a line and waits until everything has come to rest.
func (c *console) typed(t *testing.T, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if _, err := io.WriteString(c.in, l+"\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
}

func (c *console) want(t *testing.T, parts ...string) {
	t.Helper()
	synctest.Wait()
	for _, p := range parts {
		if !strings.Contains(c.text(), p) {
			t.Fatalf("never said %q:\n%s", p, c.text())
		}
	}
}

func run(t *testing.T, lang string, f func(t *testing.T, w *demo.World, c *console)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := demo.New(demo.Options{})
		r, in := io.Pipe()
		c := &console{in: in}
		done := make(chan error, 1)
		go func() {
			done <- Run(t.Context(), w, r, c, Options{Language: lang, Operator: "m.okafor", Environment: failoverplan.Sandbox, Location: time.UTC, ReportDir: t.TempDir()})
		}()
		synctest.Wait()
		f(t, w, c)
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatalf("end of input is no failure: %v", err)
		}
		for _, bad := range []string{"\x1b", "│", "╭", "─"} {
			if strings.Contains(c.text(), bad) {
				t.Fatalf("the line mode drew %q", bad)
			}
		}
	})
}

func TestFailoverByLines(t *testing.T) {
	run(t, "en", func(t *testing.T, w *demo.World, c *console) {
		c.want(t, "dutyops. SANDBOX.", "Serving: primary. Case: normal.", "  0  Quit")
		w.BusinessDown()
		c.want(t, "bad: primary/business/monitoring is down", "Case: business-down", "Advice: failover -> standby")
		c.typed(t, "3", "1")
		c.want(t, "pvg.gss.example.test A: 192.0.2.10 -> 198.51.100.20 TTL 2", "Type the name of the site")
		c.typed(t, "standby", "storm")
		c.want(t, "Starting in 5 s", "An empty line stops it.")
		if w.Starts() != 0 {
			t.Fatal("started before the pause")
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if w.Starts() != 1 || w.LastStart().Reason != "storm" || w.LastStart().PlanHash == "" || w.LastStart().To != "standby" {
			t.Fatalf("started %d times with %+v", w.Starts(), w.LastStart())
		}
		for w.Step() {
			synctest.Wait()
			time.Sleep(100 * time.Millisecond)
		}
		c.want(t, "done: Write 6 record sets", "is done.", "Next: fail back when primary")
	})
}

func TestNothingStartsWithoutConfirmation(t *testing.T) {
	for name, lines := range map[string][]string{
		"wrong name": {"3", "1", "primary"}, "no name": {"3", "1", ""}, "no reason": {"3", "1", "standby", ""},
		"stopped": {"3", "1", "standby", "storm", ""}, "back": {"3", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, "en", func(t *testing.T, w *demo.World, c *console) {
				c.typed(t, lines...)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if w.Starts() != 0 {
					t.Fatal("something was started")
				}
				if name != "back" {
					c.want(t, "Cancelled. Nothing was changed.")
				}
			})
		})
	}
}

func TestBlockedPlanCannotStart(t *testing.T) {
	run(t, "en", func(t *testing.T, w *demo.World, c *console) {
		w.Blocked = true
		c.typed(t, "3", "1")
		c.want(t, "gate refuses: target-healthy", "clears when", "Nothing can start.")
	})
}

func TestParkedRunCanBeRolledBack(t *testing.T) {
	run(t, "en", func(t *testing.T, w *demo.World, c *console) {
		w.FailStep = "s02"
		c.typed(t, "3", "1", "standby", "storm")
		time.Sleep(6 * time.Second)
		synctest.Wait()
		for w.Step() {
			synctest.Wait()
		}
		c.want(t, "is parked.", "cloudflare answered 500 three times", "roll back")
		c.typed(t, "2", "provider is down")
		c.want(t, "is rolled-back.")
	})
}

func TestLinesInChinese(t *testing.T) {
	run(t, "zh", func(t *testing.T, _ *demo.World, c *console) {
		c.want(t, "沙箱环境", "情形: 正常", "退出")
	})
}

func TestWhyJournalReportFaultsAndUnknownLines(t *testing.T) {
	run(t, "en", func(t *testing.T, w *demo.World, c *console) {
		w.Journal()
		w.BusinessDown()
		c.typed(t, "2", "1")
		c.want(t, "primary/business/monitoring: down. 3 failures in a row", "<- connection refused")
		c.typed(t, "5", "1", "1", "0")
		c.want(t, "Report written: ", "is interrupted.")
		c.typed(t, "6", "8", "99", "x")
		c.want(t, "authoritative 127.0.0.1:5301: 192.0.2.10 primary TTL 2", "warn: armed plan", "Type a number from 0 to 12.")
		c.typed(t, "11", "1", "primary/data", "12")
		c.want(t, "primary/data: down", "Everything is healed.")
	})
}

// TestBoardInLines: the board's findings are said in the console's language, what is old
// is named, and a finding that is bad stands last.
func TestBoardInLines(t *testing.T) {
	for lang, want := range map[string][]string{
		"en": {"127.0.0.1:5353 4/6 old until ", "it gives a TTL of 120 s where", "lower its minimum TTL", "Resolvers: 16 of 18 answers are new (88 %).", "Users: IPv4 1 of 4, IPv6 1 of 4 are served.", "192.0.2.10: no answer within 3s", "Old answers at least until "},
		"zh": {"127.0.0.1:5353 4/6 旧值到 ", "它给出的 TTL 是 120 秒", "降低它的最小 TTL", "解析器: 16 / 18 个应答已更新 (88 %)。", "旧值至少到 "},
	} {
		run(t, lang, func(t *testing.T, w *demo.World, c *console) {
			w.Lag("sha.gss.example.test", 1)
			w.Break("primary", failoverplan.Down, "")
			c.typed(t, "6")
			c.want(t, want...)
		})
	}
}

func TestQuitEndsIt(t *testing.T) {
	var out bytes.Buffer
	if err := Run(context.Background(), demo.New(demo.Options{}), strings.NewReader("0\n"), &out, Options{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "PRODUCTION") {
		t.Fatal("an environment that is not said must be taken for production")
	}
}
