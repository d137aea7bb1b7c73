package config

import (
	"maps"
	"slices"

	"github.com/dutyops/dutyops/failoverplan"
)

// kindSpec says which keys a component kind or a provider kind wants.
type kindSpec struct {
	required []string
	// anyOf: at least one of these is required.
	anyOf    []string
	optional []string
	// critical is the default of the component's critical flag.
	critical bool
	// store: has data that a sync policy may cover.
	store bool
	// syncable: dutyops has a way to sync it (mission A6).
	syncable bool
}

func (s kindSpec) allows(key string) bool {
	return slices.Contains(s.required, key) || slices.Contains(s.anyOf, key) || slices.Contains(s.optional, key)
}

// componentCommon are the keys that every component may have.
var componentCommon = []string{"name", "kind", "subsystem", "critical", "slow_after"}

// componentKinds is the table of component kinds; docs/configuration.md and the JSON
// Schema are made from it. Read only.
var componentKinds = map[failoverplan.ComponentKind]kindSpec{
	failoverplan.MySQL: {
		required: []string{"address", "user"}, optional: []string{"password", "database", "tls", "control", "replication"},
		critical: true, store: true, syncable: true,
	},
	failoverplan.Redis: {
		required: []string{"address"}, optional: []string{"user", "password", "database", "tls", "control", "replication"},
		store: true, syncable: true,
	},
	failoverplan.Elasticsearch: {
		required: []string{"url"}, optional: []string{"user", "password", "api_key", "tls", "index", "time_field", "yellow_ok", "control", "replication"},
		store: true, syncable: true,
	},
	failoverplan.Kafka: {
		required: []string{"brokers"}, optional: []string{"user", "password", "sasl", "tls", "topics"},
		critical: true, store: true, syncable: true,
	},
	failoverplan.KafkaConnect: {required: []string{"url"}, optional: []string{"user", "password", "tls", "mirrors"}},
	failoverplan.RabbitMQ: {
		anyOf: []string{"address", "url"}, optional: []string{"user", "password", "tls", "queue"},
		store: true,
	},
	failoverplan.Flink: {required: []string{"url"}, optional: []string{"user", "password", "tls", "job"}, critical: true},
	failoverplan.HTTP:  {required: []string{"url"}, optional: []string{"user", "password", "tls", "expect_status", "expect_body"}},
	failoverplan.TCP:   {required: []string{"address"}},
	failoverplan.DNS:   {required: []string{"address", "query"}, optional: []string{"qtype", "expect"}},
}

// Provider kinds.
const (
	KindCloudflare = "cloudflare"
	KindRFC2136    = "rfc2136"
	KindDNSPod     = "dnspod"
	KindAliDNS     = "alidns"
	KindPowerDNS   = "powerdns"
	KindRoute53    = "route53"
	KindLibDNS     = "libdns"
)

var providerCommon = []string{"name", "kind", "timeout", "budget"}

// providerKinds is the table of provider kinds. Read only.
var providerKinds = map[string]kindSpec{
	KindCloudflare: {required: []string{"token"}, optional: []string{"base_url", "tls"}},
	KindRFC2136:    {required: []string{"server", "key_name", "key_secret"}, optional: []string{"key_algorithm"}},
	KindDNSPod:     {required: []string{"access_key_id", "access_key_secret"}, optional: []string{"base_url", "tls"}},
	KindAliDNS:     {required: []string{"access_key_id", "access_key_secret"}, optional: []string{"base_url", "tls", "rate"}},
	KindPowerDNS:   {required: []string{"base_url", "api_key"}, optional: []string{"server_id", "tls"}},
	KindRoute53:    {required: []string{"access_key_id", "secret_access_key"}, optional: []string{"region", "base_url", "tls", "hosted_zone_id"}},
	KindLibDNS:     {required: []string{"module"}, optional: []string{"token", "server", "key_name", "key_secret", "key_algorithm"}},
}

// libdnsModules says what each module that is compiled in needs. Read only; the backend's
// tests hold it against dnsproviders/compat.
var libdnsModules = map[string]kindSpec{
	"desec":   {required: []string{"module", "token"}},
	"rfc2136": {required: []string{"module", "server", "key_name", "key_secret"}, optional: []string{"key_algorithm"}},
}

// LibDNSModules lists the modules that a provider of kind libdns can name.
func LibDNSModules() []string { return slices.Sorted(maps.Keys(libdnsModules)) }

// Where the board calls an address (dns.service.reach).
const (
	ReachAddress = "address"
	ReachGateway = "gateway"
)

// aliasType is the record type of domains that point at a gateway's name.
const aliasType = "CNAME"

var (
	keyAlgorithms  = []string{"hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1"}
	domainTypes    = []string{"A", "AAAA", aliasType}
	queryTypes     = []string{"A", "AAAA", "CNAME", "HTTPS", "MX", "NS", "SOA", "SRV", "TXT"}
	environments   = []string{string(failoverplan.Production), string(failoverplan.Sandbox)}
	platformKinds  = []string{string(failoverplan.Business), string(failoverplan.Data)}
	schemes        = []string{"http", "https"}
	reaches        = []string{ReachAddress, ReachGateway}
	syncPolicies   = []string{string(failoverplan.Sync), string(failoverplan.SyncNone)}
	saslMechanisms = []string{"scram-sha-256", "scram-sha-512", "plain"}
	// reservedSites have a meaning of their own where a site name is expected.
	reservedSites = []string{"mixed", "foreign", "none", "dns", "link"}
)

// componentKindNames lists the kinds in alphabetical order.
func componentKindNames() []string {
	var out []string
	for k := range componentKinds {
		out = append(out, string(k))
	}
	slices.Sort(out)
	return out
}

// storeKindNames lists the kinds that a sync policy may name.
func storeKindNames() []string {
	var out []string
	for _, name := range componentKindNames() {
		if componentKinds[failoverplan.ComponentKind(name)].store {
			out = append(out, name)
		}
	}
	return out
}

func providerKindNames() []string { return slices.Sorted(maps.Keys(providerKinds)) }
