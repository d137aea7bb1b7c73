package switching

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/dutyops/dutyops/dnsproviders/propagation"
)

// Levels of a Finding. Bad: users get no or wrong answers, or soon will. Warn: something
// is not as it should be. Note: worth knowing, nothing to repair.
const (
	LevelBad  = "bad"
	LevelWarn = "warn"
	LevelNote = "note"
)

// Finding is one thing that is not as it should be. One of a kind per zone and server:
// Count says how many sets or names it is about, Name and Type are the first.
type Finding struct {
	Level string `json:"level"`
	// Kind is one of FindingKinds.
	Kind   string `json:"kind"`
	Zone   string `json:"zone,omitempty"`
	Server string `json:"server,omitempty"`
	Name   string `json:"name,omitempty"`
	Type   string `json:"type,omitempty"`
	Count  int    `json:"count"`
	Text   string `json:"text"`
	// Do is the next step.
	Do string `json:"do"`
	// Sentence and Data are what Text is made of: Sentence is one of FindingSentences, Data
	// fills its {places}.
	Sentence string            `json:"sentence"`
	Data     map[string]string `json:"data,omitempty"`
}

// FindingKind is what a kind of finding means; docs/verification.md has a row for each.
type FindingKind struct{ Kind, Level, Do string }

var findingKinds = []FindingKind{
	{"silent", LevelBad, "see whether the server runs and the network lets DNS through (UDP and TCP port 53)"},
	{"refuses", LevelBad, "the server does not know the zone: add it there, or take the server out of the NS set and the configuration"},
	{"lame", LevelBad, "the server answers without authority: its copy of the zone has expired or was never loaded"},
	{"no-udp", LevelBad, "let UDP port 53 through to the server"},
	{"no-tcp", LevelBad, "let TCP port 53 through to the server: long answers are lost without it"},
	{"unreadable", LevelBad, "what comes back is no DNS answer: see what stands between here and the server"},
	{"same-serial", LevelBad, "servers of one serial give different answers: transfer the zone anew to the one that is wrong"},
	{"signature-expired", LevelBad, "sign the zone anew at once: validating resolvers give no answer"},
	{"signature-future", LevelBad, "the signature is not valid yet: see the clock of the signer and of this machine"},
	{"signature-wrong", LevelBad, "the signature does not hold against the zone's own keys: sign the zone anew, or publish the key"},
	{"signature-missing", LevelBad, "the zone is signed, this answer is not: sign the zone anew on this server"},
	{"unsigned", LevelBad, "the parent or other servers say that the zone is signed, this server is not: transfer the signed zone to it"},
	{"negative", LevelBad, "the resolver says that the name does not exist: flush it there, see that no name was missing during the switch"},
	{"service-silent", LevelBad, "users are sent there and get no answer: see the gateway and what stands before it"},
	{"service-error", LevelBad, "users are sent there and get an error: see the gateway and the platform behind it"},
	{"tls-expired", LevelBad, "renew the certificate at this gateway: browsers refuse it"},
	{"tls-future", LevelBad, "the certificate is not valid yet: see the clock of this machine and of whoever signed it"},
	{"tls-wrong-name", LevelBad, "give this gateway a certificate with the name: browsers refuse it"},
	{"tls-unknown-ca", LevelBad, "see who signed the certificate; name your own authority in dns.service.tls.ca"},
	{"tls-broken", LevelBad, "no TLS connection comes about: see port, protocol and certificate of the gateway"},
	{"lagging", LevelWarn, "the server is behind: see NOTIFY and zone transfer to it; users who ask it get old answers"},
	{"differs", LevelWarn, "the server gives other answers than the one with the newest serial"},
	{"signature-soon", LevelWarn, "the signature ends within two days: see that the signer runs"},
	{TraitStretches, LevelWarn, "users behind this resolver keep old answers longer than the TTL: lower its minimum TTL (cache-min-ttl)"},
	{TraitStale, LevelWarn, "this resolver serves expired answers (serve-expired, RFC 8767): see that it reaches the authoritative servers; flush the names"},
	{TraitKeeps, LevelWarn, "users behind this resolver keep old answers longer than the TTL: flush the names there"},
	{"resolver-silent", LevelWarn, "see whether the resolver runs; its users may be without names"},
	{"resolver-refuses", LevelWarn, "the resolver does not answer this machine, or fails to resolve (SERVFAIL): see its log and whom it allows"},
	{"ns-differ", LevelWarn, "make the NS set at the parent (at the registrar) and the one in the zone the same: some users ask servers that others never ask"},
	{"ns-unlisted", LevelWarn, "users ask this server: add it to the zone's authoritative servers in the configuration, or take it out of the NS sets"},
	{"ns-no-address", LevelWarn, "give the name server an address record, or take it out of the NS sets: resolvers lose time on it"},
	{"service-other-site", LevelWarn, "another site answers at this address than the configuration says: see where the address leads"},
	{"tls-soon", LevelWarn, "the certificate ends soon (thresholds.certificate_days): renew it at this gateway"},
	{"service-not-asked", LevelNote, "this machine cannot ask there: check from one that can, or see dns.service"},
	{"ns-unused", LevelNote, "users do not ask this server: right for a hidden primary, else add it to the NS sets"},
	{"ns-no-route", LevelNote, "check this server from a machine that reaches it; users with that address family ask it"},
	{"ns-unknown", LevelNote, "see that this machine reaches the servers of the parent zone, or name them in parents"},
	{"ns-no-ds", LevelNote, "nobody checks the signatures: publish the DS record at the registrar when the zone is meant to be signed"},
}

// FindingKinds lists every kind of finding, worst first.
func FindingKinds() []FindingKind { return slices.Clone(findingKinds) }

func rank(kind string) int {
	return slices.IndexFunc(findingKinds, func(k FindingKind) bool { return k.Kind == kind })
}

// finder gathers findings, one of a kind per zone and server.
type finder struct {
	at  map[[3]string]int
	out []Finding
}

func (f *finder) add(kind, zone, server, name, typ string, say saying, d data) {
	k := [3]string{kind, zone, server}
	if i, ok := f.at[k]; ok {
		f.out[i].Count++
		return
	}
	if f.at == nil {
		f.at = map[[3]string]int{}
	}
	spec := findingKinds[rank(kind)]
	f.at[k] = len(f.out)
	f.out = append(f.out, Finding{Level: spec.Level, Kind: kind, Zone: zone, Server: server, Name: name, Type: typ, Count: 1, Do: spec.Do, Sentence: string(say), Data: d})
}

// list is what was found, worst first, each with its count in the text.
func (f *finder) list() []Finding {
	out := slices.Clone(f.out)
	for i := range out {
		out[i].Text, _ = out[i].In(func(s string) string { return s })
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(rank(a.Kind), rank(b.Kind)) })
	if out == nil {
		out = []Finding{}
	}
	return out
}

const signatureSoon = 48 * time.Hour

// signature judges the dates of a signature and whether it holds.
func (f *finder) signature(zone, server, name, typ string, g *propagation.Signature, now time.Time) {
	date := func(t time.Time) data { return set(name, typ).with("time", t.Local().Format(time.DateTime)) }
	switch {
	case g.Err != nil:
		f.add("signature-wrong", zone, server, name, typ, sayWrong, set(name, typ).err(g.Err))
	case now.After(g.Expiration):
		f.add("signature-expired", zone, server, name, typ, sayExpired, date(g.Expiration))
	case now.Before(g.Inception.Add(-5 * time.Minute)):
		f.add("signature-future", zone, server, name, typ, sayFuture, date(g.Inception))
	case g.Expiration.Sub(now) < signatureSoon:
		f.add("signature-soon", zone, server, name, typ, saySoon, date(g.Expiration))
	}
}

// health judges how a server does for a zone. newest is the zone's newest serial among
// servers of its group; signed tells that the zone is signed elsewhere.
func (f *finder) health(h propagation.Health, newest uint32, signed bool, now time.Time) {
	z, s := h.Zone, h.Server
	if h.UDP != nil && h.TCP != nil {
		f.failure(z, s, "", "", h.UDP, true)
		return
	}
	if h.UDP != nil {
		f.add("no-udp", z, s, "", "", sayNoUDP, data{}.err(h.UDP))
	}
	if h.TCP != nil {
		f.add("no-tcp", z, s, "", "", sayNoTCP, data{}.err(h.TCP))
	}
	if !h.AA {
		f.add("lame", z, s, "", "", sayLame, data{"zone": z})
		return
	}
	if newer(newest, h.Serial) {
		f.add("lagging", z, s, "", "", sayLagging, serials(h, newest))
	}
	switch {
	case h.Sig != nil:
		f.signature(z, s, z, "SOA", h.Sig, now)
	case signed && !h.Signed:
		f.add("unsigned", z, s, "", "", sayUnsigned, nil)
	}
}

// failure judges why a server gave no answer.
func (f *finder) failure(zone, server, name, typ string, err error, authoritative bool) {
	kind := "silent"
	switch {
	case errors.Is(err, propagation.ErrNotAuthoritative):
		kind = "lame"
	case errors.Is(err, propagation.ErrRefused):
		kind = "refuses"
	case errors.Is(err, propagation.ErrUnreadable):
		kind = "unreadable"
	}
	if !authoritative {
		zone = ""
		kind = map[string]string{"silent": "resolver-silent", "refuses": "resolver-refuses", "lame": "resolver-refuses", "unreadable": "unreadable"}[kind]
	}
	if name == "" {
		f.add(kind, zone, server, "", "", sayError, data{}.err(err))
		return
	}
	f.add(kind, zone, server, name, typ, saySetError, set(name, typ).err(err))
}

// rows judges answers. Old answers of a server that is known to lag, and the silence of
// one that is known to be lame, need no finding of their own.
func (f *finder) rows(rows []Row, signed map[string]bool, now time.Time) {
	has := func(zone, server string, kinds ...string) bool {
		for _, k := range kinds {
			if _, ok := f.at[[3]string{k, zone, server}]; ok {
				return true
			}
		}
		return false
	}
	for i := range rows {
		r := &rows[i]
		switch {
		case r.Err != nil:
			if !has(r.Zone, r.Server, "lame") {
				f.failure(r.Zone, r.Server, r.Name, r.Type, r.Err, r.Authoritative)
			}
			continue
		case !r.Authoritative && len(r.Got) == 0 && len(r.Want) > 0:
			f.add("negative", "", r.Server, r.Name, r.Type, sayNegative, set(r.Name, r.Type).with("time", clock(r.OldUntil)).with("want", text(r.Want)))
		case r.Authoritative && r.State == RowUnknown:
			kind := "same-serial"
			if r.Serial == 0 {
				kind = "differs"
			}
			f.add(kind, r.Zone, r.Server, r.Name, r.Type, saySplit, set(r.Name, r.Type).with("got", text(r.Got)))
		case r.Authoritative && r.State != RowNew && !has(r.Zone, r.Server, "lagging"):
			f.add("differs", r.Zone, r.Server, r.Name, r.Type, sayDiffers, set(r.Name, r.Type).with("got", text(r.Got)).with("want", text(r.Want)))
		}
		if !r.Authoritative {
			continue
		}
		switch {
		case r.Sig != nil:
			f.signature(r.Zone, r.Server, r.Name, r.Type, r.Sig, now)
		case signed[r.Zone] && len(r.Got) > 0 && !has(r.Zone, r.Server, "unsigned"):
			f.add("signature-missing", r.Zone, r.Server, r.Name, r.Type, sayNoSignature, set(r.Name, r.Type))
		}
	}
}
