package replication

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// Follow removes the write block and copies everything once from source. Versions are
// the source's own (external), so a newer document here is kept and copying again
// changes nothing. Nothing of this side is thrown away, hence no ErrDiverged.
func (s *elasticStore) Follow(ctx context.Context, source Endpoint) ([]string, error) {
	if source.Site == s.e.Site {
		return nil, fmt.Errorf("%s cannot follow itself: %w", s.e.Target(), ErrConfig)
	}
	_, theirs, err := s.pair(ctx, source)
	if err != nil {
		return nil, err
	}
	ev, err := s.Promote(ctx)
	if err != nil {
		return ev, err
	}
	if theirs.count == 0 {
		return append(ev, source.Site+" has no documents to copy"), nil
	}
	task, err := s.startCopy(ctx, source)
	if err != nil {
		return ev, err
	}
	seen, err := s.awaitCopy(ctx, source, task)
	if err != nil {
		return ev, err
	}
	ev = append(ev, seen)
	mine, theirs, err := s.pair(ctx, source)
	if err != nil {
		return ev, err
	}
	line := fmt.Sprintf("here %s; %s %s", mine, source.Site, theirs)
	if more := mine.count - theirs.count; more > 0 {
		line += fmt.Sprintf(" (%d more here; they are kept)", more)
	}
	return append(ev, line), nil
}

func (s *elasticStore) startCopy(ctx context.Context, source Endpoint) (string, error) {
	host := source.Config.Replication.URL
	if host == "" {
		host = source.Config.URL
	}
	remote := map[string]any{"host": host}
	r := source.Config.Replication
	user, secret := r.User, r.Password
	if user == "" {
		user, secret = source.Config.User, source.Config.Password
	}
	if user == "" {
		secret = source.Config.APIKey
	}
	password, err := resolve(secret)
	if err != nil {
		return "", fmt.Errorf("%s: %w", source.Target(), err)
	}
	s.api.vault.add(password)
	switch {
	case user != "":
		remote["username"], remote["password"] = user, password
	case password != "":
		remote["headers"] = map[string]string{"Authorization": "ApiKey " + password}
	}
	var started struct {
		Task string `json:"task"`
	}
	err = s.api.call(ctx, http.MethodPost, "/_reindex?wait_for_completion=false&refresh=true", map[string]any{
		"conflicts": "proceed",
		"source":    map[string]any{"remote": remote, "index": source.Config.Index, "size": 1000},
		"dest":      map[string]any{"index": s.index, "version_type": "external"},
	}, &started)
	if err != nil {
		return "", fmt.Errorf("copy from %s: %w (is its address in reindex.remote.whitelist?)", source.Target(), err)
	}
	if started.Task == "" {
		return "", fmt.Errorf("%s: copy from %s: the answer names no task: %w", s.e.Target(), source.Target(), ErrUnsupported)
	}
	return started.Task, nil
}

// copyStatus is a reindex task as _tasks tells it.
type copyStatus struct {
	Completed bool `json:"completed"`
	Task      struct {
		Status counts `json:"status"`
	} `json:"task"`
	Error    json.RawMessage `json:"error"`
	Response *struct {
		counts
		Failures []json.RawMessage `json:"failures"`
		// Canceled is by whom: a copy that somebody ends is completed, without a failure.
		Canceled string `json:"canceled"`
		TimedOut bool   `json:"timed_out"`
	} `json:"response"`
}

type counts struct {
	Total     int64 `json:"total"`
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Conflicts int64 `json:"version_conflicts"`
	Noops     int64 `json:"noops"`
	Deleted   int64 `json:"deleted"`
}

func (c counts) done() int64 { return c.Created + c.Updated + c.Conflicts + c.Noops + c.Deleted }

func (c counts) String() string {
	return fmt.Sprintf("%d of %d documents looked at, %d new, %d newer, %d the same already",
		c.done(), c.Total, c.Created, c.Updated, c.Conflicts)
}

// cut says why a copy that has ended without a failure is not a whole one; "" when it is.
func (st copyStatus) cut() string {
	r := st.Response
	switch {
	case r.Canceled != "":
		return "it was cancelled " + brief(r.Canceled) + ": " + r.counts.String()
	case r.TimedOut:
		return "it was cut short (timed_out): " + r.counts.String()
	case r.done() < r.Total:
		return "it ended early: " + r.counts.String()
	}
	return ""
}

func (s *elasticStore) awaitCopy(ctx context.Context, source Endpoint, task string) (string, error) {
	return s.opts.until(ctx, s.e.Target()+": copy from "+source.Target(), func(ctx context.Context) (bool, string, error) {
		var st copyStatus
		if err := s.api.call(ctx, http.MethodGet, "/_tasks/"+url.PathEscape(task), nil, &st); err != nil {
			return false, "", err
		}
		if !st.Completed {
			s.opts.Progress(st.Task.Status.String())
			return false, st.Task.Status.String(), nil
		}
		if len(st.Error) > 0 && string(st.Error) != "null" {
			return false, "", fmt.Errorf("%s: copy from %s: %w: %s", s.e.Target(), source.Target(), ErrBroken, brief(s.api.vault.scrub(string(st.Error))))
		}
		if st.Response == nil {
			return false, "", fmt.Errorf("%s: copy from %s: %w: it has ended, and its result is not told", s.e.Target(), source.Target(), ErrBroken)
		}
		if n := len(st.Response.Failures); n > 0 {
			return false, "", fmt.Errorf("%s: copy from %s: %w: %d failures, the first: %s", s.e.Target(), source.Target(), ErrBroken, n,
				brief(s.api.vault.scrub(string(st.Response.Failures[0]))))
		}
		if why := st.cut(); why != "" {
			return false, "", fmt.Errorf("%s: copy from %s: %w: %s (run the sync again: what is there is kept)", s.e.Target(), source.Target(), ErrBroken, why)
		}
		return true, "copied: " + st.Response.counts.String(), nil
	})
}
