package upstream

import (
	"context"
	"errors"
	"time"

	"github.com/dutyops/dutyops/backend/config"
)

// Options bound what a call may cost.
type Options struct {
	// Timeout bounds one HTTP exchange; default 3s.
	Timeout time.Duration
	// Wait bounds waiting for a job when ctx has no deadline; default 30s.
	Wait time.Duration
	// Poll is the pause between two looks while waiting; default 50ms.
	Poll time.Duration
}

// Feed is the switch of one upstream feed.
type Feed struct{}

// NewFeed returns the switch of an upstream. It does not connect yet.
func NewFeed(c config.Upstream, opts Options) (*Feed, error) { return nil, errors.ErrUnsupported }

// Attached tells the site the feed sends to; "" when detached.
func (f *Feed) Attached(ctx context.Context) (string, error) { return "", errors.ErrUnsupported }

// Attach sends the feed to site ("" detaches) and reads the switch back.
func (f *Feed) Attach(ctx context.Context, site string) ([]string, error) {
	return nil, errors.ErrUnsupported
}

// Job is the ingest job of one Flink cluster.
type Job struct{}

// NewJob returns the job named by the flink component. It does not connect yet.
func NewJob(c config.Component, opts Options) (*Job, error) { return nil, errors.ErrUnsupported }

// Running finds the job; ok is false when none of that name runs.
func (j *Job) Running(ctx context.Context) (id string, ok bool, err error) {
	return "", false, errors.ErrUnsupported
}

// StopWithSavepoint stops the job and returns the savepoint's path; "" when none ran.
func (j *Job) StopWithSavepoint(ctx context.Context) (path string, err error) {
	return "", errors.ErrUnsupported
}

// Cancel ends the job without a savepoint.
func (j *Job) Cancel(ctx context.Context) ([]string, error) { return nil, errors.ErrUnsupported }

// Start runs the job, from savepoint when it is not empty, and waits until it runs.
func (j *Job) Start(ctx context.Context, savepoint string) (id string, err error) {
	return "", errors.ErrUnsupported
}

// Close releases idle connections.
func (j *Job) Close() error { return nil }
