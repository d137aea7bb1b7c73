package probes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-resty/resty/v2"

	"github.com/dutyops/dutyops/probes/guard"
)

// tooLarge is true for an answer that was not read because of its size.
func tooLarge(err error) bool {
	return errors.Is(err, resty.ErrResponseBodyTooLarge) || errors.Is(err, guard.ErrTooMuch)
}

// counted writes a number of elements, of which there may be more.
func counted(n int, whole bool) string {
	if whole {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("more than %d", n)
}

// stream hands over the elements of a list one after the other, and stops after limit
// bytes: whole is false then, and n how many there were. The list is the document itself, or
// its field of that name.
func (w *web) stream(ctx context.Context, c *conv, limit int, path, field string, each func(json.RawMessage) error) (n int, whole bool, err error) {
	r, err := w.start(ctx, c, limit, http.MethodGet, path, nil)
	if err != nil {
		return 0, true, err
	}
	if r.code < 200 || r.code > 299 {
		return 0, true, &statusError{r}
	}
	if err = guard.Depth(r.body); err == nil {
		n, err = eachOf(r.body, field, each)
	}
	if r.cut && errors.Is(err, io.ErrUnexpectedEOF) {
		return n, false, nil
	}
	if err != nil {
		return n, true, joinErr(errGarbage, err)
	}
	return n, true, nil
}

func eachOf(body []byte, field string, each func(json.RawMessage) error) (n int, err error) {
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
