// Package dnspod reads and changes zones at Tencent Cloud DNSPod (API 2021-03-23).
//
// A re-point of many records to one address is one ModifyRecordBatch per address (5,000
// records each) and a few polls of its job; everything else is one ModifyRecord per
// record. Records are changed in place by id; line, weight, remark and state stay.
//
// A set that has records on several lines (RecordLine: "default", "telecom", ...) is
// refused with its reason: giving all lines the same value would silently end a decision
// that somebody made on purpose, and changing one of them would leave users behind.
//
// It does not: use the vendor's library, change many records atomically (the API has no
// such thing: jobs run later and record by record), or delete a record before its
// successor is there.
//
// It may be imported by backend only. It imports dnsproviders.
package dnspod
