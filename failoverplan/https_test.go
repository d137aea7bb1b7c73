package failoverplan

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestReadHTTPS(t *testing.T) {
	for _, c := range []struct {
		in     string
		target string
		hints  string
	}{
		// RFC 9460 appendix D, and what providers write.
		{"0 foo.example.com.", "foo.example.com", ""},
		{"1 .", "", ""},
		{"16 foo.example.com. port=53", "foo.example.com", ""},
		{"1 foo.example.com. key667=hello", "foo.example.com", ""},
		{`1 foo.example.com. key667="hello\210qoo"`, "foo.example.com", ""},
		{`1 foo.example.com. ipv6hint="2001:db8::1,2001:db8::53:1"`, "foo.example.com", "2001:db8::1 2001:db8::53:1"},
		{`1 example.com. ipv6hint="2001:db8:122:344::192.0.2.33"`, "example.com", "2001:db8:122:344::c000:221"},
		{`16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1`, "foo.example.org", "192.0.2.1"},
		{`16 foo.example.org. alpn="f\\\\oo\\,bar,h2"`, "foo.example.org", ""},
		{`16 foo.example.org. alpn=f\\\092oo\092,bar,h2`, "foo.example.org", ""},
		{"1\t.\t IPV4HINT=192.0.2.1,192.0.2.2  no-default-alpn", "", "192.0.2.1 192.0.2.2"},
		{`1 . key65="a b;(c)" ipv4hint="192.0.2.1"`, "", "192.0.2.1"},
	} {
		h, err := readHTTPS(c.in)
		var hints []string
		for _, a := range h.hints {
			hints = append(hints, a.String())
		}
		if err != nil || h.target != c.target || strings.Join(hints, " ") != c.hints {
			t.Errorf("%s: target %q, hints %v, %v; want %q, %s", c.in, h.target, hints, err, c.target, c.hints)
		}
	}
	for _, in := range []string{
		"", "1", "x .", "65536 .", "1=2 .", "1 a=b", "1 . ipv4hint", "1 . ipv4hint=", "1 . ipv4hint=2001:db8::1", "1 . ipv6hint=192.0.2.1",
		`1 . ipv4hint="192.0.2.1`, `1 . ipv4hint="192.0.2.1"x`, `1 . ipv4hint=1"92.0.2.1"`, `1 . ipv4hint=192.0.2.\049`, `1 . alpn=h2\`,
		"1 . ipv4hint=192.0.2.1 ipv4hint=192.0.2.2", `1 . key4="\192\000\002\001"`, "1 . ; comment", "1 . (alpn=h2)", "1 .\nalpn=h2",
		"1 . ipv6hint=fe80::1%eth0", "1 . ipv4hint=192.0.2.1, ipv6hint=::", `"1" .`,
	} {
		if h, err := readHTTPS(in); err == nil {
			t.Errorf("%q was understood as %+v", in, h)
		}
	}
}

func TestMoveHTTPS(t *testing.T) {
	four, six := []string{"198.51.100.20", "198.51.100.21"}, []string{"2001:db8:b::20"}
	for _, c := range []struct {
		in   string
		want string
		v6   []string
	}{
		{`1 . alpn="h2"`, `1 . alpn="h2"`, six},
		{`1  .  ipv4hint=192.0.2.10   port=443`, `1  .  ipv4hint=198.51.100.20,198.51.100.21   port=443`, six},
		{`1 . IPv4Hint="192.0.2.10" ech="AEX+DQBB="`, `1 . IPv4Hint="198.51.100.20,198.51.100.21" ech="AEX+DQBB="`, six},
		{`1 . ipv6hint="2001:db8:a::10" alpn=h3`, `1 . ipv6hint="2001:db8:b::20" alpn=h3`, six},
		{`1 . alpn=h3 ipv6hint="2001:db8:a::10" port=1`, `1 . alpn=h3 port=1`, nil},
		{`1 . ipv6hint=2001:db8:a::10`, `1 .`, nil},
		{`1 . mandatory=alpn alpn=h2 ipv6hint=2001:db8:a::10`, `1 . mandatory=alpn alpn=h2`, nil},
		{`1 . mandatory=alpn,ipv6hint alpn=h2 ipv6hint=2001:db8:a::10`, "", nil},
	} {
		h, err := readHTTPS(c.in)
		if err != nil {
			t.Fatalf("%s: %v", c.in, err)
		}
		got, err := h.move(four, c.v6)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s\n got %s, %v\nwant %s", c.in, got, err, c.want)
		}
	}
}

// What is understood can be moved there and back, keeps everything but its hints, and is
// understood again.
func FuzzHTTPS(f *testing.F) {
	for _, s := range []string{
		`1 . alpn="h2,h3" ipv4hint="192.0.2.10" ipv6hint="2001:db8:a::10"`, "0 foo.example.com.", `1 . ipv4hint=192.0.2.10 ech="AEX+DQBB" key667="hello\210qoo"`,
		`16 foo.example.org. alpn=f\\\092oo\092,bar,h2 mandatory=ipv4hint ipv4hint=192.0.2.1`, `1 . key="a \" b"`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		h, err := readHTTPS(in)
		if err != nil {
			return
		}
		there, err := h.move([]string{"198.51.100.20"}, []string{"2001:db8:b::20"})
		if err != nil {
			t.Fatalf("%q: %v", in, err) // both families are there: nothing is dropped
		}
		m, err := readHTTPS(there)
		if err != nil {
			t.Fatalf("%q became %q: %v", in, there, err)
		}
		var v4, v6 []string
		for _, p := range h.params {
			switch v := in[p.valueFrom:p.valueTo]; p.key {
			case "ipv4hint":
				v4 = []string{v}
			case "ipv6hint":
				v6 = []string{v}
			}
		}
		for _, a := range m.hints {
			if a != netip.MustParseAddr("198.51.100.20") && a != netip.MustParseAddr("2001:db8:b::20") {
				t.Fatalf("%q became %q, which still hints at %s", in, there, a)
			}
		}
		back, err := m.move(v4, v6)
		if err != nil || back != in {
			t.Fatalf("%q became %q and came back as %q, %v", in, there, back, err)
		}
		if got, want := keys(m), keys(h); !slices.Equal(got, want) {
			t.Fatalf("%q has the keys %v, and %v after the move", in, want, got)
		}
	})
}

func keys(h httpsData) []string {
	var out []string
	for _, p := range h.params {
		out = append(out, p.key)
	}
	return out
}
