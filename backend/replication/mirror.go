package replication

import (
	"context"
)

// EndOffsets reads the present end offsets of a Kafka cluster, per "topic/partition".
type EndOffsets func(ctx context.Context) (map[string]int64, error)

// Mirror controls the mirror connectors of one Kafka Connect cluster.
type Mirror struct {
	e    Endpoint
	opts Options
}

// OpenMirror returns the control of the endpoint's connectors. It does not connect yet.
func OpenMirror(e Endpoint, opts Options) (*Mirror, error) {
	return &Mirror{e: e, opts: opts.withDefaults()}, nil
}

// Stop stops the connectors and waits until none of their tasks runs.
func (m *Mirror) Stop(ctx context.Context, connectors []string) ([]string, error) {
	return nil, ErrUnsupported
}

// Resume starts the connectors and waits until they and their tasks run.
func (m *Mirror) Resume(ctx context.Context, connectors []string) ([]string, error) {
	return nil, ErrUnsupported
}

// States tells each connector's state in Connect's own word.
func (m *Mirror) States(ctx context.Context, connectors []string) (map[string]string, error) {
	return nil, ErrUnsupported
}

// Anchor sets the connectors' source offsets to the present end of the cluster they
// read from, so that what is there now is not copied. ErrNotStopped unless stopped.
func (m *Mirror) Anchor(ctx context.Context, connectors []string, ends EndOffsets) ([]string, error) {
	return nil, ErrUnsupported
}

// Lag counts the records that the connectors have still to copy, per "connector:topic/partition".
func (m *Mirror) Lag(ctx context.Context, connectors []string, ends EndOffsets) (map[string]int64, error) {
	return nil, ErrUnsupported
}
