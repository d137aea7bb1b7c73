package main

// The story of the README: see it fail, understand, move, prove, come home.
var story = []scene{
	{wait: "users are served by primary", save: "01-calm"},
	{keys: []string{"z"}, wait: "Way back", save: "02-ready"},
	{keys: []string{"Escape"}, wait: "users are served by primary"},

	// break primary/business, the third target of the list
	{keys: []string{"x"}, wait: "How it can break"},
	{keys: []string{"j", "j", "Enter"}, wait: "How does primary/business break?"},
	{keys: []string{"Enter"}, wait: "h heals it"},
	{keys: []string{"Escape"}, wait: "Fail over to standby.", save: "03-fault"},

	// why is it red: the dashboard has put the cursor on the first row that is down
	{keys: []string{"Enter"}, wait: "Why is it not up?", save: "04-why"},

	{keys: []string{"Escape", "f"}, wait: "What to expect", save: "05-plan"},
	{keys: []string{"Enter"}, wait: "Type the name of the site"},
	{keys: []string{"text:standby"}, wait: "standby", save: "06-confirm"},
	{keys: []string{"Enter", "text:business platform of primary is down", "Enter"}, wait: "any key stops it"},
	{wait: "resolvers forget", save: "07-running"},
	{wait: "✔ done", save: "08-done"},
	{keys: []string{"v"}, wait: "users served", save: "13-board"},

	// too early: the old primary is still down
	{keys: []string{"Escape", "Escape", "b"}, wait: "Gates that refuse", save: "09-too-early"},

	// heal, and go home
	{keys: []string{"x", "H"}, wait: "Everything is healed"},
	{keys: []string{"Escape", "Escape"}, wait: "Fail back to primary."},
	{keys: []string{"b"}, wait: "What to expect", save: "10-failback"},
	{keys: []string{"Enter"}, wait: "Type the name of the site"},
	{keys: []string{"text:primary", "Enter", "text:primary is healthy and has caught up", "Enter"}, wait: "any key stops it"},
	{wait: "✔ done", save: "11-home"},

	{keys: []string{"Escape", "a"}, wait: "failback", save: "12-journal"},
	{keys: []string{"Escape"}, wait: "All well"},
}

// The same console in the smallest usual terminal.
var small = []scene{
	{wait: "All well"},
	{keys: []string{"x"}, wait: "How it can break"},
	{keys: []string{"j", "j", "Enter"}, wait: "How does primary/business break?"},
	{keys: []string{"Enter"}, wait: "h heals it"},
	{keys: []string{"Escape"}, wait: "to review the plan", save: "21-small-fault"},
}

var chinese = []scene{
	{wait: "一切正常"},
	{keys: []string{"x"}, wait: "primary"},
	{keys: []string{"j", "j", "Enter"}, wait: "down"},
	{keys: []string{"Enter"}, wait: "h"},
	{keys: []string{"Escape"}, wait: "建议切换到 standby", save: "30-chinese"},
	{keys: []string{"f"}, wait: "故障切换", save: "31-chinese-plan"},
}
