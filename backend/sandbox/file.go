package sandbox

// File is sandbox.json: every address of a running sandbox (contract.md). Names
// are kept; more may come.
type File struct {
	PID     int                 `json:"pid"`
	Control string              `json:"control"`
	Domains []string            `json:"domains"`
	DNS     FileDNS             `json:"dns"`
	Sites   map[string]FileSite `json:"sites"`
	// Feeds are the upstream systems by name.
	Feeds map[string]FileFeed `json:"feeds"`
}

// FileDNS is where the zone is held, changed and resolved.
type FileDNS struct {
	Authoritative []string    `json:"authoritative"`
	Resolver      string      `json:"resolver"`
	Cloudflare    string      `json:"cloudflare"`
	TokenFile     string      `json:"cloudflare_token_file"`
	RFC2136       FileRFC2136 `json:"rfc2136"`
}

// FileRFC2136 is how to update the zone by DNS.
type FileRFC2136 struct {
	Server    string `json:"server"`
	Zone      string `json:"zone"`
	KeyName   string `json:"key_name"`
	KeyFile   string `json:"key_file"`
	Algorithm string `json:"algorithm"`
}

// FileSite is one site.
type FileSite struct {
	// GatewayAddress is what DNS carries, GatewayAddress6 its IPv6 twin; GatewayURL is
	// where that gateway answers.
	GatewayAddress  string `json:"gateway_address"`
	GatewayAddress6 string `json:"gateway_address6"`
	GatewayURL      string `json:"gateway_url"`
	// Components by "platform/name", subsystems included.
	Components map[string]FileComponent `json:"components"`
}

// FileComponent is where one component is reached, and as whom.
type FileComponent struct {
	Kind         string   `json:"kind"`
	Address      string   `json:"address,omitempty"`
	URL          string   `json:"url,omitempty"`
	Brokers      []string `json:"brokers,omitempty"`
	User         string   `json:"user,omitempty"`
	PasswordFile string   `json:"password_file,omitempty"`
}

// FileFeed is one upstream system.
type FileFeed struct {
	URL       string   `json:"url"`
	Kinds     []string `json:"kinds"`
	TokenFile string   `json:"token_file"`
}
