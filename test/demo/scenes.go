package main

// The story of the README: see it fail, understand, move, prove, come home.
var story = []scene{
	{wait: "primary", save: "01-calm"},
}

var small = []scene{
	{wait: "primary", save: "10-small"},
}

var chinese = []scene{
	{wait: "primary", save: "11-chinese"},
}
