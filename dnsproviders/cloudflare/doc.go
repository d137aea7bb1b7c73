// Package cloudflare reads and changes zones at Cloudflare, or at anything that
// speaks the same API v4: one list request to compare, one atomic batch to change.
//
// Records are patched in place by id (proxied, comment and tags stay as they are);
// a name is never absent between two requests. Retries are its own, few and visible.
//
// It does not: decide what to change, change single records outside a batch, or use
// the API library's hidden retries (ten by default, three minutes long).
//
// It may be imported by backend only. It imports dnsproviders.
package cloudflare
