package cloudflare

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

// One switch there per iteration (then back): a list and a batch (five batches on the
// free plan's limit) at 100 ms latency of the API.
func BenchmarkSwitch(b *testing.B) {
	for _, plan := range []string{"pro", "free"} {
		for _, n := range []int{100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", plan, n), func(b *testing.B) {
				r := newRig(b, Options{})
				r.api.Plan = plan
				changes := r.names(n, false)
				if _, err := r.p.Read(b.Context(), zoneName, nil); err != nil {
					b.Fatal(err)
				}
				r.api.Latency = 100 * time.Millisecond
				calls := 0
				back := invert(changes)
				for b.Loop() {
					rc, err := r.p.Apply(b.Context(), zoneName, changes)
					if err != nil {
						b.Fatal(err)
					}
					calls = rc.APICalls
					changes, back = back, changes
				}
				b.ReportMetric(float64(calls), "requests")
			})
		}
	}
}

// The provider's own work for a batch of 3,499 records, without a server.
func BenchmarkCodec3499(b *testing.B) {
	var recs []record
	var changes []dnsproviders.Change
	for i := range 3499 {
		n := fmt.Sprintf("h%04d.%s", i, zoneName)
		recs = append(recs, record{ID: fmt.Sprintf("%032d", i), Name: n, Type: "A", Content: oldV4, TTL: 60})
		changes = append(changes, change(n, "A", 60, []string{oldV4}, []string{newV4}))
	}
	shown := slices.Clone(recs)
	for i := range shown {
		shown[i].Content = newV4
	}
	answer, err := json.Marshal(map[string]any{"success": true, "result": map[string]any{"patches": shown}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m := index(recs)
		if len(compare(m, changes)) > 0 {
			b.Fatal("conflict")
		}
		var items []item
		for i, c := range changes {
			items = append(items, item{i, c, plan(m, c)})
		}
		batches, err := pack(items, paidBatch)
		if err != nil || len(batches) != 1 {
			b.Fatal(err)
		}
		ops := merge(batches[0])
		body, err := json.Marshal(ops)
		if err != nil {
			b.Fatal(err)
		}
		if res, err := decodeBatch(answer); err != nil || !ops.confirms(res) {
			b.Fatalf("%d bytes sent: %v", len(body), err)
		}
	}
}
