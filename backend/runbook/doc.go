// Package runbook executes a plan: intent, do, outcome, step by step, with every
// word in the journal before and after. It knows order, groups, resume, undo and
// cancellation; what a step does to the world is handed to it as an Action.
//
// State is the observed world plus the journal (promise 5): a run that was killed is
// taken up by folding its entries, looking at the world, and going on.
//
// It does not probe, write DNS or talk to stores, and it asks nobody for a
// confirmation: faces do that before they call.
//
// It may be imported by backend only. It imports failoverplan and backend/journal.
package runbook
