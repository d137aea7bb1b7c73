package compat

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/libdns/desec"
	"github.com/libdns/rfc2136"

	"github.com/dutyops/dutyops/dnsproviders"
)

// modules are those that are compiled in: few, each read from end to end, each without
// dependencies of its own. docs/adr/0011 says why others are not here.
var modules = map[string]Module{
	"rfc2136": {
		Name: "rfc2136", MultiValue: true,
		Open: func(s Settings) Backend {
			return &rfc2136.Provider{Server: s.Server, KeyName: s.KeyName, KeyAlg: s.KeyAlgorithm, Key: s.Secret}
		},
		Note:     "It reads by zone transfer, which the key must be allowed; kind rfc2136 is better in every way and does not use this.",
		Classify: classifyRcode,
	},
	"desec": {
		Name: "desec", MultiValue: true, MinTTL: 3600,
		Open:     func(s Settings) Backend { return &desec.Provider{Token: s.Secret} },
		Note:     "TTLs below 3,600 s are raised, so users follow within an hour; zones of more than 500 sets are not read; the module waits out 429 by itself, within timeout.",
		Classify: classifyStatus,
	},
}

// Named returns a module that is compiled in.
func Named(name string) (Module, bool) {
	m, ok := modules[name]
	return m, ok
}

// Names lists the modules that are compiled in.
func Names() []string { return slices.Sorted(maps.Keys(modules)) }

var rcode = regexp.MustCompile(`dns response error code "([A-Z]+)"`)

// classifyRcode knows the errors of the module rfc2136: an answer's code in words, and
// those of the DNS library on a zone transfer.
func classifyRcode(err error) (kind error, answered bool) { //nolint:revive // the kind of an error is what it tells, not a failure
	code := ""
	if m := rcode.FindStringSubmatch(err.Error()); m != nil {
		code = m[1]
	}
	switch {
	case code == "REFUSED", strings.Contains(err.Error(), "bad xfr rcode: 5"):
		return dnsproviders.ErrForbidden, true
	case code == "NOTAUTH", strings.Contains(err.Error(), "bad xfr rcode: 9"), strings.Contains(err.Error(), "dns: bad signature"), strings.Contains(err.Error(), "dns: bad authentication"):
		return dnsproviders.ErrAuth, code != ""
	case code == "NOTZONE", code == "NXDOMAIN":
		return dnsproviders.ErrNotFound, true
	case code == "SERVFAIL":
		return dnsproviders.ErrUnavailable, true
	case code != "":
		return dnsproviders.ErrRejected, true
	}
	return nil, false
}

var status = regexp.MustCompile(`unexpected status code ([0-9]{3}):`)

// classifyStatus knows the errors of the module desec, which name an HTTP status.
func classifyStatus(err error) (kind error, answered bool) { //nolint:revive // as above
	m := status.FindStringSubmatch(err.Error())
	if m == nil {
		return nil, false
	}
	n, _ := strconv.Atoi(m[1]) // three digits
	switch {
	case n == 401:
		return dnsproviders.ErrAuth, true
	case n == 403:
		return dnsproviders.ErrForbidden, true
	case n == 404:
		return dnsproviders.ErrNotFound, true
	case n == 429:
		return dnsproviders.ErrRateLimited, true
	case n >= 400 && n < 500:
		return dnsproviders.ErrRejected, true
	case n == 500 || n == 503:
		return dnsproviders.ErrUnavailable, true
	}
	return nil, false // a gateway's status says nothing about what the server behind it does
}
