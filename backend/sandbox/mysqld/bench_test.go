package mysqld_test

import (
	"testing"

	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
)

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := mysqld.Start(mysqld.Options{ServerID: 1})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
