// Package link is a TCP proxy that can break. One Link stands in front of one
// server of the sandbox; a fault is a Mode set on the Link, so that every client
// of that server meets it alike, on new and on existing connections.
//
// It does not: understand what flows through it, delay or lose single bytes
// inside a chunk, limit bandwidth, proxy UDP, or know which component it stands
// for.
//
// It may be imported by backend/sandbox and by the tests of the sandbox's
// servers. It imports nothing of dutyops.
package link
