//go:build integration

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Usage is what one server holds in memory.
type Usage struct {
	Name string
	// Bytes is its resident memory, that of what it has started included.
	Bytes int64
}

// Memory is what each running server holds now.
func (f *Full) Memory() []Usage {
	resident := residentByGroup()
	var out []Usage
	add := func(name string, procs ...*proc) {
		u := Usage{Name: name}
		for _, p := range procs {
			u.Bytes += resident[p.group()]
		}
		out = append(out, u)
	}
	for _, s := range []*Site{f.Primary, f.Standby} {
		d := f.Data[s.Name]
		for _, x := range []struct {
			what  string
			procs []*proc
		}{
			{"Kafka", []*proc{d.Kafka.proc}},
			{"Kafka Connect", []*proc{d.Mirror.proc}},
			{"MySQL", []*proc{d.MySQL.proc}},
			{"OpenSearch", []*proc{d.Search.proc}},
			{"Flink", []*proc{d.Flink.jobs, d.Flink.tasks}},
			{"RabbitMQ", []*proc{d.Rabbit.proc, d.Rabbit.epmd}},
			{"MariaDB", []*proc{s.Maria.proc}},
			{"Redis", []*proc{s.Redis.proc}},
			{"archive", []*proc{f.Archives[s.Name].proc}},
			{"nginx", []*proc{f.Gateways[s.Name].proc}},
		} {
			add(x.what+" of "+s.Name, x.procs...)
		}
	}
	add("BIND and Unbound", f.DNS.named.proc, f.DNS.unbound.proc)
	return out
}

// group is the process group of a running server; 0 of one that does not run.
func (p *proc) group() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// residentByGroup sums the resident memory of all processes by their process group
// (proc_pid_stat(5)).
func residentByGroup() map[int]int64 {
	out := map[int]int64{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return out
	}
	for _, path := range stats {
		b, err := os.ReadFile(path) //nolint:gosec // below /proc
		if err != nil {
			continue // it has ended meanwhile
		}
		// The name, in brackets, may hold anything.
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(f) < 22 {
			continue
		}
		group, err1 := strconv.Atoi(f[2])
		pages, err2 := strconv.ParseInt(f[21], 10, 64)
		if err1 == nil && err2 == nil {
			out[group] += pages * int64(os.Getpagesize())
		}
	}
	delete(out, 0)
	return out
}

func (u Usage) String() string { return fmt.Sprintf("%-28s %5d MB", u.Name, u.Bytes>>20) }
