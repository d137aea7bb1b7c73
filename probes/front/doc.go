// Package front asks the service behind a name at one of the name's addresses, as a
// user's browser would: the connection goes to the address, Host header and TLS server
// name are the name, and the certificate is checked.
//
// It does not: resolve names, follow redirects, run scripts, or judge what a failure
// means for users.
//
// It may be imported by backend only. It imports probes/trust.
package front
