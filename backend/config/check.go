package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checker looks at what was decoded: names, references, addresses, and whether the
// parts fit together. It adds to the decoder's problems.
type checker struct {
	*decoder
	c *Config
}

func (k *checker) all() {
	k.head()
	k.c.applyDefaults()
	k.sites()
	k.counterparts()
	k.stations()
	k.providers()
	k.zones()
	k.resolvers()
	k.domains()
	k.upstreams()
	k.syncRules()
	k.thresholds()
	k.drift()
	k.armed()
	k.service()
	k.rules()
	k.tls()
}

func (k *checker) head() {
	c := k.c
	if c.Version != 1 {
		what := "version is missing"
		if k.has("version") {
			what = fmt.Sprintf("version is %d", c.Version)
		}
		k.add("version", what, "1", "write \"version: 1\"")
	}
	k.choice("environment", c.Environment, environments, "write which one it is: everything on screen says so too")
	if c.Home == "" {
		k.add("home", "home is missing", "the name of the site that serves when nothing has failed", "add \"home: SITE\"")
	}
}

// has says whether the file writes something at path.
func (k *checker) has(path string) bool {
	_, ok := k.places[path]
	return ok
}

// spoilt says whether path, or what it stands in, is already complained about.
func (k *checker) spoilt(path string) bool {
	for {
		if k.bad[path] {
			return true
		}
		if path == "" {
			return false
		}
		path = parent(path)
	}
}

// parent cuts the last key or index off a path.
func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

// broken says whether anything at or below path was complained about while decoding:
// conclusions from what is missing there would be wrong.
func (k *checker) broken(path string) bool {
	if k.spoilt(path) {
		return true
	}
	for bad := range k.bad {
		if strings.HasPrefix(bad, path+".") || strings.HasPrefix(bad, path+"[") {
			return true
		}
	}
	return false
}

// add reports a problem at the nearest place the file has for path, unless the
// decoder has already complained about it.
func (k *checker) add(path, what, expected, todo string) {
	if k.spoilt(path) {
		return
	}
	at := place{1, 1}
	for p := path; ; p = parent(p) {
		if found, ok := k.places[p]; ok {
			at = found
			break
		}
		if p == "" {
			break
		}
	}
	k.problems = append(k.problems, Problem{
		File: k.file, Line: at.line, Column: at.column, Path: path,
		What: what, Expected: expected, Todo: todo,
	})
}

// choice checks a word against the ones allowed; missing counts as wrong.
func (k *checker) choice(path, got string, allowed []string, todo string) {
	if slices.Contains(allowed, got) {
		return
	}
	if got == "" {
		k.add(path, path+" is missing", oneOf(allowed), todo)
		return
	}
	k.add(path, fmt.Sprintf("%s is %q", path, shorten(got)), oneOf(allowed), didYouMean(got, allowed, todo))
}

var (
	labelForm   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	stationForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
	headerForm  = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`)
)

const labelWords = "lower-case letters, digits and inner dashes, at most 63"

// label checks a name; what is "site", "component", ...
func (k *checker) label(path, what, name string) {
	if name == "" {
		k.add(path, what+" without a name", labelWords, "add \"name: ...\"")
		return
	}
	if !labelForm.MatchString(name) {
		k.add(path, fmt.Sprintf("%s name %q cannot be used", what, shorten(name)), labelWords, "rename it; put words for people into title")
	}
}

// unique reports a key that was used before.
func (k *checker) unique(seen map[string]string, path, what, name string) {
	if name == "" {
		return
	}
	if first, twice := seen[name]; twice {
		where := ""
		if at, ok := k.places[first]; ok {
			where = fmt.Sprintf("; the first is at line %d", at.line)
		}
		k.add(path, fmt.Sprintf("%s %q appears twice", what, shorten(name)), "it once"+where, "rename or remove one of them")
		return
	}
	seen[name] = path
}

// hostPort checks "host:port".
func (k *checker) hostPort(path, s string) {
	const form = "host:port with a port from 1 to 65535, such as 192.0.2.53:53 or [2001:db8::53]:53"
	bad := func(why, todo string) {
		k.add(path, fmt.Sprintf("%s: %q %s", path, shorten(s), why), form, todo)
	}
	if strings.Contains(s, "://") {
		k.add(path, path+" is a URL", form, "write host and port only")
		return
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		if _, ipErr := netip.ParseAddr(s); ipErr == nil || !strings.Contains(s, ":") {
			bad("has no port", "add the port")
			return
		}
		bad("is no address", "write IPv6 addresses in brackets")
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		bad("has an impossible port", "correct the port")
		return
	}
	if !hostOK(host) {
		bad("has an impossible host", "write an address or a host name")
	}
}

func hostOK(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return nameOK(host)
}

// nameOK says whether s can be a host or domain name (RFC 1123; underscores too).
func nameOK(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
				return false
			}
		}
	}
	return true
}

// address checks a URL. It is not repeated where it might hold a password.
func (k *checker) address(path, s string) {
	const form = "http://HOST[:PORT][/PATH] or https://..."
	u, err := url.Parse(s)
	if strings.Contains(s, "@") && (err != nil || u.User != nil) {
		k.add(path, path+" holds an account (value not shown)", form, "move it to user and password, the latter as env:, file: or exec:")
		return
	}
	switch {
	case err != nil:
		k.add(path, fmt.Sprintf("%s: %q is no URL", path, shorten(s)), form, "correct it")
	case u.Scheme != "http" && u.Scheme != "https":
		k.add(path, fmt.Sprintf("%s: %q is neither http nor https", path, shorten(s)), form, "put http:// or https:// in front")
	case !hostOK(u.Hostname()):
		k.add(path, fmt.Sprintf("%s: %q has no usable host", path, shorten(s)), form, "write an address or a host name behind the //")
	case u.Fragment != "":
		k.add(path, fmt.Sprintf("%s: %q has a fragment", path, shorten(s)), form, "remove the # and what follows")
	case u.Port() != "":
		if n, err := strconv.Atoi(u.Port()); err != nil || n < 1 || n > 65535 {
			k.add(path, fmt.Sprintf("%s: %q has an impossible port", path, shorten(s)), form, "write a port from 1 to 65535")
		}
	}
}

// names lists the names of a slice, each once.
func names[T any](items []T, name func(T) string) []string {
	var out []string
	for _, it := range items {
		if n := name(it); n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// reference checks that name is one of known; what is "site", "zone", ...
func (k *checker) reference(path, what, name string, known []string) bool {
	if slices.Contains(known, name) {
		return true
	}
	expected := "one of " + strings.Join(known, ", ")
	if len(known) == 0 {
		expected = "a configured " + what
	}
	k.add(path, fmt.Sprintf("%s: there is no %s %q", path, what, shorten(name)), expected, didYouMean(name, known, "add the "+what+" or correct the name"))
	return false
}

func item(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
