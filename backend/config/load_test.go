package config

import "testing"

func TestAirlineExample(t *testing.T) {
	c, err := Load("../../examples/airline/dutyops.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Topology()
}
