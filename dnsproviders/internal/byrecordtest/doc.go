// Package byrecordtest is what every provider made with byrecord must do, against its
// fake: in place, whole names, one fault at every request, exact reports.
//
// It does not: know a vendor's requests; the fakes of dnstest check those.
//
// It may be imported by tests only.
package byrecordtest
