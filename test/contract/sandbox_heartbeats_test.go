package contract_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/connectd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/test/contract"
)

func TestSandboxHeartbeats(t *testing.T) {
	t.Parallel()
	var brokers, direct [2][]string
	var seen *link.Link // how the console reaches the source
	for i := range brokers {
		k, err := kafkad.Start(kafkad.Options{Topics: map[string]int32{"flight.messages": 2, "heartbeats": 1}, Advertise: func(real string) (string, error) {
			if i != 0 {
				return "", nil
			}
			var err error
			if seen, err = link.New(real); err != nil {
				return "", err
			}
			return seen.Addr(), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = k.Close() })
		brokers[i], direct[i] = k.Brokers(), k.RealAddrs()
	}
	t.Cleanup(func() { _ = seen.Close() })
	between, err := link.New(direct[0][0]) // how the mirror does
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = between.Close() })
	own, err := link.New(direct[0][0]) // how the worker at the source does
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Close() })
	through := func(l *link.Link) connectd.DialFunc {
		return func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, l.Addr())
		}
	}
	const name = "mirror-from-primary"
	s, err := connectd.Start(connectd.Options{FailAfter: time.Hour, Connectors: []connectd.Connector{
		{
			Name: name, SourceAlias: "primary", TargetAlias: "standby", SourceBrokers: brokers[0], TargetBrokers: brokers[1],
			Topics: []string{"flight.messages"}, SourceDial: through(between),
		},
		{Heartbeat: true, Name: "heartbeats", SourceAlias: "standby", TargetAlias: "primary", TargetBrokers: brokers[0], TargetDial: through(own)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	hold := func(on bool, lines ...*link.Link) error {
		for _, l := range lines {
			l.Set(map[bool]link.Mode{true: link.Blackhole, false: link.Pass}[on])
		}
		return nil
	}
	contract.Heartbeats(t, contract.HeartbeatPair{
		Source: brokers[0], Target: brokers[1], Topics: []string{"flight.messages"}, Connect: s.URL(), Connector: name,
		Stop: func(on bool) error {
			return call(t.Context(), s.URL()+"/connectors/"+name+"/"+map[bool]string{true: "stop", false: "resume"}[on], http.MethodPut, "", "", nil)
		},
		Stall:  func(on bool) error { return hold(on, between) },
		Freeze: func(on bool) error { return hold(on, between, seen, own) },
	})
}
