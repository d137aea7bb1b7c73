// Package contract holds what probes promise about every kind of component in
// every state it can be broken into, written once and run against different
// backends: the sandbox's servers in process, and real servers where there are any.
//
// It does not: start servers itself (a Backend does), or judge more than one
// component at a time.
//
// It may be imported by tests only.
package contract
