package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/bizd"
	"github.com/dutyops/dutyops/backend/sandbox/connectd"
	"github.com/dutyops/dutyops/backend/sandbox/flinkd"
	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
	"github.com/dutyops/dutyops/backend/sandbox/redisd"
	"github.com/dutyops/dutyops/backend/sandbox/searchd"
)

// The ingest job, as Flink knows it.
const (
	jobJar   = "ingest.jar"
	jobClass = "org.example.gss.Ingest"
)

const indexFlights = bizd.FlightsIndex

// schemas are made at the primary; replication brings them to the others.
var schemas = map[string][]string{
	data + "/mysql":                {flinkd.MessagesSchema, flinkd.ExpiredSchema},
	business + "/monitoring-mysql": {bizd.FlightsSchema},
	business + "/scheduling-mysql": {bizd.TasksSchema},
}

func newSite(s *Sandbox, spec siteSpec) *site {
	return &site{
		siteSpec: spec, s: s, access: map[string]*access{}, doors: map[string]*link.Link{},
		peers: map[string]map[string]string{}, mysql: map[string]*mysqld.Server{}, search: map[string]*searchd.Server{},
		redis: map[string]*redisd.Server{}, realBrokers: map[string]string{},
	}
}

// connectSites lays the paths between the sites, one link for each component and
// reader, and starts replication from the primary.
func (s *Sandbox) connectSites(ctx context.Context) error {
	for _, src := range s.sites {
		for _, dst := range s.sites {
			if src == dst {
				continue
			}
			if err := src.openPath(dst); err != nil {
				return err
			}
		}
		// The first other site that stands by is the one that follows.
		for _, dst := range s.sites {
			if dst != src {
				src.setPeers(dst)
				break
			}
		}
	}
	return s.startReplication(ctx)
}

// openPath makes a link for everything at the site that dst reads from.
func (st *site) openPath(dst *site) error {
	paths := map[string]string{}
	st.peers[dst.name] = paths
	way := pathName(st.name, dst.name)
	for _, c := range dst.components() {
		from := st.access[c.key()]
		if from == nil {
			continue // the emergency site does not have all that the others have
		}
		switch c.kind {
		case "mysql", "elasticsearch": // Redis is not synced (mission A5)
			addr := from.Address
			if c.kind == "elasticsearch" {
				addr = strings.TrimPrefix(from.URL, "http://")
			}
			l, err := st.s.link(addr, way, dst.target(c.key()))
			if err != nil {
				return err
			}
			paths[c.key()] = l.Addr()
		case "kafka":
			// What a mirror reads comes to Connect: a fault of Connect cuts it as well.
			for _, b := range from.Brokers {
				l, err := st.s.link(b, way, dst.target(data, "connect"))
				if err != nil {
					return err
				}
				paths[b] = l.Addr()
			}
		}
	}
	return nil
}

// setPeers remembers for the configuration where dst reaches the site's stores.
func (st *site) setPeers(dst *site) {
	for key, addr := range st.peers[dst.name] {
		a, ok := st.access[key]
		if !ok {
			continue // a broker
		}
		a.peer = addr
		if a.Kind == "elasticsearch" {
			a.peer = "http://" + addr
		}
	}
}

// flushEvery is how often the mirrors tell how far they are (a real one: every minute
// unless it is told otherwise).
const flushEvery = 250 * time.Millisecond

// copyPairs are Elasticsearch's timed copies: every index, from every site to every other.
func (s *Sandbox) copyPairs() []copyPair {
	var out []copyPair
	for key, index := range map[string]string{data + "/elasticsearch": indexMessages, business + "/monitoring-elasticsearch": indexFlights} {
		for _, src := range s.sites {
			for _, dst := range s.sites {
				if src == dst {
					continue
				}
				from, to := src.access[key], dst.access[key]
				out = append(out, copyPair{
					index: index, from: src.name, to: dst.name,
					source: endpoint{"http://" + src.peers[dst.name][key], from.probe.user, from.probe.password},
					target: endpoint{to.URL, to.probe.user, to.probe.password},
				})
			}
		}
	}
	return out
}

// startConnect starts the site's Connect with a mirror from every other site. Those
// that read from the primary run; those that would write to it are stopped.
func (st *site) startConnect() error {
	var mirrors []connectd.Connector
	for _, src := range st.s.sites {
		if src == st {
			continue
		}
		state := connectd.Stopped
		if src == st.s.sites[0] {
			state = connectd.Running
		}
		paths := src.peers[st.name]
		var seeds []string
		for _, b := range src.kafka.Brokers() {
			seeds = append(seeds, paths[b])
		}
		var d net.Dialer
		mirrors = append(mirrors, connectd.Connector{
			Name: mirrorName(src.name), SourceAlias: src.name, TargetAlias: st.name,
			SourceBrokers: seeds, TargetBrokers: st.kafka.Brokers(), Topics: []string{topicMessages}, State: state,
			SourceDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				if via, ok := paths[addr]; ok { // an advertised address: go by the path between the sites
					addr = via
				}
				return d.DialContext(ctx, network, addr)
			},
		})
	}
	// For the way back, and so that the mirrors of others have something to show that they work.
	mirrors = append(mirrors, connectd.Connector{
		Heartbeat: true, Name: "heartbeats", SourceAlias: st.s.sites[0].name, TargetAlias: st.name, TargetBrokers: st.kafka.Brokers(),
	})
	srv, err := connectd.Start(connectd.Options{ClusterID: "sandbox-" + st.name, Connectors: mirrors, FlushEvery: flushEvery})
	if err != nil {
		return err
	}
	st.s.onClose(srv.Close)
	st.connect = srv
	u, err := url.Parse(srv.URL())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	l, err := st.door(data+"/connect", u.Host)
	if err != nil {
		return err
	}
	st.reach(data+"/connect", access{FileComponent: FileComponent{Kind: "kafka-connect", URL: "http://" + l.Addr()}})
	return nil
}

// connectSwitches: mirroring falls behind.
func (st *site) connectSwitches() switchable {
	return switchable{KindLagging: func(on bool) error {
		st.connect.SetLag(0)
		if on {
			st.connect.SetLag(lagBy)
		}
		return nil
	}}
}

// startLedgers opens the books of what each site has.
func (s *Sandbox) startLedgers() error {
	for _, st := range s.sites {
		l, err := newLedger(st.realBrokers, func() []int64 { return st.kafka.EndOffsets(topicMessages) }, st.truthConfig())
		if err != nil {
			return err
		}
		s.ledgers[st.name] = l
		s.onClose(l.close)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.keep(ctx, ledgerEvery)
		}()
		s.onClose(func() error { cancel(); <-done; return nil })
	}
	return nil
}
