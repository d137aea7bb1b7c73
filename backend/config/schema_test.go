package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	gen "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/dutyops/dutyops/failoverplan"
)

// update rewrites generated files instead of comparing with them:
//
//	go test ./backend/config -update
var update = flag.Bool("update", false, "rewrite generated files")

const (
	hostPortPattern = `^(\[[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?\]|[A-Za-z0-9._-]+):[0-9]{1,5}$`
	urlPattern      = `^https?://[^@/?#]+([/?][^#]*)?$`
	secretPattern   = `^(env:[^= \t]+|file:.+|exec:.+)$`
	filePath        = "file-path"
	durationPattern = `^0$|^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`
)

// generate makes the schema from the Go types and their comments.
func generate(t *testing.T) []byte {
	t.Helper()
	r := &gen.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Anonymous: true}
	if err := r.AddGoComments("github.com/dutyops/dutyops/backend/config", "."); err != nil {
		t.Fatal(err)
	}
	// Go comments begin with the Go name; people who write the file know the key.
	keys := keysByField(reflect.TypeFor[Config](), map[string]string{})
	for k, v := range r.CommentMap {
		name := k[strings.LastIndex(k, "/config.")+len("/config."):]
		v = strings.Join(strings.Fields(v), " ")
		_, field, _ := strings.Cut(name, ".")
		if rest, ok := strings.CutPrefix(v, field); ok && field != "" && (rest[0] == ' ' || rest[0] == ':') {
			v = keys[name] + rest
		}
		r.CommentMap[k] = v
	}
	r.Mapper = func(typ reflect.Type) *gen.Schema {
		switch typ {
		case reflect.TypeFor[Duration]():
			// 0 may be written bare: it is the default.
			return &gen.Schema{OneOf: []*gen.Schema{{Type: "string", Pattern: durationPattern}, {Type: "integer", Const: 0}}}
		case reflect.TypeFor[Secret]():
			return &gen.Schema{Type: "string", Pattern: secretPattern}
		case reflect.TypeFor[KeyID]():
			return &gen.Schema{Type: "string"}
		case reflect.TypeFor[File]():
			return &gen.Schema{Type: "string", Format: filePath}
		}
		return nil
	}
	s := r.Reflect(&Config{})
	s.ID = "https://github.com/dutyops/dutyops/docs/schema.json"
	s.Title = "dutyops configuration"
	s.Description = "What dutyops watches and switches. `dutyops config validate` also checks that names refer to one another."
	refine(t, s.Definitions)
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

// keysByField maps "Type.Field" to the key in the file, for all types below typ.
func keysByField(typ reflect.Type, into map[string]string) map[string]string {
	switch typ.Kind() {
	case reflect.Slice, reflect.Pointer:
		return keysByField(typ.Elem(), into)
	case reflect.Struct:
		for i := range typ.NumField() {
			f := typ.Field(i)
			if key := f.Tag.Get("yaml"); key != "-" {
				into[typ.Name()+"."+f.Name] = key
				keysByField(f.Type, into)
			}
		}
	default:
	}
	return into
}

// refine adds what the types alone do not say.
func refine(t *testing.T, defs gen.Definitions) {
	t.Helper()
	prop := func(typ, key string) *gen.Schema {
		p, ok := defs[typ].Properties.Get(key)
		if !ok {
			t.Fatalf("%s has no key %q", typ, key)
		}
		if p.Type == "array" {
			return p.Items
		}
		return p
	}
	enum := func(typ, key string, values []string) {
		for _, v := range values {
			prop(typ, key).Enum = append(prop(typ, key).Enum, v)
		}
	}
	pattern := func(form string, keys ...string) {
		for _, k := range keys {
			typ, key, _ := strings.Cut(k, ".")
			prop(typ, key).Pattern = form
		}
	}
	for typ, keys := range map[string][]string{
		"Config": {"version", "environment", "home", "sites", "domains", "dns"},
		"Site":   {"name", "weight", "gateway"}, "Gateway": {"url"},
		"Subsystem": {"name", "url"}, "Component": {"name", "kind"}, "Mirror": {"from", "connectors"},
		"Station": {"name"}, "Domain": {"name"}, "DNS": {"providers", "zones"}, "Provider": {"name", "kind"},
		"Zone": {"name", "provider", "authoritative"}, "NameServer": {"name", "addresses"}, "Twin": {"provider", "authoritative"}, "Resolver": {"name", "address"}, "Service": {"scheme"},
		"Upstream": {"name", "switch"}, "FeedSwitch": {"url"},
		"Policy": {"platform", "kind", "policy"}, "Relation": {"between"},
	} {
		if defs[typ] == nil {
			t.Fatalf("no type %s", typ)
		}
		defs[typ].Required = keys
	}
	prop("Config", "version").Const = 1
	enum("Config", "environment", environments)
	enum("Component", "kind", componentKindNames())
	enum("Component", "qtype", queryTypes)
	enum("Component", "sasl", saslMechanisms)
	enum("Domain", "types", domainTypes)
	enum("Provider", "kind", providerKindNames())
	enum("Service", "scheme", schemes)
	enum("Service", "reach", reaches)
	enum("Rules", "on_failed_write", onFailChoices)
	enum("Policy", "platform", platformKinds)
	enum("Policy", "kind", storeKindNames())
	enum("Policy", "policy", syncPolicies)
	enum("Relation", "scope", storeKindNames())
	pattern(labelForm.String(), "Site.name", "Subsystem.name", "Component.name", "Provider.name", "Resolver.name", "Upstream.name", "Upstream.kinds")
	pattern(stationForm.String(), "Station.name")
	pattern(hostPortPattern, "Component.address", "Component.brokers", "Replication.address", "Provider.server", "Zone.authoritative", "Zone.parents", "NameServer.addresses", "Twin.authoritative", "Resolver.address")
	pattern(urlPattern, "Gateway.url", "Subsystem.url", "Component.url", "Replication.url", "Provider.base_url", "FeedSwitch.url")
	pattern("^/", "Gateway.health_path", "Gateway.check_path", "Service.path")
	for _, list := range []string{"Config.sites", "Config.domains", "DNS.providers", "DNS.zones", "Zone.authoritative", "NameServer.addresses", "Twin.authoritative", "Relation.between", "Mirror.connectors"} {
		typ, key, _ := strings.Cut(list, ".")
		p, _ := defs[typ].Properties.Get(key)
		n := uint64(1)
		if key == "sites" || key == "between" {
			n = 2
		}
		p.MinItems = &n
	}
	prop("Site", "weight").Minimum, prop("Site", "weight").Maximum = "1", "1000"

	for _, name := range componentKindNames() {
		condition(defs["Component"], name, componentKinds[failoverplan.ComponentKind(name)], componentCommon)
	}
	for _, name := range providerKindNames() {
		condition(defs["Provider"], name, providerKinds[name], providerCommon)
	}
}

// condition says which keys a kind requires and which it forbids.
func condition(def *gen.Schema, kind string, spec kindSpec, common []string) {
	is := gen.NewProperties()
	is.Set("kind", &gen.Schema{Const: kind})
	then := &gen.Schema{Required: spec.required, Properties: gen.NewProperties()}
	for _, key := range spec.anyOf {
		then.AnyOf = append(then.AnyOf, &gen.Schema{Required: []string{key}})
	}
	for p := def.Properties.Oldest(); p != nil; p = p.Next() {
		if !spec.allows(p.Key) && !slices.Contains(common, p.Key) {
			then.Properties.Set(p.Key, gen.FalseSchema)
		}
	}
	def.AllOf = append(def.AllOf, &gen.Schema{If: &gen.Schema{Properties: is, Required: []string{"kind"}}, Then: then})
}

func TestSchemaIsUpToDate(t *testing.T) {
	want := generate(t)
	for _, path := range []string{"schema.json", "../../docs/schema.json"} {
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
			schemaJSON = want
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the types say; run: go test ./backend/config -update", path)
		}
	}
	if !bytes.Equal(Schema(), want) {
		t.Error("Schema() is not what the types say; run: go test ./backend/config -update")
	}
}

// TestSchemaKnowsEveryKey: the schema refuses exactly the keys that Parse refuses.
func TestSchemaKnowsEveryKey(t *testing.T) {
	var s struct {
		Defs map[string]struct {
			AdditionalProperties *bool                      `json:"additionalProperties"`
			Properties           map[string]json.RawMessage `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[Site](), reflect.TypeFor[Component](), reflect.TypeFor[Provider](), reflect.TypeFor[Thresholds]()} {
		def := s.Defs[typ.Name()]
		if def.AdditionalProperties == nil || *def.AdditionalProperties {
			t.Errorf("%s allows unknown keys", typ.Name())
		}
		_, keys := fieldsOf(typ)
		for _, key := range keys {
			if _, ok := def.Properties[key]; !ok {
				t.Errorf("the schema of %s lacks %q", typ.Name(), key)
			}
		}
		if len(keys) != len(def.Properties) {
			t.Errorf("%s has %d keys, its schema %d", typ.Name(), len(keys), len(def.Properties))
		}
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("dutyops.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("dutyops.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func toJSON(t *testing.T, data []byte) any {
	t.Helper()
	j, err := yaml.YAMLToJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSchemaAcceptsWhatParseAccepts(t *testing.T) {
	schema := compileSchema(t)
	files, err := filepath.Glob("../../examples/*/dutyops.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	docs := map[string][]byte{"starter": Starter(), "minimal": []byte(minimal)}
	for _, f := range files {
		if docs[f], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range docs {
		if err := schema.Validate(toJSON(t, data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Parse(name, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaRefuses: each edit of the minimal file is a mistake that an editor can
// show without asking dutyops.
func TestSchemaRefuses(t *testing.T) {
	schema := compileSchema(t)
	for name, edit := range map[string][2]string{
		"unknown key":          {"home: primary", "home: primary\nhoem: primary"},
		"version":              {"version: 1", "version: 2"},
		"environment":          {"production", "staging"},
		"missing home":         {"home: primary\n", ""},
		"one word, not a list": {"ipv4: [192.0.2.10]", "ipv4: 192.0.2.10"},
		"unknown kind":         {"kind: redis", "kind: reddis"},
		"required of a kind":   {"kind: redis, address: \"192.0.2.51:6379\"", "kind: redis"},
		"forbidden of a kind":  {"kind: redis,", "kind: redis, brokers: [\"a:1\"],"},
		"literal secret":       {"token: env:TOKEN", "token: hunter2"},
		"provider keys":        {"token: env:TOKEN", "token: env:TOKEN, server: \"192.0.2.53:53\""},
		"no port":              {"192.0.2.51:6379", "192.0.2.51"},
		"scheme":               {"url: http://192.0.2.10", "url: ftp://192.0.2.10"},
		"record type":          {"name: www.example.com", "name: www.example.com, types: [MX]"},
		"duration":             {"name: www.example.com", "name: www.example.com, ttl: soon"},
		"bare number":          {"name: www.example.com", "name: www.example.com, ttl: 30"},
		"weight":               {"weight: 100", "weight: 0"},
	} {
		data := strings.Replace(minimal, edit[0], edit[1], 1)
		if data == minimal {
			t.Errorf("%s: the edit changes nothing", name)
			continue
		}
		if err := schema.Validate(toJSON(t, []byte(data))); err == nil {
			t.Errorf("%s: the schema accepts it", name)
		}
		if _, err := Parse(name, []byte(data)); err == nil {
			t.Errorf("%s: Parse accepts it", name)
		}
	}
}
