// Package alidns reads and changes zones at Alibaba Cloud DNS (API 2015-01-09).
//
// Every change is UpdateDomainRecord of one record by its id, in place, a few names at a
// time and never more per second than the account may. The record's line stays.
//
// A set that has records on several lines ("default", "telecom", ...) is refused with its
// reason: giving all lines the same value would silently end a decision that somebody
// made on purpose, and changing one of them would leave users behind.
//
// It does not use OperateBatchDomain: that call can only add and delete (a re-point would
// have a hole), ignores everything after the first 1,000 entries without a word, is meant
// "for tasks that do not require immediate execution", and a deletion without host and
// value clears the zone. Nor does it use the vendor's library.
//
// It may be imported by backend only. It imports dnsproviders.
package alidns
