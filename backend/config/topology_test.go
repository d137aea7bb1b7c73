package config

import (
	"reflect"
	"testing"

	"github.com/dutyops/dutyops/failoverplan"
)

func airline(t *testing.T) *Config {
	t.Helper()
	c, err := Load("../../examples/airline/dutyops.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestMissionPolicy is the table of mission A5, cell by cell, without any row in the file.
func TestMissionPolicy(t *testing.T) {
	c := &Config{}
	kinds := []failoverplan.ComponentKind{failoverplan.MySQL, failoverplan.Elasticsearch, failoverplan.Kafka, failoverplan.RabbitMQ, failoverplan.Redis}
	for _, row := range []struct {
		platform  failoverplan.PlatformKind
		subsystem string
		sync      [5]bool
	}{
		{failoverplan.Data, "", [5]bool{true, true, true, false, false}},
		{failoverplan.Business, "monitoring", [5]bool{true, true, false, false, false}},
		{failoverplan.Business, "scheduling", [5]bool{true, false, false, false, false}},
		{failoverplan.Business, "", [5]bool{true, false, false, false, false}},
		{failoverplan.Business, "baggage", [5]bool{true, false, false, false, false}},
	} {
		for i, kind := range kinds {
			want := failoverplan.SyncNone
			if row.sync[i] {
				want = failoverplan.Sync
			}
			if got := c.PolicyFor(row.platform, row.subsystem, kind); got != want {
				t.Errorf("%s/%s %s: %s, want %s", row.platform, row.subsystem, kind, got, want)
			}
		}
		for _, kind := range []failoverplan.ComponentKind{failoverplan.KafkaConnect, failoverplan.Flink, failoverplan.HTTP, failoverplan.TCP, failoverplan.DNS} {
			if got := c.PolicyFor(row.platform, row.subsystem, kind); got != failoverplan.SyncNone {
				t.Errorf("%s is no store, but its policy is %s", kind, got)
			}
		}
	}
}

// TestExampleWritesTheTableOut: the airline example's rows are the defaults, as it says.
func TestExampleWritesTheTableOut(t *testing.T) {
	c := airline(t)
	bare := &Config{}
	if len(c.Sync.Policy) != 15 {
		t.Errorf("%d rows, want 15", len(c.Sync.Policy))
	}
	for _, p := range c.Sync.Policy {
		got := bare.PolicyFor(failoverplan.PlatformKind(p.Platform), p.Subsystem, failoverplan.ComponentKind(p.Kind))
		if string(got) != p.Policy {
			t.Errorf("%+v, but the default is %s", p, got)
		}
	}
}

func TestPolicyOverrides(t *testing.T) {
	c := &Config{Sync: SyncRules{Policy: []Policy{
		{Platform: "business", Kind: "mysql", Policy: "none"},
		{Platform: "business", Subsystem: "scheduling", Kind: "mysql", Policy: "sync"},
		{Platform: "data", Kind: "redis", Policy: "sync"},
	}}}
	for _, tc := range []struct {
		platform  failoverplan.PlatformKind
		subsystem string
		kind      failoverplan.ComponentKind
		want      failoverplan.SyncPolicy
	}{
		{failoverplan.Business, "monitoring", failoverplan.MySQL, failoverplan.SyncNone},
		{failoverplan.Business, "scheduling", failoverplan.MySQL, failoverplan.Sync},
		{failoverplan.Business, "", failoverplan.MySQL, failoverplan.SyncNone},
		{failoverplan.Data, "", failoverplan.Redis, failoverplan.Sync},
		{failoverplan.Business, "scheduling", failoverplan.Redis, failoverplan.SyncNone},
	} {
		if got := c.PolicyFor(tc.platform, tc.subsystem, tc.kind); got != tc.want {
			t.Errorf("%s/%s %s: %s, want %s", tc.platform, tc.subsystem, tc.kind, got, tc.want)
		}
	}
}

func TestTopology(t *testing.T) {
	top := airline(t).Topology()
	if top.Environment != failoverplan.Production || top.Home != "primary" || len(top.Sites) != 3 || len(top.Domains) != 3 {
		t.Fatalf("%+v", top)
	}
	primary, emergency := top.Sites[0], top.Sites[2]
	if primary.Weight != 100 || primary.Emergency || !reflect.DeepEqual(primary.GatewayV4, []string{"192.0.2.10"}) || !reflect.DeepEqual(primary.GatewayV6, []string{"2001:db8:a::10"}) {
		t.Errorf("primary %+v", primary)
	}
	if !emergency.Emergency || emergency.Weight != 10 {
		t.Errorf("emergency %+v", emergency)
	}
	if primary.Platforms[0].Kind != failoverplan.Business || primary.Platforms[1].Kind != failoverplan.Data {
		t.Fatalf("platforms %+v", primary.Platforms)
	}
	if subs := primary.Platforms[0].Subsystems; len(subs) != 2 || !subs[0].Critical {
		t.Errorf("subsystems %+v", subs)
	}
	byName := map[string]failoverplan.Component{}
	for _, p := range primary.Platforms {
		for _, m := range p.Components {
			byName[string(p.Kind)+"/"+m.Name] = m
		}
	}
	want := map[string]failoverplan.Component{
		"business/monitoring-mysql":         {Name: "monitoring-mysql", Kind: failoverplan.MySQL, Subsystem: "monitoring", Critical: true, Sync: failoverplan.Sync},
		"business/monitoring-elasticsearch": {Name: "monitoring-elasticsearch", Kind: failoverplan.Elasticsearch, Subsystem: "monitoring", Sync: failoverplan.Sync},
		"business/scheduling-mysql":         {Name: "scheduling-mysql", Kind: failoverplan.MySQL, Subsystem: "scheduling", Critical: true, Sync: failoverplan.Sync},
		"business/scheduling-redis":         {Name: "scheduling-redis", Kind: failoverplan.Redis, Subsystem: "scheduling", Sync: failoverplan.SyncNone},
		"data/flink":                        {Name: "flink", Kind: failoverplan.Flink, Critical: true, Sync: failoverplan.SyncNone, Job: "flight-ingest"},
		"data/kafka":                        {Name: "kafka", Kind: failoverplan.Kafka, Critical: true, Sync: failoverplan.Sync},
		"data/connect":                      {Name: "connect", Kind: failoverplan.KafkaConnect, Sync: failoverplan.SyncNone, Mirrors: map[string][]string{"standby": {"mirror-from-standby"}}},
		"data/mysql":                        {Name: "mysql", Kind: failoverplan.MySQL, Critical: true, Sync: failoverplan.Sync},
		"data/elasticsearch":                {Name: "elasticsearch", Kind: failoverplan.Elasticsearch, Sync: failoverplan.Sync},
		"data/rabbitmq":                     {Name: "rabbitmq", Kind: failoverplan.RabbitMQ, Sync: failoverplan.SyncNone},
		"data/redis":                        {Name: "redis", Kind: failoverplan.Redis, Sync: failoverplan.SyncNone},
	}
	for name, m := range want {
		if !reflect.DeepEqual(byName[name], m) {
			t.Errorf("%s: %+v, want %+v", name, byName[name], m)
		}
	}
	if len(byName) != len(want) {
		t.Errorf("%d components, want %d", len(byName), len(want))
	}
	d := failoverplan.Domain{Name: "can.gss.example.net", Station: "CAN", Zone: "gss.example.net", Provider: "own-bind", Types: []string{"A", "AAAA"}, TTL: 30, SwitchTTL: 5}
	if !reflect.DeepEqual(top.Domains[2], d) {
		t.Errorf("%+v, want %+v", top.Domains[2], d)
	}
	if !reflect.DeepEqual(top.Feeds, []failoverplan.Feed{{Name: "airline"}, {Name: "airport"}}) {
		t.Errorf("feeds %+v", top.Feeds)
	}
}

func TestCriticalCanBeSaid(t *testing.T) {
	c := with(t, `{name: redis, kind: redis, address: "192.0.2.51:6379"}`, `{name: redis, kind: redis, address: "192.0.2.51:6379", critical: true}`,
		`{name: monitoring, url: "http://192.0.2.21/healthz"}`, `{name: monitoring, url: "http://192.0.2.21/healthz", critical: false}`)
	top := c.Topology()
	if !top.Sites[0].Platforms[1].Components[0].Critical || top.Sites[1].Platforms[1].Components[0].Critical {
		t.Error("critical of a component is not what the file says")
	}
	if top.Sites[0].Platforms[0].Subsystems[0].Critical || !top.Sites[1].Platforms[0].Subsystems[0].Critical {
		t.Error("critical of a subsystem is not what the file says")
	}
}

func TestTopologyIsACopy(t *testing.T) {
	c := airline(t)
	c.Topology().Sites[0].GatewayV4[0] = "changed"
	c.Topology().Domains[0].Types[0] = "changed"
	if c.Sites[0].Gateway.IPv4[0] == "changed" || c.Domains[0].Types[0] == "changed" {
		t.Error("a topology shares memory with its configuration")
	}
}

func TestLookups(t *testing.T) {
	c := airline(t)
	if p, ok := c.ProviderFor("GSS.example.net."); !ok || p.Name != "own-bind" || p.KeyAlgorithm != "hmac-sha256" {
		t.Errorf("provider %+v %v", p, ok)
	}
	if _, ok := c.ProviderFor("example.org"); ok {
		t.Error("a provider for a zone that is not ours")
	}
	if m, ok := c.ComponentAt("standby", failoverplan.Data, "mysql"); !ok || m.Address != "10.2.2.31:3306" {
		t.Errorf("component %+v %v", m, ok)
	}
	if _, ok := c.ComponentAt("emergency", failoverplan.Data, "rabbitmq"); ok {
		t.Error("the emergency site has no rabbitmq")
	}
	if s, ok := c.SubsystemAt("primary", failoverplan.Business, "scheduling"); !ok || s.URL != "http://10.1.1.22:8080/healthz" {
		t.Errorf("subsystem %+v %v", s, ok)
	}
	if u, ok := c.UpstreamNamed("airport"); !ok || u.Switch.URL != "https://feeds.example.com/airport/switch" {
		t.Errorf("upstream %+v %v", u, ok)
	}
	if r := c.RelationBetween("emergency", "primary"); r.Every.D().String() != "1m0s" || len(r.Scope) != 3 {
		t.Errorf("relation %+v", r)
	}
}
