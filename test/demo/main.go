// Command demo records the pictures of the README: it starts `dutyops sandbox` in
// tmux, types what a newcomer would type, waits for what should appear, and saves
// the screen as PNG.
//
//	go run ./test/demo -binary ./bin/dutyops -out docs/pictures
//
// It needs tmux and rsvg-convert (Debian: tmux, librsvg2-bin), and
// fonts-noto-cjk for the Chinese picture. It does not judge what it sees, beyond
// waiting for the words it was told to wait for. Nothing imports it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// scene is one picture: keys to type, words to wait for, a file name.
type scene struct {
	keys []string // tmux key names; "text:…" types literally
	wait string   // must appear before the picture is taken; "" = no wait
	save string   // file name without .png; "" = no picture
}

func main() {
	binary := flag.String("binary", "bin/dutyops", "the dutyops to run")
	out := flag.String("out", "docs/pictures", "folder of the pictures")
	flag.Parse()
	if err := record(context.Background(), *binary, *out); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func record(ctx context.Context, binary, out string) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	abs, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for i, s := range []struct {
		cols, rows int
		args       []string
		scenes     []scene
	}{
		{132, 40, []string{"--lang", "en"}, story},
		{80, 24, []string{"--lang", "en"}, small},
		{120, 36, []string{"--lang", "zh"}, chinese},
	} {
		t := &terminal{ctx: ctx, socket: fmt.Sprintf("dutyops-demo-%d-%d", os.Getpid(), i), cols: s.cols, rows: s.rows}
		if err := t.play(append([]string{abs, "sandbox"}, s.args...), s.scenes, out); err != nil {
			return err
		}
	}
	return nil
}

// terminal is one tmux server with one window.
type terminal struct {
	ctx        context.Context
	socket     string
	cols, rows int
}

func (t *terminal) tmux(args ...string) (string, error) {
	cmd := exec.CommandContext(t.ctx, "tmux", append([]string{"-L", t.socket, "-f", "/dev/null"}, args...)...)
	b, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("tmux %s: %w", args[0], err)
	}
	return string(b), nil
}

func (t *terminal) play(command []string, scenes []scene, out string) error {
	_, err := t.tmux("-u", "new-session", "-d", "-x", fmt.Sprint(t.cols), "-y", fmt.Sprint(t.rows),
		"-e", "TERM=xterm-256color", "-e", "COLORTERM=truecolor", "-e", "LANG=C.UTF-8", "-s", "demo", quote(command))
	if err != nil {
		return err
	}
	defer func() { _, _ = t.tmux("kill-server") }()
	for _, o := range [][]string{
		{"set", "-g", "status", "off"},
		{"set", "-sa", "terminal-overrides", ",*:Tc"},
		{"resize-window", "-t", "demo", "-x", fmt.Sprint(t.cols), "-y", fmt.Sprint(t.rows)},
	} {
		if _, err := t.tmux(o...); err != nil {
			return err
		}
	}
	for _, s := range scenes {
		for _, k := range s.keys {
			if err := t.key(k); err != nil {
				return err
			}
		}
		if err := t.await(s.wait); err != nil {
			return err
		}
		if s.save == "" {
			continue
		}
		if err := t.picture(filepath.Join(out, s.save+".png")); err != nil {
			return err
		}
	}
	return nil
}

func quote(command []string) string {
	var out []string
	for _, c := range command {
		out = append(out, "'"+strings.ReplaceAll(c, "'", `'\''`)+"'")
	}
	return strings.Join(out, " ")
}

func (t *terminal) key(k string) error {
	if text, ok := strings.CutPrefix(k, "text:"); ok {
		for _, r := range text { // one by one: a paste is refused where a name must be typed
			if _, err := t.tmux("send-keys", "-t", "demo", "-l", string(r)); err != nil {
				return err
			}
			t.pause(40 * time.Millisecond)
		}
		return nil
	}
	_, err := t.tmux("send-keys", "-t", "demo", k)
	t.pause(250 * time.Millisecond) // a dialog ignores keys for a moment after it opens
	return err
}

func (t *terminal) pause(d time.Duration) {
	select {
	case <-t.ctx.Done():
	case <-time.After(d):
	}
}

// await polls the screen for the words, and then lets it come to rest.
func (t *terminal) await(words string) error {
	for begin := time.Now(); words != ""; t.pause(100 * time.Millisecond) {
		text, err := t.tmux("capture-pane", "-p", "-t", "demo")
		if err != nil {
			return err
		}
		if strings.Contains(text, words) {
			break
		}
		if time.Since(begin) > 45*time.Second {
			return fmt.Errorf("%q did not appear; the screen shows\n%s", words, text)
		}
	}
	t.pause(700 * time.Millisecond)
	return nil
}

func (t *terminal) picture(path string) error {
	ansi, err := t.tmux("capture-pane", "-e", "-p", "-t", "demo")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(t.ctx, "rsvg-convert")
	cmd.Stdin = strings.NewReader(drawSVG(ansi, t.cols, t.rows))
	data, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("rsvg-convert: %w", err)
	}
	if data, err = shrink(data); err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o644); err != nil { //nolint:gosec // a picture for everybody
		return err
	}
	fmt.Println("wrote", path)
	return nil
}
