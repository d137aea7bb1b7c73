package failoverplan

import "fmt"

// Case is what kind of failure the serving site has (mission A4).
type Case string

// The cases of mission A4, and Isolated: we cannot see enough to judge.
const (
	CaseNormal       Case = "normal"
	CaseBusinessDown Case = "business-down"
	CaseDataDown     Case = "data-down"
	CaseSiteDown     Case = "site-down"
	CaseIsolated     Case = "isolated"
)

// Judgement is the case with its reasons as data.
type Judgement struct {
	Case Case `json:"case"`
	// Serving is the site DNS points at; DataSite the one the upstream feeds.
	Serving  string   `json:"serving"`
	DataSite string   `json:"data_site"`
	Because  []string `json:"because"`
}

var _ = fmt.Sprintf
