package plain

import (
	"context"
	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
	"io"
	"time"
)

type Options struct {
	Language, Operator string
	Environment        failoverplan.Environment
	Arming             time.Duration
	Now                func() time.Time
	Location           *time.Location
	ReportDir          string
}

func Run(ctx context.Context, face backend.Face, in io.Reader, out io.Writer, o Options) error {
	return nil
}
