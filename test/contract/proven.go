package contract

import "strings"

// Proof is one server on which the suites ran.
type Proof struct {
	// Part is what it proves: the kind of a component or of a DNS provider, or "answers"
	// for what is asked of whoever answers for the names.
	Part string
	// Name is how README and the pages write it.
	Name string
	// Version is the beginning of what the probe reads from the server; "" when the
	// protocol does not tell it.
	Version string
	// Page is the file below docs.
	Page string
}

// Proven lists them. README and the pages may claim no more: a test holds them to it, and
// the suites on real servers hold this list to what the servers say of themselves.
var Proven = []Proof{
	{"mysql", "MariaDB 10.11", "10.11.", "components/mysql.md"},
	{"mysql", "MySQL 5.6", "5.6.", "components/mysql.md"},
	{"redis", "Redis 7.0", "7.0.", "components/redis.md"},
	{"rabbitmq", "RabbitMQ 3.10", "3.10.", "components/rabbitmq.md"},
	{"elasticsearch", "OpenSearch 2.19", "opensearch 2.19.", "components/elasticsearch.md"},
	{"elasticsearch", "OpenSearch 3.1", "opensearch 3.1.", "components/elasticsearch.md"},
	{"elasticsearch", "Elasticsearch 7.17", "7.17.", "components/elasticsearch.md"},
	{"kafka", "Kafka 4.1", "", "components/kafka.md"},
	{"kafka-connect", "Kafka 4.1", "4.1.", "components/kafka-connect.md"},
	{"flink", "Flink 1.20", "1.20.", "components/flink.md"},

	{"http", "nginx 1.22", "nginx/1.22.", "components/http-tcp-dns.md"},
	{"tcp", "nginx 1.22", "", "components/http-tcp-dns.md"},
	{"dns", "BIND 9.18", "", "components/http-tcp-dns.md"},
	{"dns", "Knot 3.2", "", "components/http-tcp-dns.md"},
	{"dns", "NSD 4.6", "", "components/http-tcp-dns.md"},
	{"dns", "Unbound 1.17", "", "components/http-tcp-dns.md"},

	{"rfc2136", "BIND 9.18", "", "providers/rfc2136.md"},
	{"rfc2136", "Knot 3.2", "", "providers/rfc2136.md"},
	{"rfc2136", "PowerDNS 4.7", "", "providers/rfc2136.md"},
	{"powerdns", "PowerDNS 4.7", "", "providers/powerdns.md"},
	{"libdns", "BIND 9.18 (module `rfc2136`)", "", "providers/libdns.md"},
	{"answers", "BIND 9.18", "", "verification.md"},
	{"answers", "Knot 3.2", "", "verification.md"},
	{"answers", "NSD 4.6", "", "verification.md"},
	{"answers", "Unbound 1.17", "", "verification.md"},
}

// Written lists what no server was to be had for: probes and actions were held to answers
// written after the vendor's reference pages, and to nothing else. README and the pages
// say so.
var Written = []Proof{
	{Part: "mysql", Name: "MySQL 8", Page: "components/mysql.md"},
	{Part: "rabbitmq", Name: "RabbitMQ 4", Page: "components/rabbitmq.md"},
	{Part: "elasticsearch", Name: "Elasticsearch 8", Page: "components/elasticsearch.md"},
	{Part: "flink", Name: "Flink in application mode", Page: "components/flink.md"},
	{Part: "cloudflare", Name: "Cloudflare's API", Page: "providers/cloudflare.md"},
	{Part: "route53", Name: "Route 53's API", Page: "providers/route53.md"},
	{Part: "dnspod", Name: "DNSPod's API", Page: "providers/dnspod.md"},
	{Part: "alidns", Name: "Alibaba Cloud DNS's API", Page: "providers/alidns.md"},
	{Part: "libdns", Name: "deSEC's API (module `desec`)", Page: "providers/libdns.md"},
}

// ProvenOn finds the proof of the part that the version belongs to.
func ProvenOn(part, version string) (Proof, bool) {
	for _, p := range Proven {
		if p.Part == part && p.Version != "" && strings.HasPrefix(version, p.Version) {
			return p, true
		}
	}
	return Proof{}, false
}
