package cloudflare

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/dnstest"
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

// names of the changes, for arming.
func namesOf(changes []dnsproviders.Change) []string {
	var out []string
	for _, c := range changes {
		out = append(out, c.Before.Name)
	}
	return out
}

// One armed switch there per iteration (then back), at 100 ms latency of the API: the batch
// alone, or five of them. Arming is not counted.
func BenchmarkArmed(b *testing.B) {
	for _, plan := range []string{"pro", "free"} {
		for _, n := range []int{100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", plan, n), func(b *testing.B) {
				r := newRig(b, Options{})
				r.api.Plan = plan
				changes := r.names(n, false)
				calls := 0
				for b.Loop() {
					b.StopTimer()
					r.api.Latency = 0
					a, err := r.p.Arm(b.Context(), zoneName, namesOf(changes))
					if err != nil {
						b.Fatal(err)
					}
					r.api.Latency = 100 * time.Millisecond
					b.StartTimer()
					rc, err := r.p.ApplyArmed(b.Context(), a, changes)
					if err != nil {
						b.Fatal(err)
					}
					calls = rc.APICalls
					changes = invert(changes)
				}
				b.ReportMetric(float64(calls), "requests")
			})
		}
	}
}

// Ten zones of 1,000 names each, side by side, at 100 ms latency of the API.
func BenchmarkTenZones(b *testing.B) {
	r := newRig(b, Options{})
	var zones []*dnstest.Zone
	var changes [10][]dnsproviders.Change
	for z := range changes {
		zone := dnstest.NewZone(fmt.Sprintf("z%d.test", z))
		zones = append(zones, zone)
		for i := range 1000 {
			n := fmt.Sprintf("h%04d.%s", i, zone.Name)
			zone.Set(n, "A", 60, oldV4)
			changes[z] = append(changes[z], change(n, "A", 60, []string{oldV4}, []string{newV4}))
		}
	}
	api := dnstest.NewCloudflare(r.token, zones...)
	b.Cleanup(api.Close)
	p, err := New(Options{BaseURL: api.URL, Token: func() (string, error) { return r.token, nil }})
	if err != nil {
		b.Fatal(err)
	}
	for z := range changes { // the ids of the zones are known when a switch begins
		if _, err := p.Read(b.Context(), zones[z].Name, nil); err != nil {
			b.Fatal(err)
		}
	}
	api.Latency = 100 * time.Millisecond
	for b.Loop() {
		var g errgroup.Group
		for z := range changes {
			g.Go(func() error {
				_, err := p.Apply(b.Context(), zones[z].Name, changes[z])
				changes[z] = invert(changes[z])
				return err
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

// Arming a whole zone: time for each name stays the same as it grows.
func BenchmarkArm(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newRig(b, Options{})
			names := namesOf(r.names(n, false))
			b.ReportAllocs()
			for b.Loop() {
				if a, err := r.p.Arm(b.Context(), zoneName, names); err != nil || len(a.Sets) != n {
					b.Fatalf("%d sets, %v", len(a.Sets), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/name")
		})
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
