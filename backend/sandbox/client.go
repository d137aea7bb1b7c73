package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FileName is the file in a sandbox's folder that tells every address (contract).
const FileName = "sandbox.json"

// Client speaks to a running sandbox, of this process or another. Safe for
// concurrent use.
type Client struct {
	base  string
	http  *http.Client
	kinds []FaultKind
}

// Open finds the sandbox whose folder is dir and asks it what can be broken.
func Open(dir string) (*Client, error) {
	path := filepath.Join(dir, FileName)
	b, err := os.ReadFile(filepath.Clean(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no sandbox in %s: %w; start one with: dutyops sandbox --headless --dir %s", dir, err, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox in %s: %w", dir, err)
	}
	var file File
	if err := json.Unmarshal(b, &file); err != nil || file.Control == "" {
		return nil, fmt.Errorf("%s is no sandbox's file: %w", path, errors.Join(err, errors.New("it names no control address")))
	}
	c := &Client{base: strings.TrimSuffix(file.Control, "/"), http: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{}}}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var kinds struct {
		Faults []FaultKind `json:"faults"`
	}
	if err := c.call(ctx, http.MethodGet, "/kinds", nil, &kinds); err != nil {
		return nil, fmt.Errorf("the sandbox of %s does not answer: %w; is it still running (process %d)?", dir, err, file.PID)
	}
	c.kinds = kinds.Faults
	return c, nil
}

// Close releases connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Kinds lists the ways to break something.
func (c *Client) Kinds() []FaultKind { return c.kinds }

// Inject breaks a target.
func (c *Client) Inject(ctx context.Context, f Fault) error {
	return c.call(ctx, http.MethodPost, "/faults", f, nil)
}

// Heal ends the faults of a target and of all in it; "" ends every fault.
func (c *Client) Heal(ctx context.Context, target string) error {
	path := "/faults"
	if target != "" {
		path += "/" + (&url.URL{Path: target}).EscapedPath()
	}
	return c.call(ctx, http.MethodDelete, path, nil, nil)
}

// Active lists the faults in force.
func (c *Client) Active(ctx context.Context) ([]Fault, error) {
	var out struct {
		Faults []Fault `json:"faults"`
	}
	err := c.call(ctx, http.MethodGet, "/faults", nil, &out)
	return out.Faults, err
}

// Users tells what the synthetic users have seen.
func (c *Client) Users(ctx context.Context) (u Users, err error) {
	return u, c.call(ctx, http.MethodGet, "/users", nil, &u)
}

// Truth holds what was sent against what each site has.
func (c *Client) Truth(ctx context.Context) (t Truth, err error) {
	return t, c.call(ctx, http.MethodGet, "/truth", nil, &t)
}

// RefusedError is a request that the sandbox refused, in its own words.
type RefusedError struct {
	Status int    // HTTP status, 4xx
	Text   string `json:"error"`
	Hint   string `json:"hint"`
}

func (e *RefusedError) Error() string { return e.Text + ": " + e.Hint }

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	res, err := exchange(ctx, c.http, method, c.base+path, "", "", in)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	if res.code >= http.StatusBadRequest {
		e := &RefusedError{Status: res.code}
		if json.Unmarshal(res.body, e) != nil || e.Text == "" {
			return fmt.Errorf("sandbox: %s %s: %s", method, path, res.status)
		}
		return e
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(res.body, out); err != nil {
		return fmt.Errorf("sandbox: %s %s: %w", method, path, err)
	}
	return nil
}
