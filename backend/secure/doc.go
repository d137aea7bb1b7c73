// Package secure turns a tls: of the configuration into what speaks TLS: whoever acts on a
// server asks it by the same settings as its probe.
//
// It does not: decide anything of its own. Verification is package probes/trust's.
//
// It may be imported by the engine and its rooms. It imports config and probes/trust.
package secure
