//go:build integration

package contract_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/replication"
	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/probes"
	"github.com/dutyops/dutyops/probes/trust"
	"github.com/dutyops/dutyops/probes/trust/trusttest"
	"github.com/dutyops/dutyops/test/contract"
	"github.com/dutyops/dutyops/test/lab"
)

// The same promises on the rest of the stack. What cannot be had here is pinned with its
// reason.
func TestRealStack(t *testing.T) {
	r := startStack(t)
	expect(t, contract.Run(t, r, "rabbitmq", "kafka", "kafka-connect", "flink"),
		[]string{"kafka/any/disk-nearly-full"}) // nobody fills the disk of the machine that the suite runs on
	expect(t, contract.RunReplaced(t, r, "rabbitmq", "kafka", "flink", "kafka-connect"), nil)
	expect(t, contract.RunRotated(t, rotating{Backend: r}, "rabbitmq", "flink", "kafka-connect"), nil)
	for _, kind := range []string{"rabbitmq", "kafka-connect", "flink"} {
		prove(t, r, kind, probes.RoleAny)
	}
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			r.engine = engine
			prove(t, r, "elasticsearch", probes.RoleSource)
			expect(t, contract.Run(t, r, "elasticsearch"), nil)
			expect(t, contract.RunReplaced(t, r, "elasticsearch"), nil)
			expect(t, contract.RunRotated(t, rotating{Backend: r}, "elasticsearch"), nil)
		})
	}
}

func expect(t *testing.T, cannot, pinned []string) {
	t.Helper()
	if !slices.Equal(cannot, pinned) && len(cannot)+len(pinned) > 0 {
		t.Errorf("the real servers cannot do %q, expected %q", cannot, pinned)
	}
}

// stack makes components of servers that are started when the first case needs them
// and shared: a case heals what it broke, and the next begins with a look that all is well.
type stack struct {
	ctx    context.Context
	dir    string
	engine string // the search engine to take
	rabbit func() (*lab.Rabbit, error)
	kafka  [2]func() (*lab.Kafka, error)
	// further is a second broker of the primary's Kafka, with topics on it.
	further func() (*lab.Kafka, error)
	search  map[string]func() (*lab.Search, error)
	flink   func() (*lab.Flink, error)
	mirror  func() (*mirror, error)
	// back is the worker at the primary, for the way back.
	back func() (*lab.Connect, error)
	feed *feedd.Feed
}

func (r *stack) Start(t *testing.T, kind string, role probes.Role) (contract.Component, error) {
	t.Helper()
	c := &component{own: map[contract.Fault]func(bool) error{}}
	switch kind {
	case "rabbitmq":
		return c, r.rabbitServer(t, c)
	case "kafka":
		return c, r.kafkaServer(t, c)
	case "elasticsearch":
		return c, r.searchServer(t, c)
	case "flink":
		return c, r.flinkServer(t, c, role)
	case "kafka-connect":
		return c, r.connectServer(t, c)
	default:
		return nil, contract.ErrCannot
	}
}

// mirror is a Connect worker that copies between the two Kafkas.
type mirror struct {
	*lab.Connect
}

type launcher interface {
	Start(ctx context.Context) error
	Stop()
}

// locked is the target behind an nginx that asks for a password: the jars of the search
// engines hold no security, and OpenSearch's own plug-in is not to be had apart.
func (r *stack) locked(t *testing.T, url string, tg probes.Target) (*probes.Target, error) {
	t.Helper()
	ca := trusttest.NewCA(t, "Duty Test CA")
	f, err := lab.NewFront(r.ctx, r.dir, secret()[:8], url, labTLS(contract.Shown{CA: ca, Pair: ca.Issue(t, trusttest.Leaf{})}))
	if err != nil {
		return nil, err
	}
	t.Cleanup(f.Stop)
	tg.URL, tg.User, tg.Password = f.URL, f.User, fixedTo(f.Password)
	tg.TLS = &trust.Settings{CA: trusttest.File(t, t.TempDir(), "ca.pem", ca.PEM)}
	return &tg, f.Start(r.ctx)
}

// started starts a server at the first call and stops it with the test.
func started[L launcher](t *testing.T, r *stack, what string, make func() (L, error)) func() (L, error) {
	return sync.OnceValues(func() (L, error) {
		began := time.Now()
		l, err := make()
		if err != nil {
			return l, err
		}
		t.Cleanup(l.Stop)
		err = l.Start(r.ctx)
		t.Logf("%s ready in %s", what, time.Since(began).Round(time.Millisecond))
		return l, err
	})
}

func startStack(t *testing.T) *stack {
	t.Helper()
	ctx, dir := labDir(t)
	feed, err := feedd.Start(feedd.Options{Name: "airline", Kinds: []string{"baggage"}, Rate: 20, Attached: "primary"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = feed.Close() })
	r := &stack{ctx: ctx, dir: dir, feed: feed, search: map[string]func() (*lab.Search, error){}}
	more := started(t, r, "a second broker of primary", func() (*lab.Kafka, error) {
		k, err := r.kafka[0]()
		if err != nil {
			return nil, err
		}
		return k.Further(r.ctx, dir)
	})
	r.further = sync.OnceValues(func() (*lab.Kafka, error) {
		k, err := more()
		if err == nil {
			err = errors.Join(k.CreateTopicOn(r.ctx, topic+".copied", 1, 2), k.CreateTopicOn(r.ctx, topic+".far", 2))
		}
		return k, err
	})
	r.rabbit = started(t, r, "RabbitMQ", func() (*lab.Rabbit, error) { return lab.NewRabbit(r.ctx, dir, "primary", "notifications") })
	for i, site := range []string{"primary", "standby"} {
		start := started(t, r, "Kafka of "+site, func() (*lab.Kafka, error) { return lab.NewKafka(r.ctx, dir, site) })
		r.kafka[i] = sync.OnceValues(func() (*lab.Kafka, error) {
			k, err := start()
			if err == nil && i == 0 {
				err = k.CreateTopics(r.ctx, 2, topic)
			}
			return k, err
		})
	}
	for _, engine := range engines {
		r.search[engine] = started(t, r, engine, func() (*lab.Search, error) { return lab.NewSearch(r.ctx, dir, "primary", engine) })
	}
	r.flink = started(t, r, "Flink", func() (*lab.Flink, error) {
		return lab.NewFlink(r.ctx, dir, "primary", filepath.Join(dir, "savepoints"))
	})
	r.mirror = sync.OnceValues(func() (*mirror, error) { return r.startMirror(t) })
	r.back = started(t, r, "Kafka Connect of primary", func() (*lab.Connect, error) {
		a, err := r.kafka[0]()
		if err != nil {
			return nil, err
		}
		return lab.NewConnect(r.ctx, dir, a)
	})
	return r
}

const topic = "flight.messages"

var engines = []string{lab.OpenSearch2, lab.OpenSearch3, lab.Elasticsearch7}

func (r *stack) startMirror(t *testing.T) (*mirror, error) {
	a, aerr := r.kafka[0]()
	b, berr := r.kafka[1]()
	if err := errors.Join(aerr, berr); err != nil {
		return nil, err
	}
	c, err := started(t, r, "Kafka Connect", func() (*lab.Connect, error) { return lab.NewConnect(r.ctx, r.dir, b) })()
	if err != nil {
		return nil, err
	}
	return &mirror{Connect: c}, c.Mirror(r.ctx, a, topic, "RUNNING")
}

func TestRealSearchActions(t *testing.T) {
	r := startStack(t)
	for _, pair := range [][2]string{{lab.OpenSearch2, lab.OpenSearch3}, {lab.Elasticsearch7, lab.OpenSearch2}} {
		t.Run(pair[0]+" to "+pair[1], func(t *testing.T) {
			var p contract.SearchPair
			for i, e := range []*replication.Endpoint{&p.A, &p.B} {
				s, err := r.search[pair[i]]()
				if err != nil {
					t.Fatal(err)
				}
				if err := call(t.Context(), s.URL+"/messages", http.MethodPut, "", "", messagesIndex); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = call(context.Background(), s.URL+"/messages", http.MethodDelete, "", "", nil) })
				*e = searchEndpoint(pair[i], s.URL)
			}
			contract.SearchActions(t, p)
		})
	}
}

func TestRealMirrorActions(t *testing.T) {
	r := startStack(t)
	m, err := r.mirror()
	if err != nil {
		t.Fatal(err)
	}
	a, aerr := r.kafka[0]()
	b, berr := r.kafka[1]()
	if err := errors.Join(aerr, berr); err != nil {
		t.Fatal(err)
	}
	contract.MirrorActions(t, contract.MirrorPair{
		Connect: connectEndpoint(m.URL), Connector: lab.MirrorNames("primary")[0], Topic: topic, Source: []string{a.Address}, Target: []string{b.Address},
	})
}

// A mirror that runs and copies nothing has read all that it knows of; its heartbeats tell.
func TestRealHeartbeats(t *testing.T) {
	r := startStack(t)
	m, err := r.mirror()
	if err != nil {
		t.Fatal(err)
	}
	a, aerr := r.kafka[0]()
	b, berr := r.kafka[1]()
	back, err := r.back()
	if err := errors.Join(aerr, berr, err); err != nil {
		t.Fatal(err)
	}
	if err := back.Heartbeats(r.ctx, b); err != nil {
		t.Fatal(err)
	}
	name := lab.MirrorNames("primary")[0]
	contract.Heartbeats(t, contract.HeartbeatPair{
		Source: []string{a.Address}, Target: []string{b.Address}, Topics: []string{topic}, Connect: m.URL, Connector: name,
		Stop: func(on bool) error {
			return call(r.ctx, m.URL+"/connectors/"+name+"/"+map[bool]string{true: "stop", false: "resume"}[on], http.MethodPut, "", "", nil)
		},
		// The source keeps every answer until it is larger than all that there is.
		Stall: func(on bool) error {
			return r.configure(m, name, map[string]string{"source.consumer.fetch.min.bytes": "50000000", "source.consumer.fetch.max.wait.ms": "600000"}, on)
		},
		Freeze: func(on bool) error {
			if on {
				return a.Freeze()
			}
			return a.Thaw()
		},
	})
}
