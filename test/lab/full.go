//go:build integration

package lab

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

// Names of what flows through the data platform.
const (
	Topic = "flight.messages"
	Index = "messages"
	// Queue is not kept in sync (mission A5); Handover is moved to the standby by a shovel.
	Queue    = "notifications"
	Handover = "handover"
	JobName  = "ingest"
	// Archive is the index of past days, which nothing copies.
	Archive = "archive"
)

// archiveEngine is what each site's archive runs on.
var archiveEngine = map[string]string{"primary": Elasticsearch7, "standby": OpenSearch3}

// Full is two sites of the whole stack: what Lab has, and per site an archive and a data
// platform of Kafka, Kafka Connect with MirrorMaker 2, Oracle MySQL, OpenSearch, Flink with
// the ingest job, and RabbitMQ; and two upstream feeds. It begins with the primary fed, and
// with everything copied to the standby that the mission's table copies.
type Full struct {
	*Lab
	Data map[string]*Data
	// Archives are the business platforms' stores of past days, each site's its own and of
	// another dialect: Elasticsearch 7.17 at the primary, OpenSearch 3.1 at the standby.
	Archives map[string]*Search
	// Feeds are simulated upstream systems; they remember all that they have sent.
	Feeds []*feedd.Feed

	copies *copies
}

// Data is one site's data platform.
type Data struct {
	Site   string
	Kafka  *Kafka
	Mirror *Connect
	MySQL  *MySQL
	Search *Search
	Flink  *Flink
	Rabbit *Rabbit
	// Job is what the ingest job of this site is started with.
	Job Ingest
}

// FullOptions of StartFull.
type FullOptions struct {
	// Base is the folder to make the lab's own in; "" = the system's.
	Base string
	// Workers is how many parts are started at a time; 0 = 3.
	Workers int
	// Rate of each of the feeds, in messages a second.
	Rate float64
	// Progress is told of each part as it is up or has failed; one call at a time.
	Progress func(Started)
}

// StartFull brings the whole stack up. Close ends and removes everything. A part that
// does not start fails it by name.
func StartFull(ctx context.Context, o FullOptions) (*Full, error) {
	began := time.Now()
	dir, err := NewDir(o.Base)
	if err != nil {
		return nil, err
	}
	stores := &Stores{Dir: dir, Primary: &Site{Name: "primary"}, Standby: &Site{Name: "standby"}}
	f := &Full{
		Lab:  &Lab{Stores: stores, Gateways: map[string]*Gateway{}, business: map[string]*business{}, Domains: domains},
		Data: map[string]*Data{}, Archives: map[string]*Search{},
	}
	if err := f.start(ctx, o); err != nil {
		f.Close()
		return nil, err
	}
	f.Took = time.Since(began)
	return f, nil
}

func (f *Full) start(ctx context.Context, o FullOptions) error {
	if err := f.prepare(ctx, o.Rate); err != nil {
		return err
	}
	progress := o.Progress
	if progress == nil {
		progress = func(Started) {}
	}
	if err := startParts(ctx, f.parts(), cmp.Or(o.Workers, 3), progress); err != nil {
		return err
	}
	f.copies = startCopies(f.pairs(), f.fed)
	// Until then the standby's index is empty, and how far it is behind is not known.
	if err := Await(ctx, time.Minute, "the standby's index is copied for the first time", f.Data[f.Standby.Name].Search.holds(Index)); err != nil {
		return err
	}
	v, secrets := f.fullView()
	if err := f.writeConfig("real-stack", v, secrets); err != nil {
		return err
	}
	return f.admit(ctx)
}

// prepare makes ports, folders and configurations of all; only the feeds and the
// business services run afterwards.
func (f *Full) prepare(ctx context.Context, rate float64) error {
	if err := f.Stores.prepare(ctx); err != nil {
		return err
	}
	if err := f.Lab.prepare(ctx); err != nil {
		return err
	}
	feeds := map[string]string{}
	for _, o := range []feedd.Options{
		{Name: "airline", Kinds: []string{"flight-times", "passenger-counts", "baggage"}},
		{Name: "airport", Kinds: []string{"milestones", "stands"}},
	} {
		o.Rate, o.Attached = rate, f.Primary.Name
		feed, err := feedd.Start(o)
		if err != nil {
			return err
		}
		f.Feeds = append(f.Feeds, feed)
		feeds[feed.Name()] = feed.URL()
	}
	for i, site := range []string{f.Primary.Name, f.Standby.Name} {
		d, err := newData(ctx, f.Dir, site, i+1, feeds)
		if err != nil {
			return err
		}
		f.Data[site] = d
		if f.Archives[site], err = NewSearch(ctx, filepath.Join(f.Dir, site), site, archiveEngine[site]); err != nil {
			return err
		}
	}
	return nil
}

func newData(ctx context.Context, base, site string, id int, feeds map[string]string) (d *Data, err error) {
	dir := filepath.Join(base, site)
	d = &Data{Site: site}
	if d.Kafka, err = NewKafka(ctx, dir, site); err != nil {
		return nil, err
	}
	if d.Mirror, err = NewConnect(ctx, dir, d.Kafka); err != nil {
		return nil, err
	}
	if d.MySQL, err = NewMySQL(ctx, dir, site, id); err != nil {
		return nil, err
	}
	if d.Search, err = NewSearch(ctx, dir, site, OpenSearch2); err != nil {
		return nil, err
	}
	if d.Flink, err = NewFlink(ctx, dir, site, filepath.Join(base, "savepoints")); err != nil {
		return nil, err
	}
	if d.Rabbit, err = NewRabbit(ctx, dir, site, Queue, Handover); err != nil {
		return nil, err
	}
	password := filepath.Join(dir, site+"-flink", "sql-password") // the job's own copy
	if err := serverFile(password, d.MySQL.Passwords["app"]); err != nil {
		return nil, err
	}
	d.Job = Ingest{
		Job: JobName, Site: site, Brokers: d.Kafka.Address, Topic: Topic, Feeds: feeds,
		JDBC: "jdbc:mariadb://" + d.MySQL.Address + "/ops", SQLUser: "app", SQLPasswordFile: password,
		Search: d.Search.URL, Index: Index,
	}
	return d, nil
}

// parts is what is started, the slowest first: what they have in common is the machine.
func (f *Full) parts() []part {
	var out []part
	add := func(name string, start func(context.Context) error, needs ...string) {
		out = append(out, part{name: name, needs: needs, start: start})
	}
	both := func(what string) []string {
		return []string{what + " of " + f.Primary.Name, what + " of " + f.Standby.Name}
	}
	each := func(what string, start func(context.Context, *Data) error, needs ...string) {
		for _, site := range []string{f.Primary.Name, f.Standby.Name} {
			var own []string
			for _, n := range needs {
				own = append(own, n+" of "+site)
			}
			add(what+" of "+site, func(ctx context.Context) error { return start(ctx, f.Data[site]) }, own...)
		}
	}
	a, b := f.Data[f.Primary.Name], f.Data[f.Standby.Name]

	each("Kafka", func(ctx context.Context, d *Data) error { return d.Kafka.Start(ctx) })
	each("RabbitMQ", func(ctx context.Context, d *Data) error { return d.Rabbit.Start(ctx) })
	each("MySQL", func(ctx context.Context, d *Data) error { return d.MySQL.Start(ctx) })
	each("Kafka Connect", func(ctx context.Context, d *Data) error { return d.Mirror.Start(ctx) }, "Kafka")
	each("OpenSearch", func(ctx context.Context, d *Data) error {
		if err := d.Search.Start(ctx); err != nil {
			return err
		}
		return d.Search.CreateIndex(ctx, Index, map[string]any{"properties": map[string]any{"at": map[string]any{"type": "date"}}})
	})
	each("Flink", func(ctx context.Context, d *Data) error { return d.Flink.Start(ctx) })
	for _, s := range []*Site{f.Primary, f.Standby} {
		add("MariaDB of "+s.Name, s.Maria.create)
		add("Redis of "+s.Name, s.Redis.Start)
		add("archive of "+s.Name, func(ctx context.Context) error {
			if err := f.Archives[s.Name].Start(ctx); err != nil {
				return err
			}
			return f.Archives[s.Name].CreateIndex(ctx, Archive, nil)
		})
		add("nginx of "+s.Name, f.Gateways[s.Name].Start)
	}
	add("BIND and Unbound", f.DNS.start)
	add("replication of MariaDB and Redis", f.link, append(both("MariaDB"), both("Redis")...)...)
	add("replication of MySQL", func(ctx context.Context) error { return linkMySQL(ctx, a.MySQL, b.MySQL) }, both("MySQL")...)
	add("MirrorMaker 2", func(ctx context.Context) error { return linkKafka(ctx, a, b) }, both("Kafka Connect")...)
	add("shovel", func(ctx context.Context) error { return a.Rabbit.Shovel(ctx, Handover, b.Rabbit) }, both("RabbitMQ")...)
	add("ingest job", func(ctx context.Context) error { return a.Flink.Run(ctx, a.Job) },
		"Flink of "+a.Site, "OpenSearch of "+a.Site, "MirrorMaker 2", "replication of MySQL")
	return out
}

// linkMySQL makes the standby follow, and the primary take writes.
func linkMySQL(ctx context.Context, primary, standby *MySQL) error {
	if err := standby.Follow(ctx, primary); err != nil {
		return err
	}
	if err := primary.Exec(ctx, "SET GLOBAL read_only=0", "CREATE DATABASE ops",
		"CREATE TABLE ops.messages (id VARCHAR(64) PRIMARY KEY, doc TEXT NOT NULL)"); err != nil {
		return err
	}
	return Await(ctx, 60*time.Second, "the standby's MySQL follows", func(ctx context.Context) string {
		if _, err := standby.Query(ctx, "SELECT COUNT(*) FROM ops.messages"); err != nil {
			return err.Error()
		}
		return ""
	})
}

// linkKafka makes the mirrors of both directions; only the one to the standby runs. The
// topic exists at both sites, so that a mirror has something to ask for.
func linkKafka(ctx context.Context, a, b *Data) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, d := range []*Data{a, b} {
		g.Go(func() error { return d.Kafka.CreateTopics(gctx, 2, Topic) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := b.Mirror.Mirror(ctx, a.Kafka, Topic, "RUNNING"); err != nil {
		return err
	}
	return a.Mirror.Mirror(ctx, b.Kafka, Topic, "STOPPED")
}

// fed says which site the feeds send to; "" when they send to none.
func (f *Full) fed() string { return f.Feeds[0].Attached() }

func (f *Full) pairs() []copyPair {
	a, b := f.Data[f.Primary.Name].Search, f.Data[f.Standby.Name].Search
	return []copyPair{{index: Index, from: a, to: b}, {index: Index, from: b, to: a}}
}

func (f *Full) fullView() (view, map[string]string) {
	v, secrets := f.view()
	for i := range v.Sites {
		d := f.Data[v.Sites[i].Name]
		peer := v.Sites[1-i].Name
		v.Sites[i].Archive = f.Archives[d.Site].URL
		for _, a := range []string{"probe", "control", "repl"} {
			secrets[d.Site+"-mysql-"+a] = d.MySQL.Passwords[a]
		}
		secrets[d.Site+"-rabbitmq"] = d.Rabbit.Passwords["probe"]
		v.Sites[i].Data = &dataView{
			Peer: peer, Kafka: d.Kafka.Address, Connect: d.Mirror.URL, MySQL: d.MySQL.Address, Search: d.Search.URL,
			Flink: d.Flink.URL, Rabbit: d.Rabbit.Address, RabbitURL: d.Rabbit.URL, JobArgs: d.Job.Args(), Mirrors: MirrorNames(peer),
		}
	}
	titles := map[string]string{"airline": "Airline operations system", "airport": "Airport operations system"}
	for _, feed := range f.Feeds {
		v.Feeds = append(v.Feeds, feedView{Name: feed.Name(), Title: titles[feed.Name()], URL: feed.URL(), Kinds: feed.Log().Kinds})
	}
	return v, secrets
}

// Close ends everything and removes the folder.
func (f *Full) Close() {
	if f.copies != nil {
		f.copies.close()
	}
	for _, d := range f.Data {
		d.Kill() // stopped in order they wait for one another, and nothing of them is kept
		d.Rabbit.Stop()
	}
	for _, a := range f.Archives {
		a.Kill()
	}
	for _, feed := range f.Feeds {
		if err := feed.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
		}
	}
	f.Lab.Close()
}
