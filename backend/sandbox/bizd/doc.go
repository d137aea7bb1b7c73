// Package bizd is the business side of a sandbox site: the monitoring and the
// scheduling subsystem, each a small HTTP service over stores of its own, and
// the gateway that users reach them through (mission A1).
//
// Monitoring reads the site's Kafka and keeps one document per flight; scheduling
// reads the site's data MySQL and keeps one task per flight. Both write only while
// their own MySQL takes writes, so that at a standby site replication fills it.
//
// It does not: know other sites, decide which site serves, create what the data
// platform writes, or outlive its Close.
//
// It may be imported by backend/sandbox and by tests. It imports nothing of
// dutyops.
package bizd
