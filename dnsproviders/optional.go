package dnsproviders

import (
	"context"
	"encoding/json"
	"time"
)

// HandleCodec is an Armer whose Arming.Handle can be put away and taken up by another
// process. What it writes holds no secret. An Armer whose handles are nil needs none.
type HandleCodec interface {
	Armer
	EncodeHandle(handle any) (json.RawMessage, error)
	// DecodeHandle refuses what EncodeHandle of this version does not write.
	DecodeHandle(data json.RawMessage) (any, error)
}

// WriteProof is what a write that changed nothing has shown.
type WriteProof struct {
	// What was written, for people: "www.example.com A, TTL 30, as it is".
	What     string
	APICalls int
	Took     time.Duration
}

// WriteProber is a Provider that can prove its way to write with one that changes
// nothing: credential, rights, path and server are those of a switch.
type WriteProber interface {
	Provider
	// ProbeWrite writes a set of the zone as it is. name must have records (A, AAAA, CNAME
	// or HTTPS). A set that somebody changes at the same moment is not set back where the
	// server can compare. Errors are those of Apply.
	ProbeWrite(ctx context.Context, zone, name string) (WriteProof, error)
}

// Scripter is a Provider that can print a change as commands for a person, for the day
// on which dutyops cannot reach the API itself.
type Scripter interface {
	Provider
	// Script returns shell commands (or a file's text with the command in a comment) that
	// make the changes. It holds no secret: credentials are variables or files that the
	// commands read. armed may be nil; a provider that needs its ids says so then.
	Script(zone string, changes []Change, armed *Arming) (string, error)
}

// Foreteller is an Armer that knows, without asking, what an Arming holds once changes were
// made on its ground: what the way back is printed from before anything is done.
type Foreteller interface {
	Armer
	// Foretell returns the Arming that follows; its At is that of a. The error says, for
	// people, what only the provider knows then (the ids of records that are created).
	Foretell(a Arming, changes []Change) (Arming, error)
}

// Tracker is a Provider that says whether a change has reached all its name servers.
// That is evidence beside the verification, which asks the name servers themselves.
type Tracker interface {
	Provider
	// InSync asks once about the change of a Receipt's RequestID.
	InSync(ctx context.Context, zone, changeID string) (bool, error)
}
