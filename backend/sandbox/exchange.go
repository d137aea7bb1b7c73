package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// answer is what a server said to one request, read to its end.
type answer struct {
	code   int
	status string
	body   []byte
}

// exchange sends in as JSON (nothing when nil), with an account unless user is empty.
func exchange(ctx context.Context, c *http.Client, method, url, user, password string, in any) (answer, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return answer{}, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	res, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	b, err := io.ReadAll(res.Body)
	return answer{code: res.StatusCode, status: res.Status, body: b}, errors.Join(err, res.Body.Close())
}
