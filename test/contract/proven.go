package contract

// Proof is one server on which every case of a kind was run, but for those that the
// suite pins by name.
type Proof struct {
	Kind string
	// Name is how README and docs/components write it.
	Name string
	// Version is the beginning of what the probe reads from the server; "" when the
	// protocol does not tell it.
	Version string
	// Page is the file below docs/components.
	Page string
}

// Proven lists them. README and the pages may claim no more: a test holds them to it, and
// the suite on real servers holds this list to what the servers say of themselves.
var Proven = []Proof{
	{"mysql", "MariaDB 10.11", "10.11.", "mysql.md"},
	{"mysql", "MySQL 5.6", "5.6.", "mysql.md"},
	{"redis", "Redis 7.0", "7.0.", "redis.md"},
	{"rabbitmq", "RabbitMQ 3.10", "3.10.", "rabbitmq.md"},
	{"elasticsearch", "OpenSearch 2.19", "opensearch 2.19.", "elasticsearch.md"},
	{"elasticsearch", "OpenSearch 3.1", "opensearch 3.1.", "elasticsearch.md"},
	{"elasticsearch", "Elasticsearch 7.17", "7.17.", "elasticsearch.md"},
	{"kafka", "Kafka 4.1", "", "kafka.md"},
	{"kafka-connect", "Kafka 4.1", "4.1.", "kafka-connect.md"},
	{"flink", "Flink 1.20", "1.20.", "flink.md"},
}

// ProvenOn finds the proof of the kind that the version belongs to.
func ProvenOn(kind, version string) (Proof, bool) {
	for _, p := range Proven {
		if p.Kind == kind && p.Version != "" && len(version) >= len(p.Version) && version[:len(p.Version)] == p.Version {
			return p, true
		}
	}
	return Proof{}, false
}
