package sandbox

// Names and numbers of the default world.
const (
	zoneName    = "gss.example.test"
	keyName     = "dutyops-sandbox"
	providerCF  = "cloudflare"
	provider213 = "rfc2136"

	business = "business"
	data     = "data"

	monitoring = "monitoring"
	scheduling = "scheduling"

	queueNotifications = "notifications"
	jobName            = "ingest"
)

// siteSpec is one site of the world.
type siteSpec struct {
	name, title string
	weight      int
	v4, v6      string // documentation addresses that DNS carries (RFC 5737, RFC 3849)
	emergency   bool
	// number is the site's GTID domain, and the tens of its server ids.
	number int
}

var siteSpecs = []siteSpec{
	{name: "primary", title: "Main machine room", weight: 100, v4: "192.0.2.10", v6: "2001:db8:a::10", number: 1},
	{name: "standby", title: "Standby machine room", weight: 90, v4: "198.51.100.20", v6: "2001:db8:b::20", number: 2},
	{name: "emergency", title: "Emergency site", weight: 10, v4: "203.0.113.30", v6: "2001:db8:c::30", emergency: true, number: 3},
}

// stationSpec is an airport with a domain of its own.
type stationSpec struct{ name, title, domain string }

var stationSpecs = []stationSpec{
	{"PVG", "Shanghai Pudong", "pvg." + zoneName},
	{"SHA", "Shanghai Hongqiao", "sha." + zoneName},
	{"CAN", "Guangzhou Baiyun", "can." + zoneName},
}

// feedSpec is an upstream system.
type feedSpec struct {
	name, title string
	kinds       []string
}

var feedSpecs = []feedSpec{
	{"airline", "Airline operations system", []string{"flight-times", "passenger-counts", "baggage"}},
	{"airport", "Airport operations system", []string{"milestones", "stands"}},
}

// componentSpec is one component that a site has.
type componentSpec struct {
	platform, name, kind string
	subsystem            string
	full                 bool // not at the emergency site
}

func (c componentSpec) key() string { return c.platform + "/" + c.name }

var componentSpecs = []componentSpec{
	{business, "monitoring-mysql", "mysql", monitoring, false},
	{business, "monitoring-elasticsearch", "elasticsearch", monitoring, false},
	{business, "scheduling-mysql", "mysql", scheduling, true},
	{business, "scheduling-redis", "redis", scheduling, true},
	{data, "flink", "flink", "", false},
	{data, "kafka", "kafka", "", false},
	{data, "connect", "kafka-connect", "", false},
	{data, "mysql", "mysql", "", false},
	{data, "elasticsearch", "elasticsearch", "", false},
	{data, "rabbitmq", "rabbitmq", "", true},
	{data, "redis", "redis", "", true},
}

// has says whether the site has the component.
func (s siteSpec) has(c componentSpec) bool { return !s.emergency || !c.full }

// components are those that the site has.
func (s siteSpec) components() []componentSpec {
	var out []componentSpec
	for _, c := range componentSpecs {
		if s.has(c) {
			out = append(out, c)
		}
	}
	return out
}

// subsystems are those that the site has.
func (s siteSpec) subsystems() []string {
	if s.emergency {
		return []string{monitoring}
	}
	return []string{monitoring, scheduling}
}
