package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dutyops/dutyops/backend/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a running sandbox for a test.
func world(t *testing.T, o Options) *Sandbox {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.TTL == 0 {
		o.TTL = time.Second
	}
	s, err := Start(t.Context(), o)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func users(t *testing.T, c Control) Users {
	t.Helper()
	u, err := c.Users(t.Context())
	must(t, err)
	return u
}

func truth(t *testing.T, c Control) Truth {
	t.Helper()
	v, err := c.Truth(t.Context())
	must(t, err)
	return v
}

// cloudflare calls the API as a client would who knows nothing but the folder.
func cloudflare(t *testing.T, s *Sandbox, method, path string, body, result any) {
	t.Helper()
	token, err := os.ReadFile(s.File().DNS.TokenFile)
	must(t, err)
	b, err := json.Marshal(body)
	must(t, err)
	req, err := http.NewRequestWithContext(t.Context(), method, s.File().DNS.Cloudflare+"/client/v4"+path, bytes.NewReader(b))
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr}).Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	must(t, err)
	doc := struct {
		Success bool
		Result  any
	}{Result: result}
	must(t, json.Unmarshal(answer, &doc))
	if !doc.Success {
		t.Fatalf("%s %s: %s", method, path, answer)
	}
}

// repoint moves every address of the zone from one site's to the other's, in one batch.
func repoint(t *testing.T, s *Sandbox, from, to siteSpec) {
	t.Helper()
	var zones []struct{ ID string }
	cloudflare(t, s, http.MethodGet, "/zones?name="+zoneName, nil, &zones)
	path := "/zones/" + zones[0].ID + "/dns_records"
	var recs []struct{ ID, Content string }
	cloudflare(t, s, http.MethodGet, path+"?per_page=5000", nil, &recs)
	var patches []map[string]string
	for _, r := range recs {
		switch r.Content {
		case from.v4:
			patches = append(patches, map[string]string{"id": r.ID, "content": to.v4})
		case from.v6:
			patches = append(patches, map[string]string{"id": r.ID, "content": to.v6})
		}
	}
	if len(patches) != 2*len(stationSpecs) {
		t.Fatalf("%d records to change", len(patches))
	}
	cloudflare(t, s, http.MethodPost, path+"/batch", map[string]any{"patches": patches}, nil)
}

func TestUsersSeeAnOutageUntilTheNamesPointAtTheStandby(t *testing.T) {
	s := world(t, Options{UserRate: 30})
	eventually(t, "every station is served by the primary", func() bool {
		u := users(t, s)
		return u.ServedBy["primary"] >= 6 && u.Now == "primary"
	})
	if u := users(t, s); u.Failed != 0 || u.OutageMS != 0 {
		t.Fatalf("before the fault: %+v", u)
	}
	must(t, s.Inject(t.Context(), Fault{Target: "primary/business", Kind: KindDown}))
	eventually(t, "no station is served", func() bool { return users(t, s).Now == "none" })
	repoint(t, s, siteSpecs[0], siteSpecs[1])
	eventually(t, "every station is served by the standby", func() bool {
		u := users(t, s)
		for _, st := range u.Stations {
			if st.Now != "standby" {
				return false
			}
		}
		return u.Now == "standby"
	})
	u := users(t, s)
	if u.Failed == 0 || u.LongestOutageMS <= 0 || u.OutageMS < u.LongestOutageMS {
		t.Errorf("after it: %+v", u)
	}
	eventually(t, "the standby serves on", func() bool { return users(t, s).ServedBy["standby"] > u.ServedBy["standby"]+6 })
	if after := users(t, s); after.Failed != u.Failed || after.OutageMS != u.OutageMS {
		t.Errorf("it is over, but the count goes on: %+v, then %+v", u, after)
	}
}

func TestEverythingSentReachesBothSites(t *testing.T) {
	s := world(t, Options{Rate: 50, UserRate: -1})
	eventually(t, "more than the seed was sent", func() bool { return truth(t, s).Sent > 2*seedMessages+20 })
	for _, f := range s.feeds {
		f.Attach("") // nothing more comes in: now the sites must agree
	}
	enough := truth(t, s).Sites["primary"].Present
	eventually(t, "the standby has what the primary has", func() bool {
		v := truth(t, s)
		p, b := v.Sites["primary"], v.Sites["standby"]
		return p.Present >= enough && b.Present == p.Present && b.MySQL == p.MySQL && b.Kafka == p.Kafka
	})
	v := truth(t, s)
	for name, st := range v.Sites {
		if st.Problem != "" || st.Present+st.Missing != v.Sent || st.Duplicated != 0 {
			t.Errorf("%s: %+v of %d", name, st, v.Sent)
		}
		sum := int64(0)
		for kind, n := range st.ByKind {
			sum += n
			if n > v.ByKind[kind] {
				t.Errorf("%s has %d of %d %s", name, n, v.ByKind[kind], kind)
			}
		}
		if sum != st.Present {
			t.Errorf("%s: kinds sum up to %d of %d", name, sum, st.Present)
		}
	}
	if len(v.ByKind) != 5 {
		t.Errorf("kinds %v", v.ByKind)
	}
}

func TestACutPathIsMissingAtTheStandbyUntilHealed(t *testing.T) {
	s := world(t, Options{Rate: -1, UserRate: -1})
	ctx := t.Context()
	must(t, s.Inject(ctx, Fault{Target: "link/primary-standby", Kind: KindDown}))
	for _, f := range s.feeds {
		f.Emit(40)
	}
	total := int64(2 * (seedMessages + 40))
	eventually(t, "the primary has all", func() bool { return truth(t, s).Sites["primary"].Present == total })
	if st := truth(t, s).Sites["standby"]; st.Missing != 80 || st.Stale == 0 {
		t.Errorf("with the path cut, the standby: %+v", st)
	}
	must(t, s.Heal(ctx, "link/primary-standby"))
	eventually(t, "the standby has all", func() bool {
		st := truth(t, s).Sites["standby"]
		return st.Present == total && st.Stale == 0
	})
}

func TestFilesAreCompleteAndForThisUserOnly(t *testing.T) {
	s := world(t, Options{Rate: -1, UserRate: -1, Emergency: true})
	c, err := config.Load(s.ConfigPath())
	if err != nil {
		b, _ := os.ReadFile(s.ConfigPath())
		t.Fatalf("%v\n%s", err, b)
	}
	if c.Environment != "sandbox" || len(c.Sites) != 3 || len(c.Domains) != 3 || len(c.Upstreams) != 2 {
		t.Errorf("%+v", c)
	}
	top := c.Topology()
	for _, site := range top.Sites {
		for _, p := range site.Platforms {
			for _, m := range p.Components {
				fc, ok := s.File().Sites[site.Name].Components[string(p.Kind)+"/"+m.Name]
				if !ok || fc.Address == "" && fc.URL == "" && len(fc.Brokers) == 0 {
					t.Errorf("%s/%s/%s is not in sandbox.json: %+v", site.Name, p.Kind, m.Name, fc)
				}
			}
		}
	}
	for _, site := range c.Sites {
		for _, m := range slices.Concat(site.Business.Components, site.Data.Components) {
			for _, ref := range []config.Secret{m.Password, m.Control.Password, m.Replication.Password} {
				if ref == "" {
					continue
				}
				if v, err := ref.Resolve(); err != nil || len(v) < 20 {
					t.Errorf("%s %s: %s: %v", site.Name, m.Name, ref, err)
				}
			}
		}
	}
	must(t, filepath.WalkDir(s.Dir(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			err = fmt.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return err
	}))
	cl, err := Open(s.Dir())
	must(t, err)
	defer cl.Close()
	if !slices.EqualFunc(cl.Kinds(), s.Kinds(), func(a, b FaultKind) bool { return a.Kind == b.Kind && slices.Equal(a.AppliesTo, b.AppliesTo) }) {
		t.Error("the client knows other faults than the sandbox")
	}
}

func TestEveryFaultCanBePutAndHealed(t *testing.T) {
	s := world(t, Options{Rate: -1, UserRate: -1})
	ctx := t.Context()
	for _, k := range s.Kinds() {
		for _, target := range k.AppliesTo {
			if err := s.Inject(ctx, Fault{Target: target, Kind: k.Kind}); err != nil {
				t.Errorf("%s on %s: %v", k.Kind, target, err)
			}
			if err := s.Heal(ctx, target); err != nil {
				t.Errorf("heal %s of %s: %v", k.Kind, target, err)
			}
		}
	}
	if a, _ := s.Active(ctx); len(a) != 0 {
		t.Errorf("in force: %v", a)
	}
}

func TestTwoSandboxesInOneProcess(t *testing.T) {
	a, b := world(t, Options{UserRate: 30}), world(t, Options{UserRate: 30})
	must(t, a.Inject(t.Context(), Fault{Target: "primary", Kind: KindDown}))
	eventually(t, "the users of one see it", func() bool { return users(t, a).Now == "none" })
	seen := users(t, b).ServedBy["primary"]
	eventually(t, "those of the other are served on", func() bool { return users(t, b).ServedBy["primary"] > seen+6 })
	if u := users(t, b); u.Failed != 0 {
		t.Errorf("%+v", u)
	}
}

func TestATemporaryFolderIsRemoved(t *testing.T) {
	s, err := Start(t.Context(), Options{Rate: -1, UserRate: -1})
	must(t, err)
	if _, err := os.Stat(s.ConfigPath()); err != nil {
		t.Error(err)
	}
	must(t, s.Close())
	if _, err := os.Stat(s.Dir()); !os.IsNotExist(err) {
		t.Errorf("%s is still there", s.Dir())
	}
	must(t, s.Close())
}

func TestWrongOptions(t *testing.T) {
	for _, o := range []Options{{TTL: 1500 * time.Millisecond}, {Control: "127.0.0.1:99999"}} {
		if s, err := Start(t.Context(), o); err == nil {
			t.Errorf("%+v was taken", o)
			_ = s.Close()
		}
	}
}

func TestABlackoutDoesNotMakeThePairDiverge(t *testing.T) {
	s := world(t, Options{Rate: 50, UserRate: -1})
	for _, kind := range []string{KindDown, KindBlackhole, KindOneWay} {
		must(t, s.Inject(t.Context(), Fault{Target: "primary", Kind: kind}))
		cut := truth(t, s).Sites["primary"].Present
		sent := truth(t, s).Sent
		eventually(t, "the feeds go on", func() bool { return truth(t, s).Sent > sent+20 })
		if now := truth(t, s).Sites["primary"].Present; now > cut+50 {
			t.Errorf("%s: the primary took in %d messages behind the cut", kind, now-cut)
		}
		must(t, s.Heal(t.Context(), "primary"))
		sent = truth(t, s).Sent
		eventually(t, "both sites have what was sent during "+kind, func() bool {
			v := truth(t, s)
			return v.Sites["primary"].Present >= sent && v.Sites["standby"].Present >= sent
		})
	}
}

func TestTheEmergencySiteServesWhatItOffers(t *testing.T) {
	s := world(t, Options{Emergency: true, UserRate: 30})
	repoint(t, s, siteSpecs[0], siteSpecs[2])
	eventually(t, "every station is served by the emergency site", func() bool { return users(t, s).ServedBy["emergency"] >= 12 })
	if u := users(t, s); u.Failed != 0 {
		t.Errorf("%+v", u)
	}
	eventually(t, "it has what was sent before the start", func() bool { return truth(t, s).Sites["emergency"].Present >= 2*seedMessages })
}

func TestTheServingSiteIsWhatTheNamesSay(t *testing.T) {
	s := world(t, Options{Rate: -1, UserRate: -1})
	if got := s.serving(); got != "primary" {
		t.Errorf("at the start: %q", got)
	}
	must(t, s.store.Set(stationSpecs[0].domain, "A", 2, siteSpecs[1].v4))
	if got := s.serving(); got != "" {
		t.Errorf("one of three names moved: %q", got)
	}
	for _, d := range stationSpecs[1:] {
		must(t, s.store.Set(d.domain, "A", 2, siteSpecs[1].v4))
	}
	if !s.leads(indexFlights, "standby") || s.leads(indexMessages, "standby") {
		t.Error("the business platform's copies follow the users, the data platform's the feeds")
	}
	s.feeds["airline"].Attach("standby")
	if got := s.attached(); got != "" {
		t.Errorf("one of two feeds moved: %q", got)
	}
	s.feeds["airport"].Attach("standby")
	if !s.leads(indexMessages, "standby") {
		t.Error("both feeds moved")
	}
}
