package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
	"github.com/dutyops/dutyops/backend/sandbox/link"
	"github.com/dutyops/dutyops/backend/sandbox/named"
)

const (
	// copyEvery is the pace of Elasticsearch's timed copies.
	copyEvery = time.Second
	// seedMessages is how many messages each feed has sent when the sandbox is ready.
	seedMessages = 60
	// catchUp bounds the wait for the standby at the start.
	catchUp = 5 * time.Second
	// closing bounds Close.
	closing = 10 * time.Second
)

// Options of Start. The zero value is two sites with free ports and a folder of its own.
type Options struct {
	// Dir gets dutyops.yaml, sandbox.json and the secrets; "" is a temporary folder that
	// Close removes.
	Dir string
	// Emergency adds the cut-down third site (mission A7).
	Emergency bool
	// Seed decides the content of the feeds' messages.
	Seed uint64
	// Rate of all feeds together, in messages per second; 0 = 10, negative = none.
	Rate float64
	// UserRate of all users together, in requests per second; 0 = 5, negative = none.
	UserRate float64
	// TTL of the users' names, whole seconds; 0 = 2 s.
	TTL time.Duration
	// Control is the control server's address; "" = a free port on 127.0.0.1.
	Control string
	// Logger gets what happens; nil = nothing.
	Logger *slog.Logger
}

// Sandbox is a running world. Safe for concurrent use.
type Sandbox struct {
	o      Options
	log    *slog.Logger
	folder *folder
	reg    registry

	feeds     map[string]*feedd.Feed
	feedLinks map[string]*link.Link
	feedToken account

	store    *named.Store
	auth     *named.Authority
	cf       *named.Cloudflare
	resolver *named.Resolver

	sites   []*site
	ledgers map[string]*ledger
	crowd   *crowd
	file    File

	mu      sync.Mutex
	closers []func() error
	once    sync.Once
	err     error
}

// Start makes the world and returns when it is whole: every server answers, the
// standby has what the primary has, and the users are calling. ctx bounds the start only.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	if o.TTL == 0 {
		o.TTL = 2 * time.Second
	}
	if o.TTL < time.Second || o.TTL%time.Second != 0 {
		return nil, fmt.Errorf("sandbox: TTL %s: whole seconds are needed, from 1s", o.TTL)
	}
	if o.Rate == 0 {
		o.Rate = 10
	}
	if o.UserRate == 0 {
		o.UserRate = 5
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	f, err := openFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{
		o: o, log: o.Logger, folder: f, feeds: map[string]*feedd.Feed{}, feedLinks: map[string]*link.Link{},
		ledgers: map[string]*ledger{},
	}
	s.onClose(f.close)
	s.reg.changed = func(f Fault, on bool) {
		s.log.InfoContext(ctx, "fault", "target", f.Target, "kind", f.Kind, "on", on)
	}
	s.reg.put, s.reg.lifting = s.afterCut, s.beforeReturn
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: %w", err), s.Close())
	}
	return s, nil
}

func (s *Sandbox) start(ctx context.Context) error {
	for _, spec := range siteSpecs {
		if !spec.emergency || s.o.Emergency {
			s.sites = append(s.sites, newSite(s, spec))
		}
	}
	var g errgroup.Group
	g.Go(s.startDNS)
	g.Go(s.startFeeds)
	for _, st := range s.sites {
		g.Go(st.startStores)
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := s.connectSites(ctx); err != nil {
		return err
	}
	for _, st := range s.sites {
		g.Go(st.startJobs)
	}
	if err := g.Wait(); err != nil {
		return err
	}
	s.addParts()
	if err := s.startLedgers(); err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.open(ctx)
}

// settle waits until the primary has taken what was sent before the start, and the
// other sites have what the primary has. When time is up the sandbox is handed over
// as it is: the pairs go on catching up.
func (s *Sandbox) settle(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	err := until(within, s.ingested)
	if err == nil {
		err = s.caughtUp(within)
	}
	if err == nil {
		err = until(within, s.mirrored)
	}
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "the other sites have not caught up yet", "waited", catchUp, "err", err)
		return nil
	}
	return err
}

// until polls at a fast pace; the error is the context's.
func until(ctx context.Context, ok func() bool) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// ingested says whether the primary's job has taken the messages of before the start.
func (s *Sandbox) ingested() bool {
	at := s.sites[0].flink.Positions()
	for name := range s.feeds {
		if at[name] < seedMessages {
			return false
		}
	}
	return true
}

// mirrored says whether every other site's Kafka has what the primary's has, and its mirror
// tells so.
func (s *Sandbox) mirrored() bool {
	want := s.sites[0].kafka.EndOffsets(topicMessages)
	for _, st := range s.sites[1:] {
		have := st.kafka.EndOffsets(topicMessages)
		for p := range want {
			if have[p] < want[p] {
				return false
			}
		}
		if len(st.connect.Offsets(mirrorName(s.sites[0].name))) == 0 {
			return false
		}
		st.connect.Flush()
	}
	return true
}

// open lets the outside in: files, control address, users, timed copies.
func (s *Sandbox) open(ctx context.Context) error {
	c, err := startControl(s, s.o.Control)
	if err != nil {
		return err
	}
	s.onClose(c.close)
	s.fillFile(c.url())
	copies := newCopier(s.copyPairs(), s.leads, copyEvery, s.log)
	s.onClose(func() error { copies.close(); return nil })
	within, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	if err := until(within, copies.hasBegun); err != nil {
		s.log.WarnContext(ctx, "not every index has a copy yet", "waited", catchUp, "err", err)
	}
	if s.o.UserRate > 0 {
		gateways, domains := map[string]string{}, map[string]string{}
		for _, st := range s.sites {
			gateways[st.v4] = st.gatewayURL()
		}
		for _, d := range stationSpecs {
			domains[d.name] = d.domain
		}
		s.crowd = newCrowd(s.resolver.Addr(), gateways, s.o.UserRate, domains)
		s.onClose(func() error { s.crowd.close(); return nil })
	}
	if err := writeFile(s.folder.path(ConfigName), []byte(s.configText())); err != nil {
		return err
	}
	return s.folder.writeJSON(FileName, s.file)
}

func (s *Sandbox) fillFile(control string) {
	s.file.PID, s.file.Control = os.Getpid(), control
	s.file.Sites, s.file.Feeds = map[string]FileSite{}, map[string]FileFeed{}
	for _, d := range stationSpecs {
		s.file.Domains = append(s.file.Domains, d.domain)
	}
	for _, st := range s.sites {
		fs := FileSite{GatewayAddress: st.v4, GatewayAddress6: st.v6, GatewayURL: st.gatewayURL(), Components: map[string]FileComponent{}}
		for key, a := range st.access {
			fs.Components[key] = a.FileComponent
		}
		s.file.Sites[st.name] = fs
	}
	for _, f := range feedSpecs {
		s.file.Feeds[f.name] = FileFeed{URL: s.feedURL(f.name), Kinds: f.kinds, TokenFile: s.feedToken.file}
	}
}

func (s *Sandbox) startFeeds() error {
	var err error
	if s.feedToken.password, s.feedToken.file, err = s.folder.secret("feed-token"); err != nil {
		return err
	}
	for _, spec := range feedSpecs {
		f, err := feedd.Start(feedd.Options{
			Name: spec.name, Seed: s.o.Seed, Kinds: spec.kinds, Rate: max(0, s.o.Rate) / float64(len(feedSpecs)),
			Token: s.feedToken.password, Attached: siteSpecs[0].name,
		})
		if err != nil {
			return err
		}
		s.onClose(f.Close)
		f.Emit(seedMessages)
		l, err := s.link(strings.TrimPrefix(f.URL(), "http://"), "upstream/"+spec.name)
		if err != nil {
			return err
		}
		s.feeds[spec.name], s.feedLinks[spec.name] = f, l
	}
	return nil
}

// feedURL is where a feed is reached.
func (s *Sandbox) feedURL(name string) string { return "http://" + s.feedLinks[name].Addr() }

// link puts a fault link in front of an address; targets are those whose faults it suffers.
func (s *Sandbox) link(to string, targets ...string) (*link.Link, error) {
	l, err := link.New(to)
	if err != nil {
		return nil, err
	}
	s.reg.addWire(l, targets...)
	s.onClose(l.Close)
	return l, nil
}

// onClose remembers what Close has to end, the newest first.
func (s *Sandbox) onClose(f func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closers = append(s.closers, f)
}

// Dir is the sandbox's folder.
func (s *Sandbox) Dir() string { return s.folder.dir }

// ConfigPath is the configuration that points at the sandbox.
func (s *Sandbox) ConfigPath() string { return s.folder.path(ConfigName) }

// File is what sandbox.json holds.
func (s *Sandbox) File() File { return s.file }

// Close ends everything, in the reverse order of its start. What does not end within
// ten seconds is left behind and reported. It may be called more than once.
func (s *Sandbox) Close() error {
	s.once.Do(func() {
		s.reg.close()
		s.mu.Lock()
		closers := s.closers
		s.mu.Unlock()
		done := make(chan error, 1)
		go func() {
			var errs []error
			for i := len(closers) - 1; i >= 0; i-- {
				errs = append(errs, closers[i]())
			}
			done <- errors.Join(errs...)
		}()
		t := time.NewTimer(closing)
		defer t.Stop()
		select {
		case s.err = <-done:
		case <-t.C:
			s.err = fmt.Errorf("sandbox: not everything ended within %s", closing)
		}
	})
	return s.err
}

// Kinds implements Control.
func (s *Sandbox) Kinds() []FaultKind { return s.reg.kinds() }

// Inject implements Control.
func (s *Sandbox) Inject(_ context.Context, f Fault) error { return s.reg.inject(f) }

// Heal implements Control.
func (s *Sandbox) Heal(_ context.Context, target string) error { return s.reg.heal(target) }

// Active implements Control.
func (s *Sandbox) Active(context.Context) ([]Fault, error) { return s.reg.list(), nil }

// Users implements Control.
func (s *Sandbox) Users(context.Context) (Users, error) {
	if s.crowd == nil {
		return Users{ServedBy: map[string]int64{}, Now: "none", Stations: map[string]StationUsers{}}, nil
	}
	return s.crowd.report(time.Now()), nil
}

// Truth implements Control.
func (s *Sandbox) Truth(ctx context.Context) (Truth, error) {
	var sent []feedd.Log
	for _, spec := range feedSpecs {
		sent = append(sent, s.feeds[spec.name].Log())
	}
	return judgeAll(ctx, sent, s.ledgers), nil
}
