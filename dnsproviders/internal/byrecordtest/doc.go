// Package byrecordtest is what every provider made with byrecord must do, against its
// fake: in place, whole names, one fault at every request, exact reports.
//
// It may be imported by tests only.
package byrecordtest
