package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Each hands over the elements of a list one after the other, and answers how many there
// were. The list is the document itself, or its field of that name. A document that ends too
// early is io.ErrUnexpectedEOF after the elements that were whole; one that is too deep is
// ErrTooMuch before the first.
func Each(body []byte, field string, each func(json.RawMessage) error) (n int, err error) {
	if err := Depth(body); err != nil {
		return 0, err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if field != "" {
		err = descend(dec, field)
	}
	if err == nil {
		err = delim(dec, '[')
	}
	for err == nil && dec.More() {
		var raw json.RawMessage
		if err = dec.Decode(&raw); err == nil {
			n, err = n+1, each(raw)
		}
	}
	if err == nil {
		err = delim(dec, ']')
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// descend goes to the value of an object's field.
func descend(dec *json.Decoder, field string) error {
	if err := delim(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil || name == field {
			return err
		}
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return err
		}
	}
	return fmt.Errorf("no %s in it", field)
}

func delim(dec *json.Decoder, want json.Delim) error {
	t, err := dec.Token()
	if err == nil && t != want {
		err = fmt.Errorf("%v where %s was expected", t, want)
	}
	return err
}
