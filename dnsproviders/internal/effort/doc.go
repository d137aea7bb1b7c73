// Package effort carries one operation of an HTTP provider: its budget, its few and
// visible tries, errors without secrets, and what to do when the answer to a write is lost.
//
// It does not know any API: a provider says how to send, how to judge an answer and
// how to read the zone back.
//
// It may be imported by the providers below dnsproviders. It imports dnsproviders.
package effort
