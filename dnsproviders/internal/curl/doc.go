// Package curl prints requests as a POSIX shell script that sends them with curl, for the
// day on which dutyops cannot reach an API itself.
//
// The script holds no secret and puts none on a command line: it reads the secret from a
// file or a variable when it runs, and hands it to curl as a header on standard input. It
// sends nothing here. Only providers import it.
package curl
