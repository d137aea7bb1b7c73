package i18n

import "testing"

func TestDetect(t *testing.T) {
	env := func(m map[string]string) func(string) string { return func(k string) string { return m[k] } }
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"LANG": "zh_CN.UTF-8"}, "zh"},
		{map[string]string{"LANG": "en_GB.UTF-8"}, "en"},
		{nil, "en"},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"},
		{map[string]string{"LANG": "C", "LC_MESSAGES": "zh_TW"}, "zh"},
	} {
		if got := Detect(env(c.env)); got != c.want {
			t.Errorf("Detect(%v) = %s, want %s", c.env, got, c.want)
		}
	}
}

func TestContextIsNotShown(t *testing.T) {
	if got := New("en").T("foot|open"); got != "open" {
		t.Errorf("en: %q", got)
	}
	if got := New("zh").T("foot|open"); got != "打开" {
		t.Errorf("zh: %q", got)
	}
	if got := New("zh").T("not in the catalogue"); got != "not in the catalogue" {
		t.Errorf("fallback: %q", got)
	}
}
