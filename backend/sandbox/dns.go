package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/named"
)

// secondLag is how far the second authority is behind under KindLagging.
const secondLag = 5 * time.Second

// startDNS starts the authority, the Cloudflare API and the resolver over one zone
// in which every station's name points at the primary.
func (s *Sandbox) startDNS() error {
	var err error
	if s.store, err = named.NewStore(named.StoreOptions{Zone: zoneName, TTL: 60, Minimum: 2}); err != nil {
		return err
	}
	ttl, home := uint32(s.o.TTL/time.Second), siteSpecs[0]
	for _, d := range stationSpecs {
		err = errors.Join(err, s.store.Set(d.domain, "A", ttl, home.v4), s.store.Set(d.domain, "AAAA", ttl, home.v6))
	}
	if err != nil {
		return err
	}
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	key := base64.StdEncoding.EncodeToString(raw[:])
	keyFile, err := s.folder.keep("tsig-key", key)
	if err != nil {
		return err
	}
	if s.auth, err = named.StartAuthority(s.store, named.AuthorityOptions{KeyName: keyName, KeySecret: key}); err != nil {
		return err
	}
	s.onClose(s.auth.Close)
	token, tokenFile, err := s.folder.secret("cloudflare-token")
	if err != nil {
		return err
	}
	if s.cf, err = named.StartCloudflare(s.store, named.CloudflareOptions{Token: token}); err != nil {
		return err
	}
	s.onClose(s.cf.Close)
	l, err := s.link(s.cf.Addr(), "dns/cloudflare")
	if err != nil {
		return err
	}
	addrs := s.auth.Addrs()
	if s.resolver, err = named.StartResolver(named.ResolverOptions{Zone: zoneName, Authorities: addrs}); err != nil {
		return err
	}
	s.onClose(s.resolver.Close)
	s.file.DNS = FileDNS{
		Authoritative: addrs, Resolver: s.resolver.Addr(), Cloudflare: "http://" + l.Addr(), TokenFile: tokenFile,
		RFC2136: FileRFC2136{Server: addrs[0], Zone: zoneName, KeyName: keyName, KeyFile: keyFile, Algorithm: "hmac-sha256"},
	}
	return nil
}

// modeSwitch turns the link kinds of a DNS server, of which several may be in force,
// into its one mode. It is called under the registry's lock only.
func modeSwitch(set func(named.Mode) error) switchable {
	order := []struct {
		kind string
		mode named.Mode
	}{{KindDown, named.Down}, {KindBlackhole, named.Blackhole}, {KindSlow, named.Slow}}
	on := map[string]bool{}
	sw := switchable{}
	for _, o := range order {
		sw[o.kind] = func(active bool) error {
			on[o.kind] = active
			for _, x := range order {
				if on[x.kind] {
					return set(x.mode)
				}
			}
			return set(named.Pass)
		}
	}
	return sw
}

// cloudflareSwitch: of several faults of the API, the newest is in force.
func cloudflareSwitch(cf *named.Cloudflare) switchable {
	var on []string
	sw := switchable{}
	for _, kind := range named.CloudflareFaults() {
		sw[kind] = func(active bool) error {
			on = slices.DeleteFunc(on, func(k string) bool { return k == kind })
			if active {
				on = append(on, kind)
			}
			if len(on) == 0 {
				return cf.SetFault("")
			}
			return cf.SetFault(on[len(on)-1])
		}
	}
	return sw
}

func (s *Sandbox) dnsParts() []part {
	second := modeSwitch(func(m named.Mode) error { return s.auth.SetMode(1, m) })
	second[KindLagging] = func(on bool) error {
		s.auth.SetLag(0)
		if on {
			s.auth.SetLag(secondLag)
		}
		return nil
	}
	first := modeSwitch(func(m named.Mode) error { return s.auth.SetMode(0, m) })
	// A fault of dns/authority comes to both servers; the switches are theirs.
	both := []string{KindDown, KindBlackhole, KindSlow}
	return []part{
		{target: "dns/cloudflare", kinds: linkKinds, own: cloudflareSwitch(s.cf)},
		{target: "dns/authority", kinds: both},
		{target: "dns/authority/ns1", own: first},
		{target: "dns/authority/ns2", own: second},
		{target: "dns/resolver", own: modeSwitch(s.resolver.SetMode)},
	}
}

// serving is the site that the users' names point at; "" when they disagree.
func (s *Sandbox) serving() string {
	found := ""
	for _, r := range s.store.Records() {
		if r.Type != "A" {
			continue
		}
		for _, st := range s.sites {
			if st.v4 == r.Content {
				if found != "" && found != st.name {
					return ""
				}
				found = st.name
			}
		}
	}
	return found
}

// attached is the site that all feeds serve; "" when they do not agree.
func (s *Sandbox) attached() string {
	found := ""
	for i, spec := range feedSpecs {
		a := s.feeds[spec.name].Attached()
		if i > 0 && a != found {
			return ""
		}
		found = a
	}
	return found
}

// leads says which site is the source of an index: the data platform's follows the
// feeds, the business platform's the users.
func (s *Sandbox) leads(index, siteName string) bool {
	if index == indexMessages {
		return s.attached() == siteName
	}
	return s.serving() == siteName
}
