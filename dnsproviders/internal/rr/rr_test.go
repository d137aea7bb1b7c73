package rr

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

func TestValue(t *testing.T) {
	for _, tc := range []struct{ typ, in, want string }{
		{"A", " 192.0.2.10 ", "192.0.2.10"},
		{"A", "2001:db8::1", ""},
		{"A", "::ffff:192.0.2.1", ""},
		{"A", "192.0.2.010", ""},
		{"AAAA", "2001:DB8:0:0::1", "2001:db8::1"},
		{"AAAA", "192.0.2.1", ""},
		{"AAAA", "fe80::1%eth0", ""},
		{"CNAME", "Standby.Example.Test.", "standby.example.test"},
		{"CNAME", "two words", ""},
		{"CNAME", "", ""},
		{"HTTPS", `1 . ipv4hint=192.0.2.10 alpn=h2,h3`, `1 . alpn="h2,h3" ipv4hint="192.0.2.10"`},
		{"HTTPS", `1 GW.Example.Test. port=8443`, `1 gw.example.test. port="8443"`},
		{"HTTPS", "1 .\nx. 0 IN A 1.2.3.4", ""},
		{"HTTPS", "nonsense", ""},
		{"TXT", "hello", ""},
	} {
		got, err := Value(tc.typ, tc.in)
		if got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%s %q: %q, %v; want %q", tc.typ, tc.in, got, err, tc.want)
		}
	}
}

func TestWireAndBack(t *testing.T) {
	for typ, vs := range map[string][]string{
		"A": {"192.0.2.10", "192.0.2.11"}, "AAAA": {"2001:db8::1"}, "CNAME": {"gw.example.test"},
		"HTTPS": {`1 . alpn="h2" ipv4hint="192.0.2.10" ipv6hint="2001:db8::1"`},
	} {
		rrs, err := Wire("www.example.test", typ, 30, vs)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rrs {
			b := make([]byte, 512)
			n, err := dns.PackRR(r, b, 0, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			back, _, err := dns.UnpackRR(b[:n], 0)
			if err != nil {
				t.Fatal(err)
			}
			name, ty, v, ok := Of(back)
			if !ok || name != "www.example.test" || ty != typ || back.Header().Ttl != 30 {
				t.Errorf("%v came back as %s %s", r, name, ty)
			}
			got = append(got, v)
		}
		if !slices.Equal(got, vs) {
			t.Errorf("%s: %v came back as %v", typ, vs, got)
		}
		if Code(typ) != dns.StringToType[typ] || !Known(typ) {
			t.Errorf("%s is not known", typ)
		}
	}
	if _, err := Wire("a b", "A", 1, nil); err == nil {
		t.Error("a name with a space")
	}
	if _, _, _, ok := Of(&dns.TXT{}); ok || Code("TXT") != 0 {
		t.Error("TXT is none of ours")
	}
}

func TestHints(t *testing.T) {
	got, err := Hints(`1 . alpn="h2" ipv4hint="192.0.2.10,192.0.2.11" ipv6hint="2001:db8::1"`)
	if err != nil || !slices.Equal(got, []string{"192.0.2.10", "192.0.2.11", "2001:db8::1"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := Hints(`1 . alpn="h2"`); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzValue(f *testing.F) {
	f.Add("A", "192.0.2.10")
	f.Add("AAAA", "2001:db8::1")
	f.Add("CNAME", "a.test")
	f.Add("HTTPS", `1 . alpn="h2" ipv4hint="192.0.2.10"`)
	f.Fuzz(func(t *testing.T, typ, in string) {
		v, err := Value(typ, in)
		if err != nil {
			return
		}
		again, err := Value(typ, v)
		if err != nil || again != v {
			t.Errorf("%s %q -> %q -> %q, %v: not canonical", typ, in, v, again, err)
		}
		if _, err := Wire("www.test", typ, 1, []string{v}); err != nil {
			t.Errorf("%s %q cannot be sent: %v", typ, v, err)
		}
	})
}
