package failoverplan

// GateInfo describes one gate for people: docs/safety.md is made from the list.
type GateInfo struct {
	Gate string
	// Of says what it judges: "failover", "failback", "roll-back", or "name" for one that
	// judges every name of a plan.
	Of []string
	// Soft gates are passed by --forced.
	Soft bool
	// Looks says what it looks at, Clears what makes it pass.
	Looks, Clears string
}

// GateList returns every gate of plans and roll-backs in the order in which a person meets
// them. A test holds it against the code.
func GateList() []GateInfo {
	moves := []string{"failover", "failback"}
	return []GateInfo{
		{Gate: "not-paused", Of: []string{"failover", "failback", "roll-back"}, Looks: "whether an operator has stopped all actions", Clears: "`dutyops unpause`, or the pause expires"},
		{Gate: "case-judged", Of: []string{"failover"}, Soft: true, Looks: "whether we see enough to tell a failed site from a broken path of our own", Clears: "the sites are seen again"},
		{Gate: "target-not-serving", Of: []string{"failover"}, Looks: "whether the target serves already", Clears: "another site is named with `--to`"},
		{Gate: "target-healthy", Of: []string{"failover"}, Looks: "gateway, business and data platform of the target: none may be down", Clears: "they are up"},
		{Gate: "target-seen", Of: moves, Soft: true, Looks: "whether there is positive evidence of the target's health: unknown is not down, but no ground to send users there", Clears: "its probes answer"},
		{Gate: "target-in-sync", Of: []string{"failover"}, Soft: true, Looks: "lag and state of every synced store of the target. A lag that is not known although the source answers refuses, one that nobody can tell because the source is gone does not. A store that nothing is known of counts as one of unknown lag", Clears: "the lag is below `thresholds.max_sync_lag`"},
		{Gate: "away-from-home", Of: []string{"failback"}, Looks: "whether anything is away from home", Clears: "another site serves"},
		{Gate: "old-primary-healthy", Of: []string{"failback"}, Looks: "gateway, business and data platform of home: none may be down", Clears: "they are up"},
		{Gate: "data-caught-up", Of: []string{"failback"}, Looks: "every synced store of home: it must follow within the limit, or be able to be turned round", Clears: "`dutyops sync run` has brought it level"},
		{Gate: "dns-readable", Of: moves, Looks: "whether a provider of every zone of the plan tells the live records", Clears: "it answers with our credential"},
		{Gate: "known-values", Of: []string{"name"}, Looks: "every live address: it must be a gateway's of a configured site", Clears: "the record is put right, or the configuration learns the address"},
		{Gate: "inventory-counts", Of: []string{"name"}, Looks: "the live record sets: exactly those of the types of the inventory that the site it points at has", Clears: "record and inventory agree"},
		{Gate: "https-hints", Of: []string{"name"}, Looks: "the HTTPS record (RFC 9460): no other target, no hint that is not ours, nothing that cannot be understood or could not follow", Clears: "the record is put right"},
		{Gate: "alias-target", Of: []string{"name"}, Looks: "where a CNAME leads: to a name of the inventory that moves, too, or to a gateway's name", Clears: "its target is in the inventory and asked for"},
		{Gate: "never-empty", Of: []string{"name"}, Looks: "the name afterwards: it must have an address, and keep its A record", Clears: "the target's gateway has such an address"},
		{Gate: "providers-agree", Of: []string{"name"}, Soft: true, Looks: "a zone that several providers hold: each must have the same values, unless one has the target's already and the switch makes them equal", Clears: "the record is put right at one of them"},
		{Gate: "other-owner", Of: []string{"name"}, Soft: true, Looks: "TXT marks of external-dns (`heritage=external-dns`, at the name and at `a-`, `aaaa-`, `cname-` before it) and of octoDNS (`_owner.TYPE.`, `meta.` of the zone), asked at an authoritative server", Clears: "that controller is held, or its source names the new gateway"},
		{Gate: "some-site-on", Of: moves, Looks: "the zone as it will be: the gateway at the end of every name must not be down", Clears: "the target's gateway answers"},
		{Gate: "only-what-was-asked", Of: []string{"failover", "failback", "name"}, Looks: "the whole change: names of the inventory and of the stations asked for, all of them and no other; no alias of another station may move along", Clears: "the other stations are asked for as well"},
		{Gate: "zone-as-armed", Of: moves, Soft: true, Looks: "how many record sets differ from the armed picture, where one is held: more than `rules.max_drift` mean that somebody is at work there", Clears: "you know who it was, and `dutyops dns arm` has taken the new picture"},
		{Gate: "old-site-healthy", Of: []string{"roll-back"}, Looks: "gateway, business and data platform of the site that gets its users back", Clears: "they are up"},
		{Gate: "old-site-in-sync", Of: []string{"roll-back"}, Looks: "every store that would be written there again: it must have what was written since where the run has promoted it, also when nobody sees who serves now", Clears: "`dutyops sync run`, or a failback instead"},
	}
}
