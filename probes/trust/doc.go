// Package trust is how dutyops speaks TLS, whoever is asking: which certificates are
// believed, which one is shown, what is read again when files change, and how a failure
// is explained to a person in one line.
//
// Verification is on unless Settings.Insecure turns it off. Files are looked at before
// every handshake, so certificates may be rotated while the console runs.
//
// It does not: decide what a failure says about a component (package probes does), or
// read configuration.
//
// It may be imported by probes and by the drivers in backend. It imports nothing of
// dutyops.
package trust
