package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// minimal is the smallest file that passes.
const minimal = `version: 1
environment: production
home: primary
sites:
  - name: primary
    weight: 100
    gateway: {ipv4: [192.0.2.10], url: http://192.0.2.10}
    business: {subsystems: [{name: monitoring, url: "http://192.0.2.21/healthz"}]}
    data: {components: [{name: redis, kind: redis, address: "192.0.2.51:6379"}]}
  - name: standby
    weight: 90
    gateway: {ipv4: [198.51.100.20], url: http://198.51.100.20}
    business: {subsystems: [{name: monitoring, url: "http://198.51.100.21/healthz"}]}
    data: {components: [{name: redis, kind: redis, address: "198.51.100.51:6379"}]}
domains:
  - {name: www.example.com}
dns:
  providers: [{name: cf, kind: cloudflare, token: env:TOKEN}]
  zones: [{name: example.com, provider: cf, authoritative: ["192.0.2.53:53"]}]
`

// with parses the minimal file after an edit.
func with(t *testing.T, edits ...string) *Config {
	t.Helper()
	data := strings.NewReplacer(edits...).Replace(minimal)
	c, err := Parse("minimal", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStarterAndExamplesPass(t *testing.T) {
	if _, err := Parse("starter", Starter()); err != nil {
		t.Errorf("starter: %v", err)
	}
	files, err := filepath.Glob("../../examples/*/dutyops.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, path := range files {
		c, err := Load(path)
		if err != nil {
			t.Errorf("%s:\n%v", path, err)
			continue
		}
		if c.Path != path {
			t.Errorf("Path is %q, want %q", c.Path, path)
		}
	}
}

func TestStarterTeachesDefaults(t *testing.T) {
	c, err := Parse("starter", Starter())
	if err != nil {
		t.Fatal(err)
	}
	bare := with(t)
	if c.Thresholds != bare.Thresholds || !reflect.DeepEqual(c.Rules, bare.Rules) {
		t.Errorf("the starter calls these defaults, but they are not:\n%+v %+v\nwant\n%+v %+v", c.Thresholds, c.Rules, bare.Thresholds, bare.Rules)
	}
}

func TestDefaults(t *testing.T) {
	c := with(t)
	want := Thresholds{
		Interval: Duration(time.Second), Timeout: Duration(800 * time.Millisecond), DownAfter: 3, UpAfter: 2,
		Window:     Window{Failures: 50, Per: Duration(5 * time.Minute)},
		StaleAfter: Duration(10 * time.Second), MaxSyncLag: Duration(10 * time.Second), CertificateDays: 14, MaxClockDifference: Duration(time.Second),
	}
	if c.Thresholds != want {
		t.Errorf("thresholds %+v, want %+v", c.Thresholds, want)
	}
	rules := Rules{CatchUpTimeout: Duration(30 * time.Second), FenceTimeout: Duration(2 * time.Second), ResolverWait: Duration(2 * time.Minute), Arming: Duration(5 * time.Second), OnFailedWrite: OnFailAuto, RetryBudget: Duration(30 * time.Second), MaxDrift: 3}
	if !reflect.DeepEqual(c.Rules, rules) {
		t.Errorf("rules %+v, want %+v", c.Rules, rules)
	}
	if armed := (Armed{Every: Duration(20 * time.Second), MaxAge: Duration(time.Minute)}); c.DNS.Armed != armed {
		t.Errorf("armed %+v, want %+v", c.DNS.Armed, armed)
	}
	d := c.Domains[0]
	if d.Zone != "example.com" || d.TTL.D() != 30*time.Second || !slices.Equal(d.Types, []string{"A"}) {
		t.Errorf("domain %+v", d)
	}
	if p := c.DNS.Providers[0]; p.Timeout.D() != 5*time.Second || p.Budget.D() != 10*time.Second {
		t.Errorf("provider %+v", p)
	}
	if r := c.RelationBetween("standby", "primary"); r.Every.D() != 5*time.Second || len(r.Scope) != 0 {
		t.Errorf("relation %+v", r)
	}
}

func TestExplicitZeroIsTheDefault(t *testing.T) {
	c := with(t, "domains:", "thresholds: {interval: 0, down_after: 0, window: {per: 0s}}\nrules:\n  arming:\ndomains:")
	if c.Thresholds.Interval.D() != time.Second || c.Thresholds.DownAfter != 3 || c.Thresholds.Window.Per.D() != 5*time.Minute || c.Rules.Arming.D() != 5*time.Second {
		t.Errorf("%+v %+v", c.Thresholds, c.Rules)
	}
}

func TestDomainDefaults(t *testing.T) {
	c := with(t,
		"ipv4: [192.0.2.10]", `ipv4: [192.0.2.10], ipv6: ["2001:db8::10"]`,
		"{name: www.example.com}", "{name: WWW.Deep.Example.com., ttl: 2s}",
		"zones: [", `zones: [{name: deep.example.com., provider: cf, authoritative: ["192.0.2.53:53"]}, `)
	d := c.Domains[0]
	if d.Name != "www.deep.example.com" || d.Zone != "deep.example.com" || d.TTL.D() != 2*time.Second || !slices.Equal(d.Types, []string{"A", "AAAA"}) {
		t.Errorf("%+v", d)
	}
}

func TestAccountsFallBack(t *testing.T) {
	c := with(t,
		`address: "192.0.2.51:6379"`, `address: "192.0.2.51:6379", user: probe, password: env:P`,
		`address: "198.51.100.51:6379"`, `address: "198.51.100.51:6379", user: probe, control: {user: boss, password: env:B}, replication: {address: "10.0.0.1:6379"}`)
	first, second := c.Sites[0].Data.Components[0], c.Sites[1].Data.Components[0]
	if first.Control != (Account{User: "probe", Password: "env:P"}) || first.Replication.Address != "192.0.2.51:6379" {
		t.Errorf("%+v", first)
	}
	if second.Control != (Account{User: "boss", Password: "env:B"}) || second.Replication.Address != "10.0.0.1:6379" {
		t.Errorf("%+v", second)
	}
}

func TestAliasStandsForAValue(t *testing.T) {
	c := with(t, "ipv4: [192.0.2.10], url: http://192.0.2.10", "ipv4: [192.0.2.10], url: &u http://192.0.2.10", `{name: monitoring, url: "http://192.0.2.21/healthz"}`, `{name: monitoring, url: *u}`)
	if got := c.Sites[0].Business.Subsystems[0].URL; got != "http://192.0.2.10" {
		t.Errorf("alias gave %q", got)
	}
}

func TestAliasBomb(t *testing.T) {
	doc := "a0: &a0 [x, x]\n"
	prev := "a0"
	for _, name := range strings.Split("a1 a2 a3 a4 a5 a6 a7 a8", " ") {
		doc += name + ": &" + name + " [" + strings.Repeat("*"+prev+", ", 20) + "]\n"
		prev = name
	}
	_, err := Parse("bomb", []byte(doc+"sites: *a8\n"))
	var problems Problems
	if !errors.As(err, &problems) || len(problems) > 1000 {
		t.Fatalf("%d problems, %v", len(problems), err)
	}
}

func TestLoadFailsWithCause(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "absent.yaml"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(path, []byte(strings.Repeat("# large\n", 1<<17+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	if err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestRelativeSecretsFollowTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	text := strings.Replace(minimal, "env:TOKEN", "file:keys/token", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keys", "token"), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.DNS.Providers[0].Token.Resolve(); err != nil || got != "s3cret" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSearch(t *testing.T) {
	env := func(kv ...string) func(string) string {
		return func(key string) string {
			for i := 0; i < len(kv); i += 2 {
				if kv[i] == key {
					return kv[i+1]
				}
			}
			return ""
		}
	}
	denied := errors.New("denied")
	for name, tc := range map[string]struct {
		explicit string
		env      func(string) string
		there    []string
		denied   string
		want     string
		tried    []string
		err      error
	}{
		"flag first":               {explicit: "f.yaml", env: env("DUTYOPS_CONFIG", "e.yaml"), there: []string{"f.yaml", "e.yaml", FileName}, want: "f.yaml", tried: []string{"f.yaml"}},
		"then variable":            {env: env("DUTYOPS_CONFIG", "e.yaml"), there: []string{"e.yaml", FileName}, want: "e.yaml", tried: []string{"e.yaml"}},
		"then here":                {env: env("HOME", "/h"), there: []string{FileName, "/h/.config/dutyops/dutyops.yaml"}, want: FileName, tried: []string{FileName}},
		"then xdg":                 {env: env("HOME", "/h", "XDG_CONFIG_HOME", "/x"), there: []string{"/x/dutyops/dutyops.yaml", "/etc/dutyops/dutyops.yaml"}, want: "/x/dutyops/dutyops.yaml", tried: []string{FileName, "/x/dutyops/dutyops.yaml"}},
		"then home":                {env: env("HOME", "/h"), there: []string{"/h/.config/dutyops/dutyops.yaml"}, want: "/h/.config/dutyops/dutyops.yaml", tried: []string{FileName, "/h/.config/dutyops/dutyops.yaml"}},
		"then etc":                 {env: env(), there: []string{"/etc/dutyops/dutyops.yaml"}, want: "/etc/dutyops/dutyops.yaml", tried: []string{FileName, "/etc/dutyops/dutyops.yaml"}},
		"a typo stays one":         {explicit: "typo.yaml", env: env(), there: []string{FileName}, tried: []string{"typo.yaml"}, err: fs.ErrNotExist},
		"nowhere":                  {env: env("HOME", "/h"), tried: []string{FileName, "/h/.config/dutyops/dutyops.yaml", "/etc/dutyops/dutyops.yaml"}, err: ErrNotFound},
		"unreadable is not absent": {env: env(), there: []string{"/etc/dutyops/dutyops.yaml"}, denied: FileName, tried: []string{FileName}, err: denied},
	} {
		got, tried, err := search(tc.explicit, tc.env, func(path string) error {
			if path == tc.denied {
				return denied
			}
			if slices.Contains(tc.there, path) {
				return nil
			}
			return fs.ErrNotExist
		})
		if got != tc.want || !slices.Equal(tried, tc.tried) || !errors.Is(err, tc.err) {
			t.Errorf("%s: got %q, tried %v, %v", name, got, tried, err)
		}
	}
}

func TestSearchLooksAtTheDisk(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	none := func(string) string { return "" }
	if _, _, err := Search(dir, none); err == nil {
		t.Error("a folder was taken for a file")
	}
	if err := os.WriteFile(FileName, []byte(minimal), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _, err := Search("", none); err != nil || got != FileName {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestStateDir(t *testing.T) {
	for name, tc := range map[string]struct {
		state, xdg, home string
		root             bool
		want             string
	}{
		"variable":       {state: "/s", xdg: "/x", home: "/h", root: true, want: "/s"},
		"xdg":            {xdg: "/x", home: "/h", want: "/x/dutyops"},
		"xdg as root":    {xdg: "/x", home: "/root", root: true, want: "/x/dutyops"},
		"root":           {home: "/root", root: true, want: "/var/lib/dutyops"},
		"person":         {home: "/h", want: "/h/.local/state/dutyops"},
		"nothing is set": {},
	} {
		got, err := StateDir(func(key string) string {
			return map[string]string{"DUTYOPS_STATE": tc.state, "XDG_STATE_HOME": tc.xdg, "HOME": tc.home}[key]
		}, tc.root)
		if got != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"environment", "home", "sites", "dns", "A"}
	for got, want := range map[string]string{
		"envronment": "environment", "hoem": "home", "site": "sites", "SITES": "sites", "dsn": "dns",
		"colour": "", strings.Repeat("long", 100): "",
	} {
		if n := nearest(got, known); n != want {
			t.Errorf("nearest(%q) = %q, want %q", got, n, want)
		}
	}
}
