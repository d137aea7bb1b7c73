// Package byrecord is the common part of providers whose API changes one record at a
// time and cannot compare (dnspod, alidns): read, compare, write name by name, read
// back; a name whose change breaks off half-way is put back as it was.
//
// It does not: know any vendor's requests, signatures or answers, decide what to change,
// or delete a record before its successor is there.
//
// It may be imported by packages of dnsproviders only. It imports dnsproviders.
package byrecord
