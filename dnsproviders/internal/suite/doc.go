// Package suite holds every HTTP provider to the same promises: one table of
// transitions, one list of bad days, and what an error must carry.
//
// It does not know any provider: a provider's test hands in how to make one.
//
// It may be imported by tests only.
package suite
