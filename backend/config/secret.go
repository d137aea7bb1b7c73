package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Secret is a reference to a secret: env:NAME, file:PATH or exec:COMMAND. The
// reference may be printed; what it refers to is read by Resolve, each time anew,
// so that a rotated secret is seen without a restart (promise 12).
type Secret string

const (
	// execLimit bounds an exec: secret; a password manager that waits for a person
	// must not hold up a probe for longer.
	execLimit = 5 * time.Second
	// maxSecret bounds what is read as a secret: more is a wrong path.
	maxSecret = 64 << 10
)

// Resolve reads the secret; without the line ends that follow it. The zero Secret
// is the empty string: an account without a password. The error names the
// reference, never the secret. Safe for concurrent use. exec: runs the command
// without a shell (words are split at spaces), without input, for at most 5 s.
func (s Secret) Resolve() (string, error) {
	if s == "" {
		return "", nil
	}
	if problem := s.problem(); problem != "" {
		return "", fmt.Errorf("secret (not shown) %s: expected env:NAME, file:PATH or exec:COMMAND", problem)
	}
	kind, rest, _ := strings.Cut(string(s), ":")
	var (
		v   string
		err error
	)
	switch kind {
	case "env":
		v, err = fromEnv(rest)
	case "file":
		v, err = fromFile(rest)
	case "exec":
		v, err = fromCommand(rest)
	}
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", s, err)
	}
	v = strings.TrimRight(v, "\r\n")
	if v == "" {
		return "", fmt.Errorf("secret %s: it is empty: fill it in", s)
	}
	return v, nil
}

// File is the path that a file: secret is read from; "" for the others.
func (s Secret) File() string {
	path, _ := strings.CutPrefix(string(s), "file:")
	if s.problem() != "" || path == string(s) {
		return ""
	}
	return path
}

// KeyID is the id of an access key: the id itself, which is no secret, or a reference to
// it as to a Secret. A vendor gives a new id with every new secret, so that a key is
// rotated without a restart where both are references.
type KeyID string

// Reference is what the id is read from; "" for one that is written out.
func (k KeyID) Reference() Secret {
	kind, _, ok := strings.Cut(string(k), ":")
	if !ok || kind != "env" && kind != "file" && kind != "exec" {
		return ""
	}
	return Secret(k)
}

// Resolve gives the id as it is now, as Secret.Resolve does for references. Safe for
// concurrent use.
func (k KeyID) Resolve() (string, error) {
	if ref := k.Reference(); ref != "" {
		return ref.Resolve()
	}
	return string(k), nil
}

// problem says why s is no reference; "" when it is one or is empty. It never
// repeats s.
func (s Secret) problem() string {
	kind, rest, ok := strings.Cut(string(s), ":")
	switch {
	case s == "":
		return ""
	case !ok, kind != "env" && kind != "file" && kind != "exec":
		return "is not a reference to a secret"
	case strings.TrimSpace(rest) == "":
		return "names nothing after " + kind + ":"
	case kind == "env" && strings.ContainsAny(rest, "= \t\r\n"):
		return "is no name of an environment variable"
	case strings.ContainsAny(rest, "\r\n\x00"):
		return "spans several lines"
	}
	return ""
}

func fromEnv(name string) (string, error) {
	v, ok := os.LookupEnv(name)
	if !ok {
		return "", errors.New("the variable is not set: export it before the start")
	}
	return v, nil
}

func fromFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is no regular file")
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxSecret {
		return "", errors.New("it is larger than 64 KiB: is it the right file?")
	}
	return string(b), nil
}

func fromCommand(line string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), execLimit)
	defer cancel()
	return runSecret(ctx, strings.Fields(line))
}

// runSecret returns what the command prints. What it prints on standard error is
// thrown away: it might repeat the secret.
func runSecret(ctx context.Context, words []string) (string, error) {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // the operator's own command, by design
	cmd.WaitDelay = 100 * time.Millisecond
	out := &limitedBuffer{left: maxSecret}
	cmd.Stdout = out
	err := cmd.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("the command did not end within %s: run it by hand to see what it waits for", execLimit)
	case err != nil:
		return "", fmt.Errorf("the command failed: %w: run it by hand to see why", err)
	case out.over:
		return "", errors.New("the command printed more than 64 KiB: is it the right command?")
	}
	return out.String(), nil
}

// limitedBuffer keeps the first bytes and swallows the rest.
type limitedBuffer struct {
	strings.Builder
	left int
	over bool
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	n := len(p)
	if n > b.left {
		p, b.over = p[:b.left], true
	}
	b.left -= len(p)
	b.Builder.Write(p)
	return n, nil
}
