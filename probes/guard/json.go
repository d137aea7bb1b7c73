package guard

import (
	"encoding/json"
	"fmt"
	"math"
)

// Bounds of a JSON document. A value of a few bytes may become a hundred in memory, so a
// limit of bytes alone is not enough.
const (
	maxDepth  = 64
	maxValues = 250_000
)

// JSON is json.Unmarshal for documents from elsewhere: one that is nested deeper or
// holds more values than any answer needs is refused with ErrTooMuch before anything is
// made of it.
func JSON(data []byte, into any) error {
	if err := fits(data); err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// Depth refuses a document that JSON would refuse for its depth alone: for a list that is
// read one element after the other.
func Depth(data []byte) error { return within(data, math.MaxInt) }

func fits(data []byte) error { return within(data, maxValues) }

// within counts brackets and commas outside of strings; whether it is JSON at all is for
// the decoder to say.
func within(data []byte, limit int) error {
	depth, values := 0, 1
	inString, escaped := false, false
	for _, ch := range data {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped = ch == '\\'
			inString = ch != '"'
		case ch == '"':
			inString = true
		case ch == '{' || ch == '[':
			depth++
			values++
		case ch == '}' || ch == ']':
			depth--
		case ch == ',':
			values++
		}
		if depth > maxDepth {
			return fmt.Errorf("%w: nested more than %d levels deep", ErrTooMuch, maxDepth)
		}
		if values > limit {
			return fmt.Errorf("%w: more than %d values", ErrTooMuch, limit)
		}
	}
	return nil
}
