package i18n

import "testing"

// TestTell: sentences are told whole, alone or joined to others; what is not known stays.
func TestTell(t *testing.T) {
	zh := New("zh")
	for text, want := range map[string]string{
		"primary/business is down":             "primary/business 故障",
		"every critical part of primary is up": "every critical part of primary is up",
		"Look at the wonder":                   "Look at the wonder",
		"refused: nothing listens on 127.0.0.1:80; 3 failures in a row, down after 3":                              "被拒绝: 127.0.0.1:80 上没有监听; 连续 3 次失败, 3 次判为故障",
		"standby cannot take over: its business platform is down (order: no answer within 3s)":                     "standby 不能接管: 其业务平台故障 (order: 3s 内无应答)",
		"primary serves, but not these names: a.example; b.example; and 3 more":                                    "primary 在用, 但不包括这些域名: a.example; b.example; 另有 3 项",
		"of 3 names asked for 2 change (4 record sets), 1 are there already, 0 follow one of them, 5 are left out": "所要求的 3 个域名中 2 个改动 (4 个记录集), 1 个已经到位, 0 个随别名迁移, 5 个不参与",
		"standby/business is strange": "standby/business is strange",
		"":                            "",
	} {
		if got := zh.Tell(text); got != want {
			t.Errorf("%q is told as %q, expected %q", text, got, want)
		}
		if got := New("en").Tell(text); got != text {
			t.Errorf("en: %q became %q", text, got)
		}
	}
}

// FuzzTell: no text breaks it, and what it knows is told the same every time.
func FuzzTell(f *testing.F) {
	f.Add("a: b; c (d), and 3 more")
	f.Add("%s is %s")
	zh := New("zh")
	f.Fuzz(func(t *testing.T, text string) {
		if a, b := zh.Tell(text), zh.told.say(text); a != b {
			t.Errorf("%q: %q, then %q", text, a, b)
		}
	})
}

// BenchmarkTell is a long line that no form knows, asked for the first time.
func BenchmarkTell(b *testing.B) {
	zh := New("zh")
	text := "dial tcp 127.0.0.1:80: connect: this, that (and more): a; b; c, of none that is known, in the catalogue: not at all"
	for b.Loop() {
		zh.told.say(text)
	}
}
