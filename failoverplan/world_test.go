package failoverplan

import "time"

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func testSite(name string, weight int, v4, v6 string) Site {
	s := Site{Name: name, Weight: weight, GatewayV4: []string{v4}}
	if v6 != "" {
		s.GatewayV6 = []string{v6}
	}
	other := map[string]string{"primary": "standby", "standby": "primary"}[name]
	s.Platforms = []Platform{
		{
			Kind:       Business,
			Subsystems: []Subsystem{{Name: "monitoring", Critical: true}, {Name: "scheduling", Critical: true}},
			Components: []Component{
				{Name: "monitoring-mysql", Kind: MySQL, Subsystem: "monitoring", Critical: true, Sync: Sync},
				{Name: "scheduling-redis", Kind: Redis, Subsystem: "scheduling", Sync: SyncNone},
			},
		},
		{Kind: Data, Components: []Component{
			{Name: "flink", Kind: Flink, Critical: true, Sync: SyncNone, Job: "ingest"},
			{Name: "kafka", Kind: Kafka, Critical: true, Sync: Sync},
			{Name: "connect", Kind: KafkaConnect, Sync: SyncNone, Mirrors: map[string][]string{other: {"mirror-from-" + other}}},
			{Name: "mysql", Kind: MySQL, Critical: true, Sync: Sync},
			{Name: "redis", Kind: Redis, Sync: SyncNone},
		}},
	}
	return s
}

func testTopology() *Topology {
	return &Topology{
		Environment: Sandbox, Home: "primary",
		Sites: []Site{testSite("primary", 100, "192.0.2.10", "2001:db8:a::10"), testSite("standby", 90, "198.51.100.20", "2001:db8:b::20")},
		Domains: []Domain{
			{Name: "pvg.example.test", Station: "PVG", Zone: "example.test", Provider: "main", Types: []string{"A", "AAAA"}, TTL: 30},
			{Name: "sha.example.test", Station: "SHA", Zone: "example.test", Provider: "main", Types: []string{"A", "AAAA"}, TTL: 30},
		},
		Feeds: []Feed{{Name: "airline"}, {Name: "airport"}},
	}
}

// testWorld is a situation in which everything is up and the named site serves.
func testWorld(t *Topology, serving, data string) *Situation {
	s := &Situation{At: t0}
	for _, site := range t.Sites {
		st := SiteState{Name: site.Name, State: Up, Gateway: Up}
		for _, p := range site.Platforms {
			ps := PlatformState{Kind: p.Kind, State: Up, Since: t0}
			for _, x := range p.Subsystems {
				ps.Subsystems = append(ps.Subsystems, PartState{Name: x.Name, State: Up, Critical: x.Critical, Since: t0})
			}
			for _, x := range p.Components {
				ps.Components = append(ps.Components, PartState{Name: x.Name, State: Up, Critical: x.Critical, Since: t0})
			}
			st.Platforms = append(st.Platforms, ps)
		}
		s.Sites = append(s.Sites, st)
	}
	for _, d := range t.Domains {
		s.Domains = append(s.Domains, DomainState{Name: d.Name, Station: d.Station, Site: serving})
	}
	for _, f := range t.Feeds {
		s.Feeds = append(s.Feeds, FeedState{Name: f.Name, Site: data, Known: true})
	}
	for _, site := range t.Sites {
		for _, p := range site.Platforms {
			from := serving
			if p.Kind == Data {
				from = data
			}
			if from == site.Name {
				continue
			}
			for _, c := range p.Components {
				if c.Sync == Sync {
					s.Sync = append(s.Sync, SyncState{Platform: p.Kind, Component: c.Name, Kind: c.Kind, From: from, To: site.Name, State: Streaming})
				}
			}
		}
	}
	return s
}

func (s *Situation) setPlatform(site string, k PlatformKind, state State) {
	for i := range s.Sites {
		for n := range s.Sites[i].Platforms {
			if s.Sites[i].Name == site && s.Sites[i].Platforms[n].Kind == k {
				s.Sites[i].Platforms[n].State = state
				if state == Down {
					s.Sites[i].Platforms[n].Because = []string{"a part is down: refused"}
				}
			}
		}
	}
}

func (s *Situation) setSync(component string, change func(*SyncState)) {
	for i := range s.Sync {
		if s.Sync[i].Component == component {
			change(&s.Sync[i])
		}
	}
}

// live is the zone as the provider would show it when every name points at the site.
func live(t *Topology, site string) map[string][]RecordSet {
	out := map[string][]RecordSet{}
	s, _ := t.Site(site)
	for _, d := range t.Domains {
		out[d.Zone] = append(out[d.Zone], RecordSet{Name: d.Name, Type: "A", TTL: 60, Values: s.GatewayV4})
		if len(s.GatewayV6) > 0 {
			out[d.Zone] = append(out[d.Zone], RecordSet{Name: d.Name, Type: "AAAA", TTL: 60, Values: s.GatewayV6})
		}
	}
	return out
}
