package i18n

import (
	"fmt"
	"strings"
)

// Printer words text in one language. Values are immutable; safe for concurrent use.
type Printer struct {
	lang string
	text map[string]string
	told *teller
}

// New returns the printer of a language: "zh" for Chinese, English for anything else.
func New(lang string) Printer {
	if strings.HasPrefix(strings.ToLower(lang), "zh") {
		text := chinese()
		return Printer{lang: "zh", text: text, told: newTeller(zhTold(), text)}
	}
	return Printer{lang: "en"}
}

// Detect chooses the language from LC_ALL, LC_MESSAGES and LANG, in that order.
func Detect(getenv func(string) string) string {
	for _, k := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(k); v != "" {
			if strings.HasPrefix(strings.ToLower(v), "zh") {
				return "zh"
			}
			return "en"
		}
	}
	return "en"
}

// Lang is "en" or "zh".
func (p Printer) Lang() string { return p.lang }

// T words key with its arguments.
func (p Printer) T(key string, args ...any) string {
	s, ok := p.text[key]
	if !ok {
		s = key
		if i := strings.IndexByte(s, '|'); i >= 0 {
			s = s[i+1:]
		}
	}
	if len(args) == 0 {
		return s
	}
	return fmt.Sprintf(s, args...)
}

// Has says whether the language words the key itself.
func (p Printer) Has(key string) bool {
	_, ok := p.text[key]
	return ok || p.lang == "en"
}

// Keys lists what the language words, in no order.
func (p Printer) Keys() []string {
	out := make([]string, 0, len(p.text))
	for k := range p.text {
		out = append(out, k)
	}
	return out
}
