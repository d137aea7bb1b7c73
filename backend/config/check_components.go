package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/failoverplan"
)

func (k *checker) component(path string, m *Component, s *Site) {
	kind := failoverplan.ComponentKind(m.Kind)
	spec, ok := componentKinds[kind]
	if !ok {
		k.choice(path+".kind", m.Kind, componentKindNames(), "write what the component is")
		return
	}
	k.keys(path, "a "+m.Kind+" component", spec, componentCommon, reflect.ValueOf(*m))
	if m.Address != "" {
		k.hostPort(path+".address", m.Address)
	}
	if m.URL != "" {
		k.address(path+".url", m.URL)
	}
	k.brokers(path+".brokers", m.Brokers)
	if !slices.Contains(spec.required, "user") {
		k.account(path, m.User, m.Password, kind)
	}
	if kind == failoverplan.Elasticsearch {
		k.apiKey(path, m.User, m.APIKey, kind)
	}
	k.apiKey(path+".control", m.Control.User, m.Control.APIKey, kind)
	if m.SASL != "" && kind == failoverplan.Kafka {
		k.choice(path+".sasl", m.SASL, saslMechanisms, "write the mechanism that the account is made for")
		if m.User == "" {
			k.add(path+".user", path+" has a SASL mechanism but no user", "both", "add \"user: ...\" and \"password: ...\"")
		}
	}
	k.account(path+".control", m.Control.User, m.Control.Password, kind)
	k.account(path+".replication", m.Replication.User, m.Replication.Password, kind)
	if k.has(path + ".replication.address") {
		k.hostPort(path+".replication.address", m.Replication.Address)
	}
	if k.has(path + ".replication.url") {
		k.address(path+".replication.url", m.Replication.URL)
	}
	k.job(path+".job", m)
	k.mirrors(path+".mirrors", m.Mirrors, s)
	k.status(path+".expect_status", m.ExpectStatus)
	if kind == failoverplan.DNS {
		k.choice(path+".qtype", m.QType, queryTypes, "write the record type")
		if m.Query != "" && !nameOK(m.Query) {
			k.add(path+".query", fmt.Sprintf("%s.query: %q is no domain name", path, shorten(m.Query)), "a domain name", "correct it")
		}
	}
}

// keys checks the required and the forbidden keys of a kind against what the file
// writes at path; v is the struct. what is "a kafka component". Forbidden keys go by
// what is written, because defaults have been filled in by now.
func (k *checker) keys(path, what string, spec kindSpec, common []string, v reflect.Value) {
	index, all := fieldsOf(v.Type())
	for _, key := range all {
		at := join(path, key)
		written := k.has(at)
		switch {
		case slices.Contains(common, key):
		case slices.Contains(spec.required, key) && v.Field(index[key]).IsZero():
			k.add(at, fmt.Sprintf("%s is missing", at), strings.Join(spec.required, ", ")+" in "+what, "add \""+key+": ...\"")
		case written && !spec.allows(key):
			k.add(at, fmt.Sprintf("%s does not belong to %s", at, what), "only "+strings.Join(slices.Concat(common, spec.required, spec.anyOf, spec.optional), ", "), "remove it, or correct the kind")
		}
	}
	if len(spec.anyOf) > 0 && !slices.ContainsFunc(spec.anyOf, func(key string) bool { return !v.Field(index[key]).IsZero() }) {
		k.add(join(path, spec.anyOf[0]), fmt.Sprintf("%s has neither %s", path, strings.Join(spec.anyOf, " nor ")), "at least one of them", "add \""+spec.anyOf[0]+": ...\"")
	}
}

func (k *checker) brokers(path string, brokers []string) {
	if k.has(path) && len(brokers) == 0 {
		k.add(path, path+" is empty", "at least one host:port", "add a broker")
	}
	seen := map[string]string{}
	for i, b := range brokers {
		k.hostPort(item(path, i), b)
		k.unique(seen, item(path, i), "broker", b)
	}
}

// account: a password needs a user, except where the protocol knows passwords alone.
func (k *checker) account(path, user string, password Secret, kind failoverplan.ComponentKind) {
	if k.has(path+".password") && password != "" && user == "" && kind != failoverplan.Redis {
		k.add(path+".user", path+" has a password but no user", "both", "add \"user: ...\"")
	}
}

// apiKey: one way to log in, and at elasticsearch only.
func (k *checker) apiKey(path, user string, key Secret, kind failoverplan.ComponentKind) {
	switch {
	case !k.has(path + ".api_key"):
	case kind != failoverplan.Elasticsearch:
		k.add(path+".api_key", path+".api_key does not belong to a "+string(kind)+" component", "api_key at elasticsearch only", "remove it: use user and password")
	case user != "" && key != "":
		k.add(path+".api_key", path+" has a user and an API key", "one of them", "remove user and password, or api_key")
	}
}

func (k *checker) job(path string, m *Component) {
	if !k.has(path) {
		return
	}
	if m.Job.Name == "" {
		k.add(path+".name", path+".name is missing", "the job's name as Flink shows it", "add \"name: ...\"")
	}
	if m.Job.Jar == "" {
		k.add(path+".jar", path+".jar is missing", "the id or file name of the uploaded jar", "add \"jar: ...\": without it the job cannot be started at this site")
	}
}

func (k *checker) mirrors(path string, mirrors []Mirror, s *Site) {
	seen, connectors := map[string]string{}, map[string]string{}
	known := names(k.c.Sites, siteName)
	for i, m := range mirrors {
		at := item(path, i)
		switch m.From {
		case "":
			k.add(at+".from", at+".from is missing", "the site that is copied from", "add \"from: SITE\"")
		case s.Name:
			k.add(at+".from", fmt.Sprintf("%s.from: site %q would mirror itself", at, s.Name), "another site", "name the site that is copied from")
		default:
			if !k.broken("sites") {
				k.reference(at+".from", "site", m.From, known)
			}
		}
		k.unique(seen, at+".from", "mirror from", m.From)
		if len(m.Connectors) == 0 {
			k.add(at+".connectors", at+" names no connectors", "the names of the connectors that copy", "add \"connectors: [NAME]\"")
		}
		for j, name := range m.Connectors {
			p := item(at+".connectors", j)
			if strings.TrimSpace(name) == "" {
				k.add(p, p+" is empty", "a connector's name", "fill it in")
			}
			k.unique(connectors, p, "connector", name)
		}
	}
}
