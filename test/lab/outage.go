//go:build integration

package lab

import (
	"context"
	"sync"
)

// Kill ends every server of a site's data platform at once, as a power cut would.
func (d *Data) Kill() {
	killAll(d.Flink, d.Mirror, d.Kafka, d.MySQL, d.Search, d.Rabbit)
}

// KillSite ends everything of a site at once: gateway, business service, stores, archive
// and data platform. What lies outside of it goes on: name servers, users, the upstreams.
func (f *Full) KillSite(site *Site) {
	d := f.Data[site.Name]
	killAll(f.Gateways[site.Name], f.business[site.Name], site.Maria, site.Redis, f.Archives[site.Name], d)
}

func killAll(all ...interface{ Kill() }) {
	var wg sync.WaitGroup
	for _, k := range all {
		wg.Go(k.Kill)
	}
	wg.Wait()
}

// Start brings up what does not run of a data platform, a few servers at a time. Jobs that
// Flink ran when it was killed are gone.
func (d *Data) Start(ctx context.Context) error {
	return startParts(ctx, d.again(), 3, func(Started) {})
}

// StartSite brings up what does not run of a site, as the power that is back would.
func (f *Full) StartSite(ctx context.Context, site *Site) error {
	if err := f.business[site.Name].Start(ctx); err != nil {
		return err
	}
	archive, gateway := f.Archives[site.Name], f.Gateways[site.Name]
	return startParts(ctx, append(f.Data[site.Name].again(),
		unlessUp("MariaDB of "+site.Name, site.Maria.proc, site.Maria.Start),
		unlessUp("Redis of "+site.Name, site.Redis.proc, site.Redis.Start),
		unlessUp("archive of "+site.Name, archive.proc, archive.Start),
		unlessUp("nginx of "+site.Name, gateway.proc, gateway.Start),
	), 3, func(Started) {})
}

// Mend brings up whatever does not run.
func (f *Full) Mend(ctx context.Context) error {
	for _, s := range []*Site{f.Primary, f.Standby} {
		if err := f.StartSite(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// again are the parts of a data platform, for its next start.
func (d *Data) again() []part {
	return []part{
		unlessUp("Kafka of "+d.Site, d.Kafka.proc, d.Kafka.Start),
		unlessUp("MySQL of "+d.Site, d.MySQL.proc, d.MySQL.Start),
		unlessUp("Kafka Connect of "+d.Site, d.Mirror.proc, d.Mirror.Start, "Kafka of "+d.Site),
		unlessUp("OpenSearch of "+d.Site, d.Search.proc, d.Search.Start),
		unlessUp("Flink of "+d.Site, d.Flink.jobs, d.Flink.Start),
		unlessUp("RabbitMQ of "+d.Site, d.Rabbit.proc, d.Rabbit.Start),
	}
}

func unlessUp(name string, p *proc, start func(context.Context) error, needs ...string) part {
	return part{name: name, needs: needs, start: func(ctx context.Context) error {
		if p.group() != 0 {
			return nil
		}
		return start(ctx)
	}}
}
