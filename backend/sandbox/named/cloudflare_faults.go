package named

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Faults of the API. The first four refuse before anything is done. Garbage and
// HalfBody carry the request out and spoil the answer; DropAfterApply carries a
// write out and drops the connection (reads are answered); Hang does nothing and
// never answers.
const (
	FaultUnauthorized   = "unauthorized"
	FaultForbidden      = "forbidden"
	FaultRateLimit      = "rate-limit"
	FaultError          = "error"
	FaultGarbage        = "garbage"
	FaultHalfBody       = "half-body"
	FaultHang           = "hang"
	FaultDropAfterApply = "drop-after-apply"
)

// CloudflareFaults lists the kinds that SetFault takes.
func CloudflareFaults() []string {
	return []string{
		FaultUnauthorized, FaultForbidden, FaultRateLimit, FaultError,
		FaultGarbage, FaultHalfBody, FaultHang, FaultDropAfterApply,
	}
}

type faultState struct {
	kind       string
	latency    time.Duration
	retryAfter time.Duration
	skip       int // requests that still pass before the fault begins
}

// SetFault makes every request from now on suffer the fault; "" ends it.
func (c *Cloudflare) SetFault(kind string) error { return c.SetFaultAfter(kind, 0) }

// SetFaultAfter is SetFault, but the next n writes still pass: "fail the k-th write".
func (c *Cloudflare) SetFaultAfter(kind string, n int) error {
	if kind != "" && !slices.Contains(CloudflareFaults(), kind) {
		return fmt.Errorf("cloudflare fault %q is not known; there are %v", kind, CloudflareFaults())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults.kind, c.faults.skip = kind, n
	return nil
}

// SetLatency delays every answer.
func (c *Cloudflare) SetLatency(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults.latency = d
}

// SetRetryAfter is what FaultRateLimit tells the client to wait; 0 = 1 s.
func (c *Cloudflare) SetRetryAfter(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults.retryAfter = d
}

// fault is what befalls the request at hand.
func (c *Cloudflare) fault() faultState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.faults
}

// passes counts down a fault that begins later; true while the write still passes.
func (c *Cloudflare) passes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults.skip > 0 {
		c.faults.skip--
		return true
	}
	return false
}

// refuse answers (or never answers) for the faults that come before the work.
func (c *Cloudflare) refuse(w http.ResponseWriter, r *http.Request, f faultState) bool {
	if f.kind == "" {
		return false
	}
	if f.skip > 0 && (r.Method == http.MethodGet || c.passes()) {
		return false
	}
	var a answer
	switch f.kind {
	case FaultUnauthorized:
		a = fail(http.StatusUnauthorized, 10000, "Authentication error")
	case FaultForbidden:
		a = fail(http.StatusForbidden, 10000, "Authentication error")
	case FaultRateLimit:
		wait := max(f.retryAfter, time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
		a = fail(http.StatusTooManyRequests, 971, "Please wait and consider throttling your request speed")
	case FaultError:
		a = fail(http.StatusInternalServerError, 10001, "internal error")
	case FaultHang:
		select {
		case <-r.Context().Done():
		case <-c.quit:
		}
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	send(w, a)
	return true
}

// deliver writes the answer of a request that was carried out.
func (c *Cloudflare) deliver(w http.ResponseWriter, f faultState, write bool, a answer) {
	kind := f.kind
	if f.skip > 0 {
		kind = ""
	}
	switch kind {
	case FaultGarbage:
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte("<html><body>\x00\xff upstream gateway {\"success\": tru"))
	case FaultHalfBody:
		b := a.encode()
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.WriteHeader(a.status)
		_, _ = w.Write(b[:len(b)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case FaultDropAfterApply:
		if write {
			panic(http.ErrAbortHandler)
		}
		send(w, a)
	default:
		send(w, a)
	}
}

func send(w http.ResponseWriter, a answer) {
	w.WriteHeader(a.status)
	_, _ = w.Write(a.encode()) // the client is gone: nothing to be done
}
