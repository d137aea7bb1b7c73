package config

import (
	"fmt"
	"os"
	"strings"
)

// Secret is a reference to a secret: env:NAME, file:PATH or exec:COMMAND. The
// reference may be printed; what it refers to is read by Resolve, each time anew,
// so that a rotated secret is seen without a restart (promise 12).
type Secret string

// Resolve reads the secret. The error names the reference, never the secret.
func (s Secret) Resolve() (string, error) {
	kind, rest, ok := strings.Cut(string(s), ":")
	if !ok {
		return "", fmt.Errorf("secret %q: expected env:NAME, file:PATH or exec:COMMAND", "(not shown)")
	}
	switch kind {
	case "env":
		v, ok := os.LookupEnv(rest)
		if !ok {
			return "", fmt.Errorf("secret env:%s: the variable is not set", rest)
		}
		return v, nil
	case "file":
		b, err := os.ReadFile(rest)
		if err != nil {
			return "", fmt.Errorf("secret file:%s: %w", rest, err)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	return "", fmt.Errorf("secret: unknown reference kind %q", kind)
}
