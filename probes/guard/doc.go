// Package guard bounds what a server's answer can do to the one who asked: how many
// bytes it may bring in, which sizes it may announce, how deep and wide a document may
// be, and what text from it may hold when a person reads it. Client libraries believe
// what they are told; a server that is broken, replaced or hostile may tell anything.
//
// It does not know which question was asked, judges no component and opens nothing.
//
// It may be imported by probes and by whatever in backend asks servers. It imports nothing
// of dutyops.
package guard
