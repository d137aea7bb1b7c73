package i18n

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// What the engine says (why, steps, gates, evidence, errors) arrives as English sentences:
// through the journal, from an engine of another version, over a socket. They are told by
// the format that the engine fills, kept whole: one that is not in the catalogue stays as
// it is, and no word is ever translated alone.

// form is one sentence of the engine: literal text around places for data.
type form struct {
	literal []string // one more than places
	verb    []byte   // of each place: 's' any text, 'd' a number
	in      string   // with {1}, {2}, or {1:state} where only a word of that context fits
	words   []string // the context of each place; "" for any text
	size    int      // of the literal text
}

// newForm reads a format of the fmt package and its translation.
func newForm(format, in string) form {
	f := form{in: in, literal: []string{""}}
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			f.literal[len(f.literal)-1] += format[i : i+1]
			continue
		}
		i++
		for i < len(format)-1 && strings.IndexByte("+.0123456789", format[i]) >= 0 {
			i++
		}
		switch format[i] {
		case '%':
			f.literal[len(f.literal)-1] += "%"
			continue
		case 'd', 'f':
			f.verb = append(f.verb, 'd')
		default:
			f.verb = append(f.verb, 's')
		}
		f.literal = append(f.literal, "")
	}
	f.words = make([]string, len(f.verb))
	for n := range f.verb {
		if _, rest, ok := strings.Cut(in, "{"+strconv.Itoa(n+1)+":"); ok {
			f.words[n], _, _ = strings.Cut(rest, "}")
		}
	}
	for _, l := range f.literal {
		f.size += len(l)
	}
	return f
}

// tells is how much literal text tells a form whatever stands at its places; with less,
// only single words can stand there.
const tells = 12

// match gives what stands at the places of the form in text.
func (f *form) match(text string) ([]string, bool) {
	rest, ok := strings.CutPrefix(text, f.literal[0])
	if !ok || len(f.verb) == 0 {
		return nil, ok && rest == ""
	}
	last := len(f.verb) - 1
	if rest, ok = strings.CutSuffix(rest, f.literal[last+1]); !ok {
		return nil, false
	}
	args := make([]string, 0, len(f.verb))
	for n := range f.verb {
		arg := rest
		if n < last {
			if arg, rest, ok = strings.Cut(rest, f.literal[n+1]); !ok {
				return nil, false
			}
		}
		if arg == "" || f.verb[n] == 'd' && strings.Trim(arg, "+-.0123456789") != "" {
			return nil, false
		}
		if f.size < tells && strings.Contains(arg, " ") {
			return nil, false // "Look at the world" is no "%s at %s"
		}
		args = append(args, arg)
	}
	return args, true
}

// teller knows the forms of one language. Safe for concurrent use.
type teller struct {
	forms []form // the longest literal text first
	words map[string]string
	mu    sync.Mutex
	known map[string]string // what was told lately, so that a screen is drawn at once
}

func newTeller(told, words map[string]string) *teller {
	t := &teller{words: words, known: map[string]string{}}
	for format, in := range told {
		t.forms = append(t.forms, newForm(format, in))
	}
	slices.SortFunc(t.forms, func(a, b form) int {
		if a.size != b.size {
			return b.size - a.size
		}
		return strings.Compare(strings.Join(a.literal, "%"), strings.Join(b.literal, "%"))
	})
	return t
}

// mostKnown bounds what is remembered; ages and counts make ever new sentences.
const mostKnown = 4096

func (t *teller) tell(text string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out, ok := t.known[text]
	if !ok {
		if len(t.known) >= mostKnown {
			clear(t.known)
		}
		out = t.say(text)
		t.known[text] = out
	}
	return out
}

// whole tells a text that is one sentence of the engine, with no list in it.
func (t *teller) whole(text string) (string, bool) { return t.find(text, false) }

func (t *teller) find(text string, lists bool) (string, bool) {
	for i := range t.forms {
		f := &t.forms[i]
		args, ok := f.match(text)
		if !ok || !lists && slices.ContainsFunc(args, func(arg string) bool { return strings.Contains(arg, "; ") }) {
			continue
		}
		if out, ok := t.fill(f, args); ok {
			return out, true
		}
	}
	return "", false
}

func (t *teller) fill(f *form, args []string) (string, bool) {
	pairs := make([]string, 0, 2*len(args))
	for n, arg := range args {
		place := strconv.Itoa(n + 1)
		if c := f.words[n]; c != "" {
			word, ok := t.words[c+"|"+arg]
			if !ok {
				return "", false
			}
			pairs = append(pairs, "{"+place+":"+c+"}", word)
			continue
		}
		pairs = append(pairs, "{"+place+"}", t.say(arg))
	}
	return strings.NewReplacer(pairs...).Replace(f.in), true
}

// say tells a sentence, or the sentences that a text is made of: lists are joined by
// semicolons, causes by colons, more of the same by commas or in parentheses.
func (t *teller) say(text string) string {
	if out, ok := t.whole(text); ok || len(text) > 2000 || !strings.Contains(text, " ") {
		return cmp.Or(out, text)
	}
	for _, sep := range []string{"; ", ": ", ", ", ". ", " ("} {
		for i := strings.LastIndex(text, sep); i > 0; i = strings.LastIndex(text[:i], sep) {
			if left, ok := t.whole(text[:i]); ok {
				return left + sep + t.say(text[i+len(sep):])
			}
		}
	}
	if out, ok := t.find(text, true); ok {
		return out
	}
	if in, ok := strings.CutSuffix(text, ")"); ok && !strings.Contains(in, "(") {
		return t.say(in) + ")"
	}
	for _, sep := range []string{"; ", ": "} {
		if left, right, ok := strings.Cut(text, sep); ok {
			return t.say(left) + sep + t.say(right)
		}
	}
	return text
}

// Tell words what the engine says, as far as its sentences are in the catalogue.
func (p Printer) Tell(text string) string {
	if p.told == nil || text == "" {
		return text
	}
	return p.told.tell(text)
}

// Sentences lists the formats of the engine's sentences that the language words.
func (p Printer) Sentences() map[string]string {
	if p.lang != "zh" {
		return nil
	}
	return zhTold()
}
