package probes

import (
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
	n, err = guard.Each(r.body, field, each)
	if r.cut && errors.Is(err, io.ErrUnexpectedEOF) {
		return n, false, nil
	}
	if err != nil {
		return n, true, joinErr(errGarbage, err)
	}
	return n, true, nil
}
