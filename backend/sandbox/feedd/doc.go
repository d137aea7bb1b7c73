// Package feedd is one upstream system of the sandbox (the airline's or the
// airport's): it stands outside every site, emits seeded flight messages at a
// steady rate, keeps everything it ever sent, and hands messages out only to the
// site it is attached to.
//
// It does not: push, know whether a message was processed, forget, or fail; a
// fault proxy does that. What it keeps is the truth that sites are held against.
//
// It may be imported by backend/sandbox and by the tests of the sandbox's
// servers. It imports nothing of dutyops.
package feedd
