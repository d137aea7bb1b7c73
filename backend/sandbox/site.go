package sandbox

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dutyops/dutyops/backend/sandbox/amqpd"
	"github.com/dutyops/dutyops/backend/sandbox/bizd"
	"github.com/dutyops/dutyops/backend/sandbox/connectd"
	"github.com/dutyops/dutyops/backend/sandbox/flinkd"
	"github.com/dutyops/dutyops/backend/sandbox/kafkad"
	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/backend/sandbox/mysqld"
	"github.com/dutyops/dutyops/backend/sandbox/redisd"
	"github.com/dutyops/dutyops/backend/sandbox/searchd"
)

// brokersPerSite is how many Kafka brokers a site has.
const brokersPerSite = 3

// ingestEvery is how often the ingest job asks the feeds.
const ingestEvery = 500 * time.Millisecond

// keptMessages is how many messages of each feed the data MySQL keeps. The history of
// what was sent is the feeds' own; what a site has ever had, ops.expired tells.
const keptMessages = 1000

// keptDocuments bounds an Elasticsearch index: the newest stay.
const keptDocuments = 2000

// partitions of the topic of messages.
const partitions = 2

// site is one running site.
type site struct {
	siteSpec
	s      *Sandbox
	access map[string]*access // "platform/name" -> how it is reached
	doors  map[string]*link.Link
	// peers: who reads -> component (or broker's address) -> where it is reached from there.
	peers map[string]map[string]string

	mysql  map[string]*mysqld.Server
	search map[string]*searchd.Server
	redis  map[string]*redisd.Server
	rabbit *amqpd.Server
	kafka  *kafkad.Cluster
	// realBrokers maps a broker's advertised address (its link) to its own.
	realBrokers map[string]string

	flink   *flinkd.Server
	connect *connectd.Server
	gateway *bizd.Gateway

	// accounts, the same on all MySQL servers of the site.
	app, probe, control, repl account
}

func (st *site) target(parts ...string) string {
	return strings.Join(append([]string{st.name}, parts...), "/")
}

// door puts the component's link in front of a server.
func (st *site) door(key, server string) (*link.Link, error) {
	l, err := st.s.link(server, st.target(key))
	if err != nil {
		return nil, err
	}
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	st.doors[key] = l
	return l, nil
}

// reach remembers how a component is reached.
func (st *site) reach(key string, a access) {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	st.access[key] = &a
}

// at tells how a component is reached; the zero value when the site has none.
func (st *site) at(key string) access {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	if a := st.access[key]; a != nil {
		return *a
	}
	return access{}
}

// startStores starts everything that has no dependency, all at the same time.
func (st *site) startStores() error {
	var err error
	for _, a := range []struct {
		into *account
		user string
	}{{&st.app, "app"}, {&st.probe, "dutyops_probe"}, {&st.control, "dutyops_control"}, {&st.repl, "repl"}} {
		a.into.user = a.user
		if a.into.password, a.into.file, err = st.s.folder.secret(st.name + "-" + a.user); err != nil {
			return err
		}
	}
	var g errgroup.Group
	server := 0
	for _, c := range st.components() {
		switch c.kind {
		case "mysql":
			server++
			id := uint32(10*st.number + server)
			g.Go(func() error { return st.startMySQL(c, id) })
		case "elasticsearch":
			g.Go(func() error { return st.startSearch(c) })
		case "redis":
			g.Go(func() error { return st.startRedis(c) })
		case "rabbitmq":
			g.Go(func() error { return st.startRabbit(c) })
		case "kafka":
			g.Go(func() error { return st.startKafka(c) })
		}
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("site %s: %w", st.name, err)
	}
	return nil
}

func (st *site) startSearch(c componentSpec) error {
	a := account{user: "dutyops"}
	var err error
	if a.password, a.file, err = st.s.folder.secret(st.name + "-" + c.name); err != nil {
		return err
	}
	srv, err := searchd.Start(searchd.Options{
		Name: st.name + "-" + c.name, ClusterName: st.name + "-" + c.platform,
		User: a.user, Password: a.password, RemoteAllow: []string{"127.0.0.1:*"}, KeepDocs: keptDocuments,
	})
	if err != nil {
		return err
	}
	st.s.onClose(srv.Close)
	index := indexMessages
	if c.platform == business {
		index = indexFlights
	}
	if err := createIndex(context.Background(), srv.URL(), index, a); err != nil {
		return err
	}
	l, err := st.door(c.key(), strings.TrimPrefix(srv.URL(), "http://"))
	if err != nil {
		return err
	}
	st.s.mu.Lock()
	st.search[c.key()] = srv
	st.s.mu.Unlock()
	st.reach(c.key(), access{FileComponent: FileComponent{Kind: c.kind, URL: "http://" + l.Addr(), User: a.user, PasswordFile: a.file}, probe: a})
	return nil
}

func (st *site) startKafka(c componentSpec) error {
	k, err := kafkad.Start(kafkad.Options{
		Brokers: brokersPerSite, ClusterID: "sandbox-" + st.name,
		Topics:         map[string]int32{topicMessages: partitions, "heartbeats": 1},
		RetentionBytes: 2 << 20, Sweep: 10 * time.Second, // most of an hour at the usual rate; see ledgerEvery
		Advertise: func(real string) (string, error) {
			l, err := st.s.link(real, st.target(c.key()))
			if err != nil {
				return "", err
			}
			st.realBrokers[l.Addr()] = real
			return l.Addr(), nil
		},
	})
	if err != nil {
		return err
	}
	st.s.onClose(k.Close)
	st.kafka = k
	st.reach(c.key(), access{FileComponent: FileComponent{Kind: c.kind, Brokers: k.Brokers()}})
	return nil
}

// startJobs starts what works on the stores: Flink's ingest, Connect's mirrors.
func (st *site) startJobs() error {
	var g errgroup.Group
	g.Go(st.startFlink)
	g.Go(st.startConnect)
	g.Go(st.startBusiness)
	if err := g.Wait(); err != nil {
		return fmt.Errorf("site %s: %w", st.name, err)
	}
	return nil
}

func (st *site) startFlink() error {
	key := data + "/flink"
	db, es := st.at(data+"/mysql"), st.at(data+"/elasticsearch")
	my, err := flinkd.NewMySQLSink(flinkd.MySQLOptions{Addr: db.Address, User: st.app.user, Password: st.app.password, Keep: keptMessages})
	if err != nil {
		return err
	}
	sinks := []flinkd.Sink{my, flinkd.NewSearchSink(flinkd.SearchOptions{URL: es.URL, User: es.probe.user, Password: es.probe.password, Index: indexMessages})}
	if r := st.at(data + "/redis"); r.Address != "" {
		sinks = append(sinks, flinkd.NewRedisSink(flinkd.RedisOptions{Addr: r.Address, Password: r.probe.password}))
	}
	if r := st.at(data + "/rabbitmq"); r.Address != "" {
		sinks = append(sinks, flinkd.NewRabbitSink(flinkd.RabbitOptions{Addr: r.Address, User: r.probe.user, Password: r.probe.password, Queue: queueNotifications}))
	}
	var feeds []flinkd.FeedRef
	for _, f := range feedSpecs {
		// What the job reads from a feed comes to Flink: a fault of Flink cuts it as well.
		l, err := st.s.link(strings.TrimPrefix(st.s.feedURL(f.name), "http://"), st.target(key))
		if err != nil {
			return err
		}
		feeds = append(feeds, flinkd.FeedRef{Name: f.name, URL: "http://" + l.Addr()})
	}
	srv, err := flinkd.Start(flinkd.Options{
		Site: st.name, JobName: jobName, Feeds: feeds, KafkaBrokers: st.kafka.Brokers(), Topic: topicMessages,
		SavepointDir: st.s.folder.path("savepoints"), Sinks: sinks, ResumePoint: my.ResumePoint,
		Jar: jobJar, Autostart: st.name == siteSpecs[0].name, Poll: ingestEvery,
	})
	if err != nil {
		return errors.Join(err, my.Close())
	}
	st.s.onClose(func() error {
		if err := srv.Close(); err != nil && !errors.Is(err, driver.ErrBadConn) { // a fault had cut it: nothing is lost
			return err
		}
		return nil
	})
	st.flink = srv
	l, err := st.door(key, strings.TrimPrefix(srv.URL(), "http://"))
	if err != nil {
		return err
	}
	st.reach(key, access{FileComponent: FileComponent{Kind: "flink", URL: "http://" + l.Addr()}})
	return nil
}

// startBusiness starts the subsystems and the gateway in front of them.
func (st *site) startBusiness() error {
	routes := map[string]string{}
	for _, name := range st.subsystems() {
		addr, err := st.startSubsystem(name)
		if err != nil {
			return err
		}
		l, err := st.door(business+"/"+name, addr)
		if err != nil {
			return err
		}
		routes[name] = "http://" + l.Addr()
		st.reach(business+"/"+name, access{FileComponent: FileComponent{Kind: "http", URL: routes[name]}})
	}
	g, err := bizd.StartGateway(bizd.GatewayOptions{Site: st.name, Routes: routes, Logger: st.s.log})
	if err != nil {
		return err
	}
	st.s.onClose(g.Close)
	st.gateway = g
	_, err = st.door("gateway", g.Addr())
	return err
}

func (st *site) gatewayURL() string { return "http://" + st.doors["gateway"].Addr() }

func (st *site) sql(key string) bizd.SQL {
	return bizd.SQL{Address: st.at(key).Address, User: st.app.user, Password: st.app.password}
}

func (st *site) startSubsystem(name string) (string, error) {
	if name == monitoring {
		es := st.at(business + "/monitoring-elasticsearch")
		m, err := bizd.StartMonitoring(bizd.MonitoringOptions{
			Brokers: st.kafka.Brokers(), Topic: topicMessages, MySQL: st.sql(business + "/monitoring-mysql"),
			ElasticsearchURL: es.URL, User: es.probe.user, Password: es.probe.password, Logger: st.s.log,
		})
		if err != nil {
			return "", err
		}
		st.s.onClose(m.Close)
		return m.Addr(), nil
	}
	r := st.at(business + "/scheduling-redis")
	var feeds []string
	for _, f := range feedSpecs {
		feeds = append(feeds, f.name)
	}
	m, err := bizd.StartScheduling(bizd.SchedulingOptions{
		Data: st.sql(data + "/mysql"), MySQL: st.sql(business + "/scheduling-mysql"), Feeds: feeds,
		Redis: r.Address, RedisPassword: r.probe.password, Logger: st.s.log,
	})
	if err != nil {
		return "", err
	}
	st.s.onClose(m.Close)
	return m.Addr(), nil
}
