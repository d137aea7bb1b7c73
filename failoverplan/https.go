package failoverplan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// The data of an HTTPS record in the presentation format of RFC 9460 section 2.1:
// "SvcPriority TargetName SvcParams". Only the address hints are ever rewritten; every
// other byte stays as it is.

// svcToken is one blank-separated word: data[from:to], with the parameter's key and the
// place of its value inside any quotes.
type svcToken struct {
	from, to           int
	key                string
	valueFrom, valueTo int
	escaped            bool // the value holds a backslash
}

// svcTokens cuts data into words. Quotes hold words together, a backslash takes the next
// character as it is (RFC 9460 appendix A, RFC 1035 section 5.1).
func svcTokens(data string) ([]svcToken, error) {
	var out []svcToken
	i := 0
	for {
		for i < len(data) && (data[i] == ' ' || data[i] == '\t') {
			i++
		}
		if i == len(data) {
			return out, nil
		}
		t := svcToken{from: i}
		quoted, eq, opened := false, -1, false
		for i < len(data) && (quoted || data[i] != ' ' && data[i] != '\t') {
			switch c := data[i]; {
			case c == '\\':
				if i+1 == len(data) {
					return nil, fmt.Errorf("it ends in a backslash")
				}
				t.escaped = t.escaped || eq >= 0
				i++
			case c == '"':
				if quoted {
					if i+1 < len(data) && data[i+1] != ' ' && data[i+1] != '\t' {
						return nil, fmt.Errorf("something follows a closing quote")
					}
				} else if opened || eq < 0 || i != eq+1 {
					return nil, fmt.Errorf("a quote stands inside a word")
				}
				quoted, opened = !quoted, true
			case c == '=' && eq < 0:
				eq = i
			case c < ' ' || c == 0x7f || c == ';' || c == '(' || c == ')':
				if !quoted || c < ' ' || c == 0x7f {
					return nil, fmt.Errorf("it holds the character %q", c)
				}
			}
			i++
		}
		if quoted {
			return nil, fmt.Errorf("a quote is not closed")
		}
		t.to = i
		t.key, t.valueFrom, t.valueTo = data[t.from:t.to], t.to, t.to
		if eq >= 0 {
			t.key, t.valueFrom = data[t.from:eq], eq+1
			if opened {
				t.valueFrom, t.valueTo = t.valueFrom+1, t.valueTo-1
			}
		}
		t.key = strings.ToLower(t.key)
		out = append(out, t)
	}
}

// httpsData is HTTPS record data that has been read.
type httpsData struct {
	text   string
	target string // canonical name; "" = the owner itself
	params []svcToken
	hints  []netip.Addr
}

// readHTTPS reads HTTPS record data as far as a switch must know it. The error says what
// cannot be understood; a switch does not touch such a record.
func readHTTPS(data string) (h httpsData, err error) {
	ts, err := svcTokens(data)
	switch {
	case err != nil:
		return h, err
	case len(ts) < 2 || ts[0].valueFrom != ts[0].to || ts[1].valueFrom != ts[1].to:
		return h, fmt.Errorf("priority and target are expected first")
	case !isPriority(ts[0].key):
		return h, fmt.Errorf("%q is no priority", clip(ts[0].key))
	}
	h.text = data
	if ts[1].key != "." {
		h.target = strings.TrimSuffix(ts[1].key, ".")
		if h.target == "" || strings.ContainsAny(h.target, "\\\"") {
			return h, fmt.Errorf("%q is no target name", clip(ts[1].key))
		}
	}
	h.params = ts[2:]
	seen := map[string]bool{}
	for _, p := range h.params {
		if seen[p.key] {
			return h, fmt.Errorf("%s is there twice", clip(p.key))
		}
		seen[p.key] = true
		switch p.key {
		case "key4", "key6", "key0":
			return h, fmt.Errorf("%s is written in a form that is not read here", p.key)
		case "ipv4hint", "ipv6hint":
			as, err := hintAddresses(p, data)
			if err != nil {
				return h, err
			}
			h.hints = append(h.hints, as...)
		}
	}
	return h, nil
}

func isPriority(s string) bool {
	if s == "" || len(s) > 5 {
		return false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) < 5 || s <= "65535"
}

func hintAddresses(p svcToken, data string) ([]netip.Addr, error) {
	value := data[p.valueFrom:p.valueTo]
	if p.escaped || value == "" {
		return nil, fmt.Errorf("%s=%q is no list of addresses", p.key, clip(value))
	}
	var out []netip.Addr
	for _, s := range strings.Split(value, ",") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" || a.Is4() != (p.key == "ipv4hint") {
			return nil, fmt.Errorf("%s=%q is no list of addresses", p.key, clip(value))
		}
		out = append(out, a)
	}
	return out, nil
}

// move returns the data with its hints replaced by the gateway's addresses of the family;
// a hint of a family that the gateway does not have is dropped. Everything else stays
// byte for byte.
func (h httpsData) move(v4, v6 []string) (string, error) {
	var b strings.Builder
	at := 0
	for _, p := range h.params {
		var to []string
		switch p.key {
		case "ipv4hint":
			to = v4
		case "ipv6hint":
			to = v6
		default:
			continue
		}
		if len(to) > 0 {
			b.WriteString(h.text[at:p.valueFrom])
			b.WriteString(strings.Join(to, ","))
			at = p.valueTo
			continue
		}
		if h.mandatory(p.key) {
			return "", fmt.Errorf("%s is mandatory in it, and the target has no such address", p.key)
		}
		b.WriteString(strings.TrimRight(h.text[at:p.from], " \t"))
		at = p.to
	}
	b.WriteString(h.text[at:])
	return b.String(), nil
}

// mandatory tells whether the data makes a key mandatory (RFC 9460 section 8).
func (h httpsData) mandatory(key string) bool {
	for _, p := range h.params {
		if p.key == "mandatory" {
			return slices.Contains(strings.Split(strings.ToLower(h.text[p.valueFrom:p.valueTo]), ","), key)
		}
	}
	return false
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}
