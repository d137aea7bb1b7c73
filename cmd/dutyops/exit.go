package main

import (
	"context"
	"errors"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/backend/config"
)

// Exit codes (contract.md).
const (
	codeDone         = 0
	codeFailure      = 1
	codeUsage        = 2
	codeNotWell      = 3
	codeRefused      = 4
	codeParked       = 5
	codeCancelled    = 6
	codeLease        = 7
	codeWorldChanged = 8
)

// usageError is a wrong call of the command itself.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// quietError carries an exit code for an outcome that was printed already.
type quietError struct {
	code int
	err  error
}

func (e *quietError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}
func (e *quietError) Unwrap() error { return e.err }

func exitCode(err error) int {
	var quiet *quietError
	if errors.As(err, &quiet) && quiet.code != 0 {
		return quiet.code
	}
	var usage *usageError
	var problems config.Problems
	switch {
	case errors.Is(err, context.Canceled) && !errors.Is(err, backend.ErrParked):
		return codeCancelled // interrupted before anything was begun
	case errors.Is(err, backend.ErrWorldChanged):
		return codeWorldChanged
	case errors.Is(err, backend.ErrLease):
		return codeLease
	case errors.Is(err, backend.ErrParked):
		return codeParked
	case errors.Is(err, backend.ErrCancelled):
		return codeCancelled
	case errors.Is(err, backend.ErrRefused):
		return codeRefused
	case errors.As(err, &usage), errors.As(err, &problems), errors.Is(err, backend.ErrUsage):
		return codeUsage
	}
	return codeFailure
}
