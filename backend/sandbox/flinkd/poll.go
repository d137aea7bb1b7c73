package flinkd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// pollLimit is how many messages one poll of one feed asks for.
const pollLimit = 500

// poll asks a feed for what came after seq. No messages and no error means the feed
// is not attached to this site; an attached feed without news gives an empty slice.
func (s *Server) poll(ctx context.Context, f FeedRef, seq int64) ([]feedd.Message, error) {
	q := url.Values{
		"site": {s.o.Site}, "after": {strconv.FormatInt(seq, 10)}, "limit": {strconv.Itoa(pollLimit)},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(f.URL, "/")+"/messages?"+q.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("feed %s: %w", f.Name, err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("feed %s: %w", f.Name, err)
	}
	defer func() {
		_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
		_ = resp.Body.Close()
	}()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusConflict:
		return nil, nil
	default:
		return nil, fmt.Errorf("feed %s: %s", f.Name, resp.Status)
	}
	page := feedd.Page{Messages: []feedd.Message{}}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return nil, fmt.Errorf("feed %s: %w", f.Name, err)
	}
	if page.Messages == nil {
		page.Messages = []feedd.Message{}
	}
	return page.Messages, nil
}
