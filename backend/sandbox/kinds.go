package sandbox

import (
	"slices"

	"github.com/dutyops/dutyops/backend/sandbox/named"
)

// linkKinds are the kinds that every target behind a link takes.
var linkKinds = []string{KindDown, KindSlow, KindBlackhole, KindRefuse, KindOneWay}

// kindOrder is the table of `sandbox faults`.
var kindOrder = []FaultKind{
	{Kind: KindDown, WhatUsersSee: "connections are refused and existing ones are reset, as by a killed process; requests that need it fail at once"},
	{Kind: KindSlow, WhatUsersSee: "every round trip takes 100 ms longer; pages crawl, and what needs many of them runs into time-outs"},
	{Kind: KindBlackhole, WhatUsersSee: "connections stay open but nothing comes back; requests hang until they time out"},
	{Kind: KindRefuse, WhatUsersSee: "new connections are refused while existing ones work on; some requests fail, some do not"},
	{Kind: KindOneWay, WhatUsersSee: "requests arrive and are carried out, but the answers are lost; requests hang until they time out"},
	{Kind: KindReadOnly, WhatUsersSee: "reading works, writing is refused; what users see grows old"},
	{Kind: KindLagging, WhatUsersSee: "nothing at the serving site; the other site's copy is 30 s behind"},
	{Kind: KindDiskAlarm, WhatUsersSee: "notifications are no longer accepted; nothing else"},
	{Kind: KindJobFailed, WhatUsersSee: "no new messages come in; what users see grows old"},
	{Kind: KindDiverge, WhatUsersSee: "nothing at once; the pair of databases no longer agrees, and replication breaks"},
	{Kind: named.FaultUnauthorized, WhatUsersSee: "nothing; the DNS provider answers 401"},
	{Kind: named.FaultForbidden, WhatUsersSee: "nothing; the DNS provider answers 403"},
	{Kind: named.FaultRateLimit, WhatUsersSee: "nothing; the DNS provider answers 429 with Retry-After"},
	{Kind: named.FaultError, WhatUsersSee: "nothing; the DNS provider answers 500"},
	{Kind: named.FaultGarbage, WhatUsersSee: "nothing; the DNS provider does what it is asked and answers nonsense"},
	{Kind: named.FaultHalfBody, WhatUsersSee: "nothing; the DNS provider does what it is asked and its answer breaks off"},
	{Kind: named.FaultHang, WhatUsersSee: "nothing; the DNS provider never answers"},
	{Kind: named.FaultDropAfterApply, WhatUsersSee: "nothing; the DNS provider makes the change and drops the connection"},
}

func (r *registry) kinds() []FaultKind {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []FaultKind
	for _, k := range kindOrder {
		for _, p := range r.parts {
			if p.takes(k.Kind) && !slices.Contains(k.AppliesTo, p.target) {
				k.AppliesTo = append(slices.Clone(k.AppliesTo), p.target)
			}
		}
		if len(k.AppliesTo) > 0 {
			out = append(out, k)
		}
	}
	return out
}
