// Package rr holds the one form in which record data is compared, and the
// conversion to and from the wire library. It is the only place that knows both.
//
// It does not: open sockets or know a provider.
//
// It may be imported by dnsproviders and its packages only.
package rr
