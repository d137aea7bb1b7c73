package switching

// GuardInfo describes one guard of the writer for people: docs/safety.md is made from it.
type GuardInfo struct{ Guard, Looks, Clears string }

// GuardList returns every guard that is held against a change right before it is written,
// whoever made it. A test holds the list against the code.
func GuardList() []GuardInfo {
	return []GuardInfo{
		{"zone", "whether the zone is configured", "it is"},
		{"provider", "whether the provider is configured", "it is"},
		{"names", "every name of the change: within the zone, well-formed, once, and at least one", "the change is made anew from the live records"},
		{"never-empty", "every name afterwards: no A or CNAME is removed, an AAAA only beside an A that stays, and none is made that taking back would have to remove", "a plan keeps an address for every name"},
		{"ttl", "every TTL: 1 s to 1 day", "the configuration says another"},
		{"address", "every new address: one that users can reach", "the gateway's address is put right"},
		{"together", "every name whole: no A, AAAA or address hint of an HTTPS record stays behind", "they are in one change"},
	}
}
