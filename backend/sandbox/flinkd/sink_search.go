package flinkd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// SearchOptions say how to reach a site's Elasticsearch.
type SearchOptions struct {
	URL, User, Password string
	// Index is "messages" when empty.
	Index string
}

// SearchSink bulk-indexes messages with external versions. It is best effort and
// safe for concurrent use.
type SearchSink struct {
	o      SearchOptions
	client *http.Client

	mu   sync.Mutex
	made bool
}

// NewSearchSink makes the sink; it does not connect yet.
func NewSearchSink(o SearchOptions) *SearchSink {
	if o.Index == "" {
		o.Index = "messages"
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	return &SearchSink{o: o, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}}
}

// Name is "elasticsearch".
func (s *SearchSink) Name() string { return "elasticsearch" }

// Required is false: documents that are missing here come by a later retry or by reindexing.
func (s *SearchSink) Required() bool { return false }

// Write indexes the batch. A version that is already there is not an error.
func (s *SearchSink) Write(ctx context.Context, batch []feedd.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.made {
		if err := s.ensure(ctx); err != nil {
			return err
		}
		s.made = true
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, m := range batch {
		head := map[string]any{"index": map[string]any{"_id": m.ID, "version": m.Version, "version_type": "external"}}
		if err := enc.Encode(head); err != nil {
			return fmt.Errorf("elasticsearch: message %s: %w", m.ID, err)
		}
		if err := enc.Encode(m); err != nil {
			return fmt.Errorf("elasticsearch: message %s: %w", m.ID, err)
		}
	}
	var answer struct {
		Errors bool
		Items  []map[string]struct {
			Status int
			Error  struct{ Type, Reason string }
		}
	}
	if _, err := s.ask(ctx, http.MethodPost, "/"+s.o.Index+"/_bulk", &b, &answer); err != nil {
		return err
	}
	if !answer.Errors {
		return nil
	}
	for _, item := range answer.Items {
		for _, r := range item {
			if r.Status >= 300 && r.Status != http.StatusConflict {
				return fmt.Errorf("elasticsearch: bulk: %s: %s", r.Error.Type, r.Error.Reason)
			}
		}
	}
	return nil
}

// ensure makes the index without replicas, which a single node could not place.
func (s *SearchSink) ensure(ctx context.Context) error {
	status, err := s.ask(ctx, http.MethodHead, "/"+s.o.Index, nil, nil)
	if err == nil || status != http.StatusNotFound {
		return err
	}
	body := strings.NewReader(`{"settings":{"number_of_replicas":0},"mappings":{"properties":{"at":{"type":"date"},` +
		`"id":{"type":"keyword"},"feed":{"type":"keyword"},"kind":{"type":"keyword"},"flight":{"type":"keyword"},` +
		`"seq":{"type":"long"},"version":{"type":"long"},"payload":{"type":"object","enabled":false}}}}`)
	status, err = s.ask(ctx, http.MethodPut, "/"+s.o.Index, body, nil)
	if status == http.StatusBadRequest && strings.Contains(err.Error(), "resource_already_exists_exception") {
		return nil
	}
	return err
}

// ask sends one request; a status of 300 and above is an error.
func (s *SearchSink) ask(ctx context.Context, method, path string, body io.Reader, into any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.o.URL+path, body)
	if err != nil {
		return 0, fmt.Errorf("elasticsearch: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	if !strings.HasSuffix(path, "_bulk") {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.o.User != "" {
		req.SetBasicAuth(s.o.User, s.o.Password)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("elasticsearch: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return resp.StatusCode, fmt.Errorf("elasticsearch: %w", err)
	}
	if resp.StatusCode >= 300 {
		return resp.StatusCode, fmt.Errorf("elasticsearch: %s %s: %s: %.200s", method, path, resp.Status, raw)
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			return resp.StatusCode, fmt.Errorf("elasticsearch: %s %s: %w", method, path, err)
		}
	}
	return resp.StatusCode, nil
}

// Close drops idle connections.
func (s *SearchSink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}
