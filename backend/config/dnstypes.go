package config

// DNS says who holds the zones and who answers for them.
type DNS struct {
	// Providers through which records are changed.
	Providers []Provider `yaml:"providers"`
	// Zones that hold the domains.
	Zones []Zone `yaml:"zones"`
	// Resolvers that are asked whether they have forgotten the old answer.
	Resolvers []Resolver `yaml:"resolvers"`
	// Service is what users reach at the names: the board calls it at every address that a
	// resolver gives. Default: nothing is called.
	Service Service `yaml:"service"`
	// Armed: what is held ready, so that a switch is one request per zone.
	Armed Armed `yaml:"armed"`
}

// Service says how the board calls the names, as a user would.
type Service struct {
	Scheme string `yaml:"scheme"` // http, https
	Port   int    `yaml:"port"`   // default the scheme's own
	Path   string `yaml:"path"`   // default /
	// ExpectStatus: the only status that is well; default 200 to 399. Redirects are not followed.
	ExpectStatus int `yaml:"expect_status"`
	// Reach says where an address is called: at the address itself (address, the default), or
	// where the gateway.url of its site says (gateway), behind address translation.
	Reach string `yaml:"reach"`
	// Timeout of one call; default 3s.
	Timeout Duration `yaml:"timeout"`
	// TLS: whom to believe, for https, when this host's own authorities are not the ones to
	// ask. The name that the certificate must carry is always the name that users enter.
	TLS *TLS `yaml:"tls"`
}

// Armed says how fresh the readings are kept that a switch is made from.
type Armed struct {
	// Every: between two readings of a zone while a console or serve watches; default 20s.
	Every Duration `yaml:"every"`
	// MaxAge: an older reading is taken again before a switch; default 60s.
	MaxAge Duration `yaml:"max_age"`
	// ProbeWrite: between two writes that change nothing, per zone and provider; default
	// never (`dutyops dns arm --probe-write` makes one now).
	ProbeWrite Duration `yaml:"probe_write"`
}

// Provider is one DNS provider account.
type Provider struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"` // who holds the zone

	BaseURL string   `yaml:"base_url"` // other than the public API; powerdns: where its web server listens
	Token   Secret   `yaml:"token"`    // cloudflare: API token with Zone:Read and DNS:Edit; libdns module desec: its token
	Timeout Duration `yaml:"timeout"`  // one request; default 5s
	Budget  Duration `yaml:"budget"`   // all tries of one operation; default 10s

	Server       string `yaml:"server"`        // rfc2136 (also as libdns module): host:port of the primary server
	KeyName      string `yaml:"key_name"`      // rfc2136: name of the TSIG key
	KeyAlgorithm string `yaml:"key_algorithm"` // rfc2136: default hmac-sha256
	KeySecret    Secret `yaml:"key_secret"`    // rfc2136: the TSIG key in base64

	AccessKeyID     KeyID  `yaml:"access_key_id"`     // dnspod: SecretId; alidns: AccessKey ID; route53: access key id; or file:, env: or exec: of it
	AccessKeySecret Secret `yaml:"access_key_secret"` // dnspod: SecretKey; alidns: AccessKey secret
	Rate            int    `yaml:"rate"`              // alidns: writes per second; default 50, the account's limit is 60

	APIKey   Secret `yaml:"api_key"`   // powerdns: api-key of pdns.conf
	ServerID string `yaml:"server_id"` // powerdns: default localhost

	SecretAccessKey Secret `yaml:"secret_access_key"` // route53: the secret of access_key_id
	Region          string `yaml:"region"`            // route53: to sign for; default us-east-1
	HostedZoneID    string `yaml:"hosted_zone_id"`    // route53: when the account has several zones of the name

	Module string `yaml:"module"` // libdns: which of the compiled-in modules

	// TLS of an https base_url with a certificate of your own authority, or that wants a
	// client certificate.
	TLS *TLS `yaml:"tls"`
}

// Zone ties a zone to its provider and servers.
type Zone struct {
	Name          string   `yaml:"name"`
	Provider      string   `yaml:"provider"`      // name of the provider that holds it
	Authoritative []string `yaml:"authoritative"` // host:port of every server that answers for it (from this provider, where there are several)
	Also          []Twin   `yaml:"also"`          // further providers that hold the same zone and are kept equal
	// Discover: `dns check` and the board also ask the parent zone and the zone itself who
	// answers for it, compare the two NS sets, and look at every address of every name
	// server in them, listed under authoritative or not.
	Discover bool `yaml:"discover"`
	// Parents: host:port of servers of the parent zone, for discover; default those that
	// the resolvers find.
	Parents []string `yaml:"parents"`
	// NameServers: addresses of name servers in place of what DNS says, for discover; where
	// they are behind address translation or on another port than 53.
	NameServers []NameServer `yaml:"name_servers"`
}

// NameServer gives a name server's addresses.
type NameServer struct {
	Name string `yaml:"name"`
	// Addresses: host:port of each.
	Addresses []string `yaml:"addresses"`
}

// Twin is a further provider of a zone. A switch writes at all of them side by side and
// needs one; where another was not reached, the run says so and can be resumed.
type Twin struct {
	Provider      string   `yaml:"provider"`      // name of the provider that holds the zone, too
	Authoritative []string `yaml:"authoritative"` // host:port of every server that answers from this provider
}

// Resolver is a resolver whose users we care for.
type Resolver struct {
	Name    string `yaml:"name"`
	Address string `yaml:"address"` // host:port
}
