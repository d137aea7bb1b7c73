// Package route53 reads and changes hosted zones at Amazon Route 53.
//
// A change is DELETE of the exact live set and CREATE of the new one in one
// transactional request: the server itself compares and sets, all of it or nothing.
// Source: docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html.
//
// It does not: write sets that are aliases or have a set identifier (weighted, latency,
// failover, geolocation, multivalue), use the SDK's hidden retries, or read AWS
// profiles and environment variables.
//
// It may be imported by backend only. It imports dnsproviders.
package route53
