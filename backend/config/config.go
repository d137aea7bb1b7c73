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
	Home string `yaml:"home"`
	// Sites: at least two.
	Sites []Site `yaml:"sites"`
	// Stations whose domains can be switched separately.
	Stations []Station `yaml:"stations"`
	// Domains are the names that users enter: at least one.
	Domains []Domain `yaml:"domains"`
	// DNS: who holds the zones and who answers for them.
	DNS DNS `yaml:"dns"`
	// Upstreams are the systems that send messages to the data platform.
	Upstreams []Upstream `yaml:"upstreams"`
	// Sync: what is kept equal between the sites.
	Sync SyncRules `yaml:"sync"`
	// Thresholds: when is bad bad enough.
	Thresholds Thresholds `yaml:"thresholds"`
	// Rules: limits of a run.
	Rules Rules `yaml:"rules"`

	// Path is the file it came from; "" for Parse.
	Path string `yaml:"-"`

	// places of what the file writes, for checks that come later.
	places map[string]place `yaml:"-"`
}

// Site: mission A1.
type Site struct {
	Name string `yaml:"name"`
	// Title is for people; any text.
	Title string `yaml:"title"`
	// Weight, 1 to 1000: the healthy standby with the greatest weight is the target (mission C2).
	Weight int `yaml:"weight"`
	// Emergency marks a cut-down site (mission A7): chosen last, and free to lack parts.
	Emergency bool `yaml:"emergency"`
	// Gateway is what DNS points at while the site serves.
	Gateway Gateway `yaml:"gateway"`
	// Business is the platform that users talk to.
	Business Platform `yaml:"business"`
	// Data is the platform that takes in upstream messages and stores them.
	Data Platform `yaml:"data"`
}

// Gateway is what DNS points at.
type Gateway struct {
	// IPv4 addresses that DNS carries; A records.
	IPv4 []string `yaml:"ipv4"`
	// IPv6 addresses that DNS carries; AAAA records.
	IPv6 []string `yaml:"ipv6"`
	// Name that domains of type CNAME point at; default none.
	Name string `yaml:"name"`
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
	// TLS of an https url, when this host's own authorities are not the ones to ask.
	TLS *TLS `yaml:"tls"`
}

// Platform is a business or a data platform.
type Platform struct {
	// Subsystems are probed at an HTTP endpoint each.
	Subsystems []Subsystem `yaml:"subsystems"`
	// Components are the servers it consists of.
	Components []Component `yaml:"components"`
}

// Subsystem is an HTTP-probed part of a platform.
type Subsystem struct {
	Name string `yaml:"name"`
	// Critical: the platform is down when this is; default true.
	Critical *bool `yaml:"critical"`
	// URL of the health endpoint.
	URL string `yaml:"url"`
	// ExpectStatus: the only status that is healthy; default any 2xx.
	ExpectStatus int `yaml:"expect_status"`
	// ExpectBody: a text that the answer must hold; default none.
	ExpectBody string `yaml:"expect_body"`
	// TLS of an https url, when this host's own authorities are not the ones to ask.
	TLS *TLS `yaml:"tls"`
}

// Component is one server. Which keys a kind wants is in docs/configuration.md.
type Component struct {
	Name string `yaml:"name"`
	// Kind of server; it decides which other keys there are.
	Kind string `yaml:"kind"`
	// Subsystem that the component belongs to; default none.
	Subsystem string `yaml:"subsystem"`
	// Critical: the platform is down when this is; default true for mysql, kafka and
	// flink, false for the rest.
	Critical *bool `yaml:"critical"`

	Address string `yaml:"address"` // host:port; for rabbitmq the AMQP port
	// URL of the HTTP interface; for rabbitmq the management API.
	URL      string   `yaml:"url"`
	Brokers  []string `yaml:"brokers"`  // host:port of each Kafka broker to begin with
	User     string   `yaml:"user"`     // account that the probe uses
	Password Secret   `yaml:"password"` // of user
	Database string   `yaml:"database"` // mysql: schema; redis: number
	APIKey   Secret   `yaml:"api_key"`  // elasticsearch: instead of user and password; the encoded key (base64 of id:key)
	// SASL is the one mechanism that is used (kafka); default SCRAM, and PLAIN only over TLS
	// with a checked certificate, to brokers that offer no SCRAM.
	SASL string `yaml:"sasl"`
	// TLS: asked and acted on over TLS, and never without it; default without, except for
	// an https url, which is checked against this host's own authorities.
	TLS *TLS `yaml:"tls"`

	// Control is the account that promotes and demotes; the probe account when empty.
	Control Account `yaml:"control"`
	// Replication says how the counterpart at another site reaches this server, and with
	// which account; used when this server becomes the source.
	Replication Replication `yaml:"replication"`

	Topics    []string `yaml:"topics"`     // kafka: topics whose newest records are watched
	Index     string   `yaml:"index"`      // elasticsearch: index that is watched and copied
	TimeField string   `yaml:"time_field"` // elasticsearch: field that tells a document's age
	// YellowOK: a yellow cluster is up; default true, because a single node is yellow for ever.
	YellowOK *bool    `yaml:"yellow_ok"`
	Queue    string   `yaml:"queue"`   // rabbitmq: queue whose depth is watched
	Job      Job      `yaml:"job"`     // flink: the ingest job
	Mirrors  []Mirror `yaml:"mirrors"` // kafka-connect: connectors that copy into this site
	// SlowAfter: a slower answer makes the component degraded; default thresholds.slow_after.
	SlowAfter    Duration `yaml:"slow_after"`
	Query        string   `yaml:"query"`         // dns: name that is asked for
	QType        string   `yaml:"qtype"`         // dns: record type; default A
	Expect       []string `yaml:"expect"`        // dns: values that must be in the answer
	ExpectStatus int      `yaml:"expect_status"` // http: the only status that is healthy; default any 2xx
	ExpectBody   string   `yaml:"expect_body"`   // http: a text that the answer must hold
}

// Account is a user with a secret.
type Account struct {
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`
	APIKey   Secret `yaml:"api_key"` // elasticsearch: instead of user and password
}

// Replication is the source end of a sync relation.
type Replication struct {
	// Address (mysql, redis: host:port) as the other site reaches it; default the component's address.
	Address string `yaml:"address"`
	// URL (elasticsearch) as the other site reaches it; default the component's url.
	URL string `yaml:"url"`
	// User with the right to replicate.
	User string `yaml:"user"`
	// Password of user.
	Password Secret `yaml:"password"`
	// TLS (mysql) of the link between the sites; default as the component's own tls, checked
	// against the authorities of the follower's host.
	TLS *ReplicationTLS `yaml:"tls"`
}

// Job is the ingest job on a flink component.
type Job struct {
	// Name of the job as Flink shows it.
	Name string `yaml:"name"`
	// Jar is the id (or the file name it was uploaded as) of the job's jar at this site.
	Jar string `yaml:"jar"`
	// EntryClass of the jar; default what the jar's manifest says.
	EntryClass string `yaml:"entry_class"`
	// Args are handed to the job.
	Args []string `yaml:"args"`
	// SavepointDir must be reachable from both sites.
	SavepointDir string `yaml:"savepoint_dir"`
}

// Mirror: connectors of this kafka-connect that copy from site From into this one.
type Mirror struct {
	// From is the site that is copied from.
	From string `yaml:"from"`
	// Connectors by their names at this kafka-connect.
	Connectors []string `yaml:"connectors"`
}

// Station is an airport, or whatever else has domains of its own (mission A3).
type Station struct {
	// Name is short, such as PVG.
	Name string `yaml:"name"`
	// Title is for people; any text.
	Title string `yaml:"title"`
}

// Domain is a name users enter.
type Domain struct {
	// Name that users enter.
	Name string `yaml:"name"`
	// Station that the name belongs to; required where there are stations.
	Station string   `yaml:"station"`
	Zone    string   `yaml:"zone"`  // default: the longest configured zone that holds the name
	Types   []string `yaml:"types"` // A, AAAA, or CNAME alone; default A, and AAAA when the home gateway has IPv6
	TTL     Duration `yaml:"ttl"`   // whole seconds, 1s to 1h, that a switch writes, where the provider takes it; default 30s
	// SwitchTTL: whole seconds that a planned switch lowers the TTL to beforehand, where
	// the provider allows it; default 5s.
	SwitchTTL Duration `yaml:"switch_ttl"`
	// Service: whether the board calls this name as dns.service says; default true.
	Service *bool `yaml:"service"`
}

// Upstream is a system that sends messages (mission A1, A4).
type Upstream struct {
	Name string `yaml:"name"`
	// Title is for people; any text.
	Title string `yaml:"title"`
	// Kinds of messages that it sends; for reports.
	Kinds []string `yaml:"kinds"`
	// Switch moves the feed: an HTTP resource. GET answers {"attached":"SITE"|""},
	// PUT takes the same document. With a token it is sent as a bearer.
	Switch FeedSwitch `yaml:"switch"`
}

// FeedSwitch is the HTTP resource that attaches a feed to a site.
type FeedSwitch struct {
	// URL of the resource.
	URL string `yaml:"url"`
	// Token is sent as a bearer; default none.
	Token Secret `yaml:"token"`
	// TLS of an https url, when this host's own authorities are not the ones to ask.
	TLS *TLS `yaml:"tls"`
}

// SyncRules: mission A5-A7. What is not listed follows the mission's table.
type SyncRules struct {
	// Policy rows; the row of a subsystem comes before the row of its platform.
	Policy []Policy `yaml:"policy"`
	// Relations between two sites; default every pair, all kinds.
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
	// DownAfter failures in a row, or Window.Failures within Window.Per; default 3.
	DownAfter int `yaml:"down_after"`
	// UpAfter good answers in a row; default 2.
	UpAfter int `yaml:"up_after"`
	// Window catches what fails often without failing in a row.
	Window Window `yaml:"window"`
	// StaleAfter: an older answer says nothing any more; default 10s.
	StaleAfter Duration `yaml:"stale_after"`
	// SlowAfter: a slower answer makes a gateway, subsystem or component degraded, unless
	// the component has its own; default never.
	SlowAfter Duration `yaml:"slow_after"`
	// MaxSyncLag: a relation that is further behind holds a failback up; default 10s.
	MaxSyncLag Duration `yaml:"max_sync_lag"`
	// CertificateDays: whose certificate ends within so many days is degraded; default 14.
	CertificateDays int `yaml:"certificate_days"`
	// MaxClockDifference: clocks that certainly differ by more are warned of; default 1s.
	MaxClockDifference Duration `yaml:"max_clock_difference"`
}

// Window is "more than Failures within Per".
type Window struct {
	Failures int      `yaml:"failures"` // default 50
	Per      Duration `yaml:"per"`      // default 5m
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
	// Canary: names that are switched first and asked for at the authoritative servers,
	// before the rest of their zone is written; default none. It costs one more request for
	// each zone that holds one.
	Canary []string `yaml:"canary"`
	// OnFailedWrite says what becomes of the zones already written when one fails:
	// rollback (exact previous values and TTLs), hold (stay, and list what is old and new),
	// or auto (the default): rollback while the site that is left can serve, else hold.
	OnFailedWrite string `yaml:"on_failed_write"`
	// RetryBudget bounds the waits of one zone's write (a provider's Retry-After); default 30s.
	RetryBudget Duration `yaml:"retry_budget"`
	// TTLChoreography: every planned switch first lowers the TTLs and waits until the old
	// ones have run out; a commit restores them. Default false (`--graceful-ttl` asks for it
	// once). A forced switch never waits.
	TTLChoreography bool `yaml:"ttl_choreography"`
	// MaxDrift: more record sets than this that differ from what was known before refuse a
	// plan softly; default 3.
	MaxDrift int `yaml:"max_drift"`
}

// Duration is a time.Duration written "1s", "250ms", "2m".
type Duration time.Duration

// D returns it as the standard type.
func (d Duration) D() time.Duration { return time.Duration(d) }
