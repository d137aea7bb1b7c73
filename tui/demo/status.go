package demo

import (
	"time"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

type part struct {
	name, kind, sub string
	critical, sync  bool
}

func businessParts() []part {
	return []part{
		{"monitoring-mysql", "mysql", "monitoring", true, true},
		{"monitoring-elasticsearch", "elasticsearch", "monitoring", false, true},
		{"scheduling-mysql", "mysql", "scheduling", true, true},
		{"scheduling-redis", "redis", "scheduling", false, false},
	}
}

func dataParts() []part {
	return []part{
		{"flink", "flink", "", true, false},
		{"kafka", "kafka", "", true, true},
		{"connect", "kafka-connect", "", false, false},
		{"mysql", "mysql", "", true, true},
		{"elasticsearch", "elasticsearch", "", false, true},
		{"rabbitmq", "rabbitmq", "", false, false},
		{"redis", "redis", "", false, false},
	}
}

// Status implements backend.Face.
func (w *World) Status() *backend.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status()
}

func (w *World) names() []string {
	if w.opt.Emergency {
		return []string{"primary", "standby", "emergency"}
	}
	return []string{"primary", "standby"}
}

func (w *World) status() *backend.Status {
	st := &backend.Status{At: w.opt.Now(), Environment: w.opt.Environment, ServingSite: w.serving, DataSite: w.data, Overrides: w.pause, Warming: !w.warm}
	for i, n := range w.names() {
		st.Sites = append(st.Sites, w.site(n, []int{100, 90, 10}[i]))
	}
	st.Domains = w.domains()
	for _, f := range []struct{ name, title string }{{"airline", "航空公司"}, {"airport", "机场"}} {
		fs := backend.FeedStatus{Name: f.name, Attached: w.data, Known: w.warm}
		if w.opt.Chinese {
			fs.Title = f.title
		}
		st.Feeds = append(st.Feeds, fs)
	}
	for _, r := range w.runs {
		if r.State == backend.RunRunning || r.State == backend.RunWaiting {
			st.Run = &backend.RunBrief{ID: r.ID, Kind: r.Kind, State: string(r.State), Phase: r.phase(), Step: r.stepTitle(), Holder: r.Operator}
		}
	}
	st.Case, st.Advice = w.judge(st)
	return st
}

func (w *World) site(name string, weight int) backend.SiteStatus {
	s := backend.SiteStatus{Name: name, Role: "standby", Weight: weight}
	if w.opt.Chinese {
		s.Title = map[string]string{"primary": "主用机房", "standby": "备用机房", "emergency": "应急机房"}[name]
	}
	if name == "emergency" {
		s.Role = "emergency"
	}
	if name == w.serving {
		s.Role = "serving"
	}
	s.Gateway = w.part(name, name+"/gateway", part{name: "gateway", kind: "http", critical: true}, 1)
	biz := backend.PlatformStatus{Name: "business"}
	for i, sub := range []string{"monitoring", "scheduling"} {
		if name == "emergency" && sub == "scheduling" {
			continue
		}
		biz.Subsystems = append(biz.Subsystems, w.part(name, name+"/business/"+sub, part{name: sub, kind: "http", critical: true}, 2+i))
	}
	for i, p := range businessParts() {
		if name == "emergency" && p.sub != "monitoring" {
			continue
		}
		biz.Components = append(biz.Components, w.part(name, name+"/business/"+p.name, p, 4+i))
	}
	data := backend.PlatformStatus{Name: "data"}
	for i, p := range dataParts() {
		if name == "emergency" && i > 4 {
			continue
		}
		data.Components = append(data.Components, w.part(name, name+"/data/"+p.name, p, 8+i))
	}
	s.Platforms = []backend.PlatformStatus{roll(biz), roll(data)}
	s.State = worst(append([]failoverplan.State{s.Gateway.State}, biz2(s)...))
	return s
}

func biz2(s backend.SiteStatus) []failoverplan.State {
	var out []failoverplan.State
	for _, p := range s.Platforms {
		out = append(out, p.State)
	}
	return out
}

func (w *World) part(site, target string, p part, i int) backend.ComponentStatus {
	c := backend.ComponentStatus{Name: p.name, Target: target, Kind: p.kind, Subsystem: p.sub, Critical: p.critical}
	if !w.warm {
		c.State = failoverplan.Unknown
		c.Detail = "not asked yet"
		if p.sync {
			c.Sync = &backend.SyncStatus{Policy: "sync", State: "unknown", LagS: -1}
		}
		return c
	}
	c.State, c.Since = failoverplan.Up, w.start.Add(time.Duration(i)*time.Second)
	c.LatencyMS = float64((i*7+w.jitter*(i%5+1)*3)%23) + 0.6
	c.Detail = "answers"
	switch p.kind {
	case "mysql":
		c.Detail = "replica, read-only"
		if site == w.data {
			c.Detail = "source, writable"
		}
	case "elasticsearch":
		c.Detail = "green, 12 804 documents"
	case "kafka":
		c.Detail = "2 partitions, leader elected"
	case "flink":
		c.Detail = "no job (standby)"
		if site == w.data {
			c.Detail = "job ingest RUNNING"
		}
	}
	policy := "none"
	if p.sync {
		policy = "sync"
	}
	if p.kind != "http" && p.kind != "flink" && p.kind != "kafka-connect" {
		c.Sync = &backend.SyncStatus{Policy: policy, LagS: -1}
		if p.sync {
			c.Sync.From, c.Sync.To, c.Sync.State = w.data, site, "streaming"
			c.Sync.LagS = 0.2
			if p.kind == "elasticsearch" {
				c.Sync.LagS = 1 + float64(w.jitter%2)
			}
			if site == w.data {
				c.Sync.State, c.Sync.LagS = "source", 0
				c.Sync.To = w.names()[1]
				if site != "primary" {
					c.Sync.To = "primary"
				}
			}
		}
	}
	if b, ok := w.how(target); ok {
		c.State, c.Detail, c.Since, c.LatencyMS = b.state, b.detail, b.since, 0
		if c.Sync != nil && p.sync && b.state == failoverplan.Down {
			c.Sync.State, c.Sync.LagS = "broken", -1
		}
	}
	return c
}

func worst(ss []failoverplan.State) failoverplan.State {
	rank := map[failoverplan.State]int{failoverplan.Up: 0, failoverplan.Degraded: 1, failoverplan.Stale: 2, failoverplan.Unknown: 3, failoverplan.Down: 4}
	out := failoverplan.Up
	for _, s := range ss {
		if rank[s] > rank[out] {
			out = s
		}
	}
	return out
}

func roll(p backend.PlatformStatus) backend.PlatformStatus {
	p.State = failoverplan.Up
	for _, c := range append(append([]backend.ComponentStatus(nil), p.Subsystems...), p.Components...) {
		if p.Since.Before(c.Since) {
			p.Since = c.Since
		}
		st := c.State
		if !c.Critical && st != failoverplan.Up {
			st = failoverplan.Degraded
		}
		if c.State != failoverplan.Up {
			p.Because = append(p.Because, c.Name+": "+c.Detail)
		}
		p.State = worst([]failoverplan.State{p.State, st})
	}
	return p
}

func (w *World) judge(st *backend.Status) (failoverplan.Case, backend.Advice) {
	if !w.warm {
		return failoverplan.CaseIsolated, backend.Advice{Action: "wait", Because: []string{"not every target has answered yet"}}
	}
	site := func(n string) backend.SiteStatus {
		for _, s := range st.Sites {
			if s.Name == n {
				return s
			}
		}
		return backend.SiteStatus{}
	}
	biz := site(w.serving).Platforms[0].State == failoverplan.Down || site(w.serving).Gateway.State == failoverplan.Down
	data := site(w.data).Platforms[1].State == failoverplan.Down
	other := "standby"
	if w.serving != "primary" {
		other = "primary"
	}
	adv := backend.Advice{Action: "failover", To: other}
	switch {
	case biz && data:
		adv.Because = []string{w.serving + ": business and data platform are down for 4 s (threshold 3 failures in a row)", other + " is up and has every record but the last 0.2 s"}
		return failoverplan.CaseSiteDown, adv
	case biz:
		adv.Because = []string{w.serving + "/business is down: monitoring and scheduling refuse connections (3 failures in a row, threshold 3)", other + "/business is up; " + w.data + "/data is up, so the upstream stays where it is"}
		return failoverplan.CaseBusinessDown, adv
	case data:
		adv.Because = []string{w.data + "/data is down: kafka and mysql do not answer", other + " is up; the upstream must move with the users"}
		return failoverplan.CaseDataDown, adv
	case w.serving != "primary":
		adv.Action, adv.To = "failback", "primary"
		adv.Because = []string{"primary has been up for 2 min"}
		adv.BlockedBy = []failoverplan.Gate{{Gate: "stable-home", Evidence: "primary has been up for 2 min of the 10 min required", ClearsWhen: "primary stays up until 14:15:02"}}
		return failoverplan.CaseNormal, adv
	default:
		return failoverplan.CaseNormal, backend.Advice{Action: "none", Because: []string{"every critical part of " + w.serving + " is up"}}
	}
}
