package flinkd

import (
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
)

// A message that waited for an hour must still be written: its time stamp is its own,
// not the producer's clock.
func TestOldMessagesAreWritten(t *testing.T) {
	k, err := kafkad.Start(kafkad.Options{Brokers: 1, Topics: map[string]int32{"t": 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	p, err := newProducer(k.Brokers(), "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	if err := p.write(t.Context(), []feedd.Message{{ID: "1", Flight: "f", At: time.Now().Add(-time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	if c := p.counts(); c.Written != 1 || c.Failed != 0 {
		t.Fatalf("%+v", c)
	}
}
