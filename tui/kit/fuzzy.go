package kit

import (
	"strings"
	"unicode"
)

// Fuzzy scores how well the letters of pattern appear in order in text; ok is false
// when they do not. Word starts and runs score higher, so "fo" finds "Fail Over" first.
func Fuzzy(pattern, text string) (score int, ok bool) {
	p := []rune(strings.ToLower(strings.ReplaceAll(pattern, " ", "")))
	if len(p) == 0 {
		return 0, true
	}
	t := []rune(strings.ToLower(text))
	i, run := 0, 0
	for k, r := range t {
		if i == len(p) {
			break
		}
		if r != p[i] {
			run = 0
			continue
		}
		score++
		run++
		score += 2 * (run - 1)
		if k == 0 || !unicode.IsLetter(t[k-1]) && !unicode.IsDigit(t[k-1]) {
			score += 4
		}
		i++
	}
	if i < len(p) {
		return 0, false
	}
	if strings.Contains(string(t), string(p)) {
		score += 4
	}
	return score*8 - len(t)/4, true
}
