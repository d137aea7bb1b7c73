package config

import (
	"fmt"
	"strings"
)

// nearest returns the known name that a person most likely meant by got; "" when
// nothing is near enough to be offered.
func nearest(got string, known []string) string {
	got = strings.ToLower(got)
	best, bestDistance := "", 1+min(4, max(1, len([]rune(got))/3))
	for _, k := range known {
		if d := distance(got, strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// didYouMean is the to-do for a name that nobody knows.
func didYouMean(got string, known []string, otherwise string) string {
	if k := nearest(got, known); k != "" {
		return fmt.Sprintf("did you mean %q?", k)
	}
	return otherwise
}

// distance counts the edits (insert, delete, replace, swap neighbours) from a to b.
func distance(a, b string) int {
	ar, br := []rune(a), []rune(b)
	const long = 64 // names are short; what is not, is no typo
	if len(ar) > long || len(br) > long {
		return long
	}
	rows := make([][]int, len(ar)+1)
	for i := range rows {
		rows[i] = make([]int, len(br)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(ar); i++ {
		for j := 1; j <= len(br); j++ {
			cost := 1
			if ar[i-1] == br[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && ar[i-1] == br[j-2] && ar[i-2] == br[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(ar)][len(br)]
}

// oneOf renders a list of choices: `a, b or c`.
func oneOf(choices []string) string {
	if len(choices) < 2 {
		return strings.Join(choices, "")
	}
	last := len(choices) - 1
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}
