// Package trusttest makes authorities and certificates for tests, at run time, and puts
// TLS in front of a server that has none.
//
// It does not: keep a key anywhere but in the folder that a test gives it.
//
// It may be imported by tests only. It imports nothing of dutyops.
package trusttest
