package failoverplan

import "slices"

// Environment says whether what answers at the other end of the socket is real.
type Environment string

// The two environments. They run the same code (promise 3); only the banner differs.
const (
	Production Environment = "production"
	Sandbox    Environment = "sandbox"
)

// PlatformKind is one of the two platforms a site has (mission A1).
type PlatformKind string

// The platforms of a site.
const (
	Business PlatformKind = "business"
	Data     PlatformKind = "data"
)

// ComponentKind names what a component is; it selects probe, position reader
// and promotion driver.
type ComponentKind string

// Component kinds the topology may hold.
const (
	MySQL         ComponentKind = "mysql"
	Elasticsearch ComponentKind = "elasticsearch"
	Kafka         ComponentKind = "kafka"
	KafkaConnect  ComponentKind = "kafka-connect"
	RabbitMQ      ComponentKind = "rabbitmq"
	Redis         ComponentKind = "redis"
	Flink         ComponentKind = "flink"
	HTTP          ComponentKind = "http"
	TCP           ComponentKind = "tcp"
	DNS           ComponentKind = "dns"
)

// SyncPolicy says whether a component's data is kept equal at the other site (mission A5).
type SyncPolicy string

// The two policies. A component whose policy is SyncNone is never touched by a
// sync run or a promotion (mission A6).
const (
	Sync     SyncPolicy = "sync"
	SyncNone SyncPolicy = "none"
)

// Topology is the configured world: what exists, not how it is. Immutable once built.
type Topology struct {
	Environment Environment `json:"environment"`
	// Home is the site that serves when nothing has failed (the configured primary).
	Home    string   `json:"home"`
	Sites   []Site   `json:"sites"`
	Domains []Domain `json:"domains"`
	Feeds   []Feed   `json:"feeds"`
}

// Site is a gateway plus a business and a data platform (mission A1).
type Site struct {
	Name string `json:"name"`
	// Weight orders candidates for standby: greatest healthy weight first (mission C2).
	Weight int `json:"weight"`
	// Emergency marks the cut-down third site of mission A7; it is chosen last.
	Emergency bool     `json:"emergency,omitempty"`
	GatewayV4 []string `json:"gateway_v4,omitempty"`
	GatewayV6 []string `json:"gateway_v6,omitempty"`
	// GatewayName is what domains of type CNAME point at; "" = the gateway has no name.
	GatewayName string `json:"gateway_name,omitempty"`

	Platforms []Platform `json:"platforms"`
}

// Platform is the business or the data platform of one site.
type Platform struct {
	Kind       PlatformKind `json:"kind"`
	Subsystems []Subsystem  `json:"subsystems,omitempty"`
	Components []Component  `json:"components,omitempty"`
}

// Subsystem is a named part of a business platform (monitoring, scheduling).
type Subsystem struct {
	Name string `json:"name"`
	// Critical subsystems take the platform down with them; others degrade it.
	Critical bool `json:"critical"`
}

// Component is one storage or processing server of a platform.
type Component struct {
	Name string        `json:"name"`
	Kind ComponentKind `json:"kind"`
	// Subsystem is set when the component belongs to one subsystem only.
	Subsystem string     `json:"subsystem,omitempty"`
	Critical  bool       `json:"critical"`
	Sync      SyncPolicy `json:"sync"`
	// Mirrors, on a kafka-connect component: source site -> connectors that copy from it to this site.
	Mirrors map[string][]string `json:"mirrors,omitempty"`
	// Job, on a flink component: the ingest job's name.
	Job string `json:"job,omitempty"`
}

// Domain is one name that users enter (mission A3).
type Domain struct {
	Name     string `json:"name"`
	Station  string `json:"station"`
	Zone     string `json:"zone"`
	Provider string `json:"provider"`
	// Also are further providers that hold the same zone and are kept equal.
	Also []string `json:"also,omitempty"`
	// Types are the record types by which the name points at a gateway: A, AAAA, or CNAME alone.
	Types []string `json:"types"`
	// TTL in seconds that a switch writes.
	TTL uint32 `json:"ttl_s"`
	// SwitchTTL in seconds is what a planned switch lowers the TTL to beforehand; 0 = DefaultSwitchTTL.
	SwitchTTL uint32 `json:"switch_ttl_s,omitempty"`
}

// DefaultSwitchTTL in seconds: short enough that the last old answer is soon forgotten.
const DefaultSwitchTTL = 5

// Feed is one upstream system that sends messages to the data platform (mission A1, A4).
type Feed struct {
	Name string `json:"name"`
}

// Target addresses anything in the topology as "site", "site/platform",
// "site/platform/subsystem-or-component".
func Target(parts ...string) string {
	s := ""
	for i, p := range parts {
		if i > 0 {
			s += "/"
		}
		s += p
	}
	return s
}

// Site returns the named site; ok is false when the topology has none of that name.
func (t *Topology) Site(name string) (Site, bool) {
	for _, s := range t.Sites {
		if s.Name == name {
			return s, true
		}
	}
	return Site{}, false
}

// Platform returns the site's platform of the kind; ok is false when it has none.
func (s Site) Platform(kind PlatformKind) (Platform, bool) {
	for _, p := range s.Platforms {
		if p.Kind == kind {
			return p, true
		}
	}
	return Platform{}, false
}

// Component returns the named component of the platform; ok is false when it has none.
func (p Platform) Component(name string) (Component, bool) {
	for _, c := range p.Components {
		if c.Name == name {
			return c, true
		}
	}
	return Component{}, false
}

// Counterpart finds the component of another site that holds the same data:
// same platform, same name (mission A6).
func (t *Topology) Counterpart(site string, kind PlatformKind, name string) (Component, bool) {
	s, ok := t.Site(site)
	if !ok {
		return Component{}, false
	}
	p, ok := s.Platform(kind)
	if !ok {
		return Component{}, false
	}
	return p.Component(name)
}

// Stations lists the stations of the topology in the order of their first domain.
func (t *Topology) Stations() []string {
	var out []string
	seen := map[string]bool{}
	for _, d := range t.Domains {
		if !seen[d.Station] {
			seen[d.Station] = true
			out = append(out, d.Station)
		}
	}
	return out
}

// GatewaySite tells which site an address or a gateway's name belongs to; ok is false
// for a stranger's.
func (t *Topology) GatewaySite(value string) (string, bool) {
	for _, s := range t.Sites {
		if slices.Contains(s.GatewayV4, value) || slices.Contains(s.GatewayV6, value) || value != "" && value == s.GatewayName {
			return s.Name, true
		}
	}
	return "", false
}

// Gateway returns what a record set of the type holds while the site serves: addresses
// for A and AAAA, the gateway's name for CNAME, nothing for what the site does not have.
func (s Site) Gateway(typ string) []string {
	switch typ {
	case "A":
		return s.GatewayV4
	case "AAAA":
		return s.GatewayV6
	case "CNAME":
		if s.GatewayName != "" {
			return []string{s.GatewayName}
		}
	}
	return nil
}
