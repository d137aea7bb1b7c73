//go:build integration

package rfc2136

import (
	"testing"

	"github.com/dutyops/dutyops/dnsproviders/internal/suite"
)

func TestTableOnBIND(t *testing.T) {
	b := suite.StartBIND(t)
	suite.Table(t, func(t *testing.T, name string, sets []suite.Set) suite.Bed {
		b.Fill(t, name, sets)
		p, err := New(Options{Server: b.Addr, KeyName: suite.BINDKey, KeySecret: func() (string, error) { return b.Secret, nil }})
		if err != nil {
			t.Fatal(err)
		}
		return suite.Bed{Provider: p, Look: b.Look}
	}, nil)
}
