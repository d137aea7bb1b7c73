package switching

import (
	"net"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/named"
	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/failoverplan"
)

func TestMarksOfOtherControllersAreRead(t *testing.T) {
	store, err := named.NewStore(named.StoreOptions{Zone: zoneName})
	must(t, err)
	auth, err := named.StartAuthority(store, named.AuthorityOptions{})
	must(t, err)
	t.Cleanup(func() { _ = auth.Close() })
	dark, err := net.ListenPacket("udp", "127.0.0.1:0") // takes questions and never answers
	must(t, err)
	t.Cleanup(func() { _ = dark.Close() })

	pvg, sha, can := "pvg."+zoneName, "sha."+zoneName, "can."+zoneName
	must(t, store.Set("a-"+pvg, "TXT", 60, "heritage=external-dns,external-dns/owner=prod"))
	must(t, store.Set("_owner.a."+sha, "TXT", 60, "*octodns*"))
	must(t, store.Set(can, "TXT", 60, "v=spf1 -all"))
	var ds []failoverplan.Domain
	for _, n := range []string{pvg, sha, can} {
		ds = append(ds, failoverplan.Domain{Name: n, Zone: zoneName, Types: []string{"A"}})
	}
	provider := map[string]dnsproviders.Provider{"none": nil}
	reader := func(servers ...string) *Switch {
		return &Switch{
			opt:   Options{Providers: provider, Now: time.Now, QueryTimeout: 200 * time.Millisecond},
			zones: map[string]Zone{zoneName: {Name: zoneName, Authoritative: servers}},
		}
	}
	got, err := reader(dark.LocalAddr().String(), auth.Addrs()[0]).Owners(t.Context(), ds)
	if err != nil || len(got) != 2 || got[pvg].Controller != "external-dns" || got[pvg].ID != "prod" || got[sha].Controller != "octoDNS" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := reader(dark.LocalAddr().String()).Owners(t.Context(), ds); err == nil || len(got) != 0 {
		t.Errorf("nobody told, and it says %+v, %v", got, err)
	}
}
