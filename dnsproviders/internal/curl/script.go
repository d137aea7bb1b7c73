package curl

import (
	"fmt"
	"strings"
)

// Request is one request of a script. Body must not hold a line that is "DUTYOPS".
type Request struct {
	Method, URL string
	Body        string // JSON; "" = none
}

// Script is a series of requests; it stops at the first that is not answered with 2xx.
type Script struct {
	// Comments stand at the top, one line each.
	Comments []string
	// Header is what precedes the secret in the header that carries it: "X-Api-Key: ".
	Header string
	// Variable holds the secret when the script runs; Variable_FILE may name a file instead.
	Variable string
	Requests []Request
}

// frame is the part before the requests: secret, header prefix, variable.
const frame = `set -eu
secret() {
  if [ -n "${%[1]s_FILE:-}" ]; then
    head -n 1 -- "$%[1]s_FILE"
  else
    printf '%%s\n' "${%[1]s:?is not set: set it, or %[1]s_FILE to a file that holds it}"
  fi
}
send() { # NUMBER METHOD URL; the body is on descriptor 3, the secret goes to curl on its standard input
  key=$(secret)
  answer=$(printf '%[2]s%%s\n' "$key" | curl --silent --show-error --max-time 60 --request "$2" \
    --header @- --header 'Content-Type: application/json' --data-binary @/dev/fd/3 --write-out '\n%%{http_code}' "$3") || {
    echo "request $1 of %[3]d: no answer, so it may have been carried out: look before you send it again" >&2
    exit 1
  }
  case $answer in
    *2[0-9][0-9]) echo "request $1 of %[3]d: done" ;;
    *)
      printf '%%s\n' "$answer" >&2
      echo "request $1 of %[3]d was refused; those before it are made, those after it were not sent" >&2
      exit 1
      ;;
  esac
}
`

// String returns the script.
func (s Script) String() string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n")
	for _, c := range s.Comments {
		b.WriteString("# " + strings.Join(strings.Fields(c), " ") + "\n")
	}
	fmt.Fprintf(&b, "# Needs curl 7.55 or newer. Run: %s_FILE=FILE sh THIS (FILE holds the secret, which is put on no command line).\n", s.Variable)
	fmt.Fprintf(&b, frame, s.Variable, s.Header, len(s.Requests))
	for i, r := range s.Requests {
		fmt.Fprintf(&b, "send %d %s %s 3<<'DUTYOPS'\n", i+1, r.Method, Quote(r.URL))
		if r.Body != "" {
			b.WriteString(r.Body + "\n")
		}
		b.WriteString("DUTYOPS\n")
	}
	return b.String()
}

// Quote makes one word of a POSIX shell of s.
func Quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.:/@,=", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
