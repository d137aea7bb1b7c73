package sandbox

import "testing"

// BenchmarkReady is the time from Start to a world that is whole: every server
// answers and the standby has what the primary has.
func BenchmarkReady(b *testing.B) {
	for b.Loop() {
		s, err := Start(b.Context(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
