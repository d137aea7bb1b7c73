package config

import "time"

// Config is a checked configuration file. Get one from Load or Parse, which
// report every problem of the file in one go; the zero value is of no use.
type Config struct {
	// Version of the file format; 1.
	Version int `yaml:"version"`
	// Environment: production or sandbox.
	Environment string `yaml:"environment"`
	// Home is the site that serves when nothing has failed.
	Home       string     `yaml:"home"`
	Sites      []Site     `yaml:"sites"`
	Stations   []Station  `yaml:"stations"`
	Domains    []Domain   `yaml:"domains"`
	DNS        DNS        `yaml:"dns"`
	Upstreams  []Upstream `yaml:"upstreams"`
	Sync       SyncRules  `yaml:"sync"`
	Thresholds Thresholds `yaml:"thresholds"`
	Rules      Rules      `yaml:"rules"`

	// Path is the file it came from; "" for Parse.
	Path string `yaml:"-"`
}

// Site: mission A1.
type Site struct {
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	// Weight: the healthy standby with the greatest weight is the target (mission C2).
	Weight    int      `yaml:"weight"`
	Emergency bool     `yaml:"emergency"`
	Gateway   Gateway  `yaml:"gateway"`
	Business  Platform `yaml:"business"`
	Data      Platform `yaml:"data"`
}

// Gateway is what DNS points at.
type Gateway struct {
	IPv4 []string `yaml:"ipv4"`
	IPv6 []string `yaml:"ipv6"`
	// URL is where this gateway can be reached from here, e.g. http://192.0.2.10 .
	// Users' names are asked for there with their own Host header (verify-users).
	URL string `yaml:"url"`
	// HealthPath is appended to URL by the gateway's probe.
	HealthPath string `yaml:"health_path"`
	// SiteHeader is the answer header that names the site which served, so that
	// verification can tell one gateway from the other; "" = do not check.
	SiteHeader string `yaml:"site_header"`
	// CheckPath is what verify-users asks for at every switched name.
	CheckPath string `yaml:"check_path"`
}

// Platform is a business or a data platform.
type Platform struct {
	Subsystems []Subsystem `yaml:"subsystems"`
	Components []Component `yaml:"components"`
}

// Subsystem is an HTTP-probed part of a platform.
type Subsystem struct {
	Name string `yaml:"name"`
	// Critical defaults to true.
	Critical     *bool  `yaml:"critical"`
	URL          string `yaml:"url"`
	ExpectStatus int    `yaml:"expect_status"`
	ExpectBody   string `yaml:"expect_body"`
}

// Component is one server. Which fields a kind wants is in docs/configuration.md.
type Component struct {
	Name      string `yaml:"name"`
	Kind      string `yaml:"kind"`
	Subsystem string `yaml:"subsystem"`
	// Critical defaults to true for mysql, kafka and flink, false for the rest.
	Critical *bool `yaml:"critical"`

	Address  string   `yaml:"address"` // host:port
	URL      string   `yaml:"url"`
	Brokers  []string `yaml:"brokers"`
	User     string   `yaml:"user"`
	Password Secret   `yaml:"password"`
	Database string   `yaml:"database"`

	// Control is the account that promotes and demotes; the probe account when empty.
	Control Account `yaml:"control"`
	// Replication says how the counterpart at another site reaches this server, and with
	// which account; used when this server becomes the source.
	Replication Replication `yaml:"replication"`

	Topics       []string `yaml:"topics"`
	Index        string   `yaml:"index"`
	TimeField    string   `yaml:"time_field"`
	YellowOK     *bool    `yaml:"yellow_ok"` // default true
	Queue        string   `yaml:"queue"`
	Job          Job      `yaml:"job"`
	Mirrors      []Mirror `yaml:"mirrors"`
	SlowAfter    Duration `yaml:"slow_after"`
	Query        string   `yaml:"query"`         // dns
	QType        string   `yaml:"qtype"`         // dns
	Expect       []string `yaml:"expect"`        // dns
	ExpectStatus int      `yaml:"expect_status"` // http
	ExpectBody   string   `yaml:"expect_body"`   // http
}

// Account is a user with a secret.
type Account struct {
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`
}

// Replication is the source end of a sync relation.
type Replication struct {
	// Address (mysql, redis: host:port) or URL (elasticsearch) as the other site reaches it.
	Address  string `yaml:"address"`
	URL      string `yaml:"url"`
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`
}

// Job is the ingest job on a flink component.
type Job struct {
	Name string `yaml:"name"`
	// Jar is the id (or the file name it was uploaded as) of the job's jar at this site.
	Jar        string   `yaml:"jar"`
	EntryClass string   `yaml:"entry_class"`
	Args       []string `yaml:"args"`
	// SavepointDir must be reachable from both sites.
	SavepointDir string `yaml:"savepoint_dir"`
}

// Mirror: connectors of this kafka-connect that copy from site From into this one.
type Mirror struct {
	From       string   `yaml:"from"`
	Connectors []string `yaml:"connectors"`
}

// Station is an airport, or whatever else has domains of its own (mission A3).
type Station struct {
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
}

// Domain is a name users enter.
type Domain struct {
	Name    string   `yaml:"name"`
	Station string   `yaml:"station"`
	Zone    string   `yaml:"zone"`  // default: the longest configured zone that holds the name
	Types   []string `yaml:"types"` // default: A, and AAAA when the home gateway has IPv6
	TTL     Duration `yaml:"ttl"`   // default 30s
}

// DNS says who holds the zones and who answers for them.
type DNS struct {
	Providers []Provider `yaml:"providers"`
	Zones     []Zone     `yaml:"zones"`
	Resolvers []Resolver `yaml:"resolvers"`
}

// Provider is one DNS provider account.
type Provider struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"` // cloudflare, rfc2136

	BaseURL string   `yaml:"base_url"` // cloudflare
	Token   Secret   `yaml:"token"`    // cloudflare
	Timeout Duration `yaml:"timeout"`  // one request; default 5s
	Budget  Duration `yaml:"budget"`   // all tries of one operation; default 10s

	Server       string `yaml:"server"`        // rfc2136, host:port
	KeyName      string `yaml:"key_name"`      // rfc2136
	KeyAlgorithm string `yaml:"key_algorithm"` // rfc2136; default hmac-sha256
	KeySecret    Secret `yaml:"key_secret"`    // rfc2136, base64
}

// Zone ties a zone to its provider and servers.
type Zone struct {
	Name          string   `yaml:"name"`
	Provider      string   `yaml:"provider"`
	Authoritative []string `yaml:"authoritative"` // host:port
}

// Resolver is a resolver whose users we care for.
type Resolver struct {
	Name    string `yaml:"name"`
	Address string `yaml:"address"` // host:port
}

// Upstream is a system that sends messages (mission A1, A4).
type Upstream struct {
	Name  string   `yaml:"name"`
	Title string   `yaml:"title"`
	Kinds []string `yaml:"kinds"`
	// Switch moves the feed: an HTTP resource. GET answers {"attached":"SITE"|""},
	// PUT takes the same document. With a token it is sent as a bearer.
	Switch FeedSwitch `yaml:"switch"`
}

// FeedSwitch is the HTTP resource that attaches a feed to a site.
type FeedSwitch struct {
	URL   string `yaml:"url"`
	Token Secret `yaml:"token"`
}

// SyncRules: mission A5-A7. What is not listed follows the mission's table.
type SyncRules struct {
	Policy    []Policy   `yaml:"policy"`
	Relations []Relation `yaml:"relations"`
}

// Policy is one cell of the table of mission A5.
type Policy struct {
	Platform  string `yaml:"platform"`  // business, data
	Subsystem string `yaml:"subsystem"` // empty = all of the platform
	Kind      string `yaml:"kind"`
	Policy    string `yaml:"policy"` // sync, none
}

// Relation limits scope and frequency between two sites (mission A7).
type Relation struct {
	Between []string `yaml:"between"` // two site names
	Scope   []string `yaml:"scope"`   // component kinds; empty = all
	Every   Duration `yaml:"every"`   // timed copies (elasticsearch); default 5s
}

// Thresholds: when is bad bad enough (mission B5).
type Thresholds struct {
	Interval Duration `yaml:"interval"` // between probes of one target; default 1s
	Timeout  Duration `yaml:"timeout"`  // of one probe; default 800ms
	// DownAfter failures in a row, or Window.Failures within Window.Per.
	DownAfter  int      `yaml:"down_after"`   // default 3
	UpAfter    int      `yaml:"up_after"`     // default 2
	Window     Window   `yaml:"window"`       // default 50 in 5m
	StaleAfter Duration `yaml:"stale_after"`  // default 10s
	MaxSyncLag Duration `yaml:"max_sync_lag"` // default 10s
}

// Window is "more than Failures within Per".
type Window struct {
	Failures int      `yaml:"failures"`
	Per      Duration `yaml:"per"`
}

// Rules of acting.
type Rules struct {
	// CatchUpTimeout bounds the wait for a final sync; default 30s.
	CatchUpTimeout Duration `yaml:"catch_up_timeout"`
	// FenceTimeout bounds each attempt to fence the side that is left; default 2s.
	FenceTimeout Duration `yaml:"fence_timeout"`
	// ResolverWait bounds the wait for resolvers to forget the old answer; default 2m.
	ResolverWait Duration `yaml:"resolver_wait"`
	// Arming is the countdown before a site-level run in the TUI; default 5s.
	Arming Duration `yaml:"arming"`
}

// Duration is a time.Duration written "1s", "250ms", "2m".
type Duration time.Duration

// D returns it as the standard type.
func (d Duration) D() time.Duration { return time.Duration(d) }
