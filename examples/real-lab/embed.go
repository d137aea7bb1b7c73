// Package reallab holds the configuration of the small real lab (docs/real-lab.md) as a
// template; test/lab fills in ports and paths and writes a dutyops.yaml from it.
//
// It does nothing else. Only test/lab may import it.
package reallab

import _ "embed" // for the template

// Template is dutyops.yaml as a text/template. Its data has Sites (Name, Title, Weight,
// GatewayV4, GatewayURL, MonitoringURL, MariaDB, Redis, MessagesURL), Home, Zone,
// Domains (Name, Station), Authority, KeyName, Resolver and Secrets, the folder with one
// file per password.
//
//go:embed dutyops.yaml.tmpl
var Template string
