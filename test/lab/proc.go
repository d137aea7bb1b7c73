//go:build integration

package lab

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// nobody is the account that servers run under when the lab is started by root: most of
// them refuse to be root, and none needs it.
const nobody = 65534

// proc is one server process. It dies with the lab, even when the lab is killed.
type proc struct {
	name string
	args []string
	dir  string
	env  []string
	// ready is asked until it returns nil.
	ready func(ctx context.Context) error
	// listens are addresses, host:port, that ready does not ask: each has to take a
	// connection, too. Servers open theirs one after the other.
	listens []string
	// within is how long that may take; 0 is a minute and a half, for loaded machines.
	within time.Duration

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
}

// unprivileged makes a command run as nobody when we are root.
func unprivileged(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
}

// give hands a path to the account that servers run under.
func give(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, nobody, nobody)
}

// serverDir makes a folder that servers may write to and other users may not read.
func serverDir(elem ...string) (string, error) {
	dir := filepath.Join(elem...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return "", err
	}
	return dir, give(dir)
}

// serverFile writes a file that only the servers may read; it may hold a password.
func serverFile(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return give(path)
}

func (p *proc) logPath() string { return filepath.Join(p.dir, p.name+".log") }

// start runs the process and waits until it is ready.
func (p *proc) start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return fmt.Errorf("%s runs already", p.name)
	}
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(p.args[0], p.args[1:]...) //nolint:gosec,noctx // the lab's own commands; they outlive ctx
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + p.dir, "LC_ALL=C"}, p.env...)
	unprivileged(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w (test/lab/install.sh installs what is missing)", p.name, err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	p.cmd, p.done = cmd, done
	began := time.Now()
	if err := p.awaitReady(ctx, done); err != nil {
		p.stopLocked(syscall.SIGKILL)
		return fmt.Errorf("%s: %w; end of its log:\n%s", p.name, err, p.tail())
	}
	p.tellStart(ctx, time.Since(began))
	return nil
}

func (p *proc) awaitReady(ctx context.Context, done <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.within, 90*time.Second))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		try, stop := context.WithTimeout(ctx, time.Second)
		err := p.ready(try)
		for i := 0; err == nil && i < len(p.listens); i++ {
			err = answers(try, p.listens[i])
		}
		stop()
		if err == nil {
			return nil
		}
		select {
		case <-done:
			return errors.New("it ended while starting")
		case <-ctx.Done():
			return fmt.Errorf("not ready in time: %w", err)
		case <-tick.C:
		}
	}
}

func (p *proc) tail() string {
	b, err := os.ReadFile(p.logPath())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(bytes.ToValidUTF8(b, nil))), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// stop ends the process and everything it started; a stopped one is left alone.
func (p *proc) stop(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopLocked(sig)
}

func (p *proc) stopLocked(sig syscall.Signal) {
	if p.cmd == nil {
		return
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, sig)
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGCONT) // a frozen one hears nothing
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
	p.cmd = nil
}

// freeze and thaw stop the process without ending it: it holds its connections and
// answers nothing.
func (p *proc) freeze() error { return p.signal(syscall.SIGSTOP) }
func (p *proc) thaw() error   { return p.signal(syscall.SIGCONT) }

func (p *proc) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return fmt.Errorf("%s does not run", p.name)
	}
	return syscall.Kill(-p.cmd.Process.Pid, sig)
}

// run runs a command to its end as the servers' account.
func run(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // the lab's own commands
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + dir, "LC_ALL=C"}
	unprivileged(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
