package probes

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// recording is what a healthy server of each kind said on one connection, so that it can
// be said again by one that is not healthy: these protocols' servers need not listen.
func recording(t testing.TB, kind string) string {
	t.Helper()
	tg := targetAt(kind, "", "")
	var behind string
	switch kind {
	case "mysql":
		behind = newFakeMySQL(t, "", map[string]myAnswer{
			"SELECT @@version": mariaHead("0"), "SELECT @@gtid": mariaAt("0-1-5", "0-1-5", ""), "SHOW": {},
		}).addr
	case "redis":
		tg.User = ""
		behind = fakeRedis(t, map[string]string{"role": "master", "redis_version": "7.0.15"}, nil)
	case "rabbitmq":
		tg.User, tg.URL, tg.Queue = "duty", "", "notifications"
		behind = newFakeRabbit(t, "").addr
	case "kafka":
		tg.User, tg.Topics = "", nil
		_, brokers := kafkaCluster(t)
		behind = brokers[0]
	default:
		behind = strings.TrimPrefix(api(t, nil), "http://")
	}
	var mu sync.Mutex
	var said strings.Builder
	once := true
	tape := listen(t, func(c net.Conn) {
		var d net.Dialer
		up, err := d.DialContext(t.Context(), "tcp", behind)
		if err != nil {
			return
		}
		defer func() { _ = up.Close() }()
		mu.Lock()
		first := once
		once = false
		mu.Unlock()
		go func() { _, _ = io.Copy(up, c); _ = up.Close() }()
		buf := make([]byte, 4096)
		for {
			n, err := up.Read(buf)
			if first {
				mu.Lock()
				said.Write(buf[:n])
				mu.Unlock()
			}
			if _, werr := c.Write(buf[:n]); err != nil || werr != nil {
				return
			}
		}
	})
	tg.Address, tg.Brokers = tape, []string{tape}
	if tg.URL != "" {
		tg.URL = "http://" + tape
	}
	p := must(t, tg)
	ask(t, p, 10*time.Second)
	_ = p.Close()
	mu.Lock()
	defer mu.Unlock()
	return said.String()
}

// perform says a recording again, in turns where the protocol has them: a MySQL client
// takes an answer that comes before its question for garbage and looks no further.
func perform(c net.Conn, kind, said string) {
	for turn := 0; said != ""; turn++ {
		n := len(said)
		if kind == "mysql" {
			n = firstTurn(said, turn)
		}
		if _, err := io.WriteString(c, said[:n]); err != nil {
			return
		}
		if said = said[n:]; said != "" {
			if _, err := c.Read(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}
}

// firstTurn is the length of what a MySQL server says until it is the client's turn: the
// greeting, the answer to the login, then answers whose first packet is number 1.
func firstTurn(said string, turn int) int {
	for at, i := 0, 0; ; i++ {
		if len(said)-at < 4 {
			return len(said)
		}
		if i > 0 && (turn < 2 || said[at+3] == 1) {
			return at
		}
		if at += 4 + (int(said[at]) | int(said[at+1])<<8 | int(said[at+2])<<16); at >= len(said) {
			return len(said)
		}
	}
}

// mysqlIn is what a server says to a newcomer until the first question is asked.
func mysqlIn(t testing.TB) string {
	said := recording(t, "mysql")
	return said[:4+int(said[0])] + mysqlPacket(2, "\x00\x00\x00\x02\x00\x00\x00")
}

// hostileTarget is a target of the kind that asks addr; rabbitmq is asked over AMQP.
func hostileTarget(kind, addr, secret string) Target {
	tg := targetAt(kind, addr, secret)
	if kind == "rabbitmq" {
		tg.URL = ""
	}
	return tg
}

// TestHostileWithoutEnd: a server that goes on for ever costs a bounded number of bytes
// and no more than the time-out.
func TestHostileWithoutEnd(t *testing.T) {
	begin := map[string]string{
		"http": "HTTP/1.1 200 OK\r\n\r\n{\"a\":\"", "redis": "$1000000\r\n", "mysql": "", "kafka": "\x00\x3f\xff\xff", "rabbitmq": "",
	}
	repeat := map[string]string{
		"mysql":    "", // rows without end, made below
		"rabbitmq": "\x08\x00\x00\x00\x00\x00\x00\xce",
	}
	for _, kind := range streamKinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			said, again := recording(t, kind), repeat[kind]
			switch kind {
			case "rabbitmq": // the greeting, then heartbeats only
				said = said[:7+binary.BigEndian.Uint32([]byte(said[3:7]))+1]
			case "mysql": // the login, then rows of 60 KB for ever
				said = mysqlIn(t) + mysqlPacket(1, "\x01") + mysqlPacket(2, "\x03def\x00\x00\x00\x01a\x01a\x0c\x21\x00\xff\x00\x00\x00\xfd\x00\x00\x00\x00\x00") + mysqlPacket(3, "\xfe\x00\x00\x02\x00")
			default:
				said = begin[kind]
				if said == "" {
					said = begin["http"]
				}
			}
			var sent atomic.Int64
			addr := listen(t, func(c net.Conn) {
				perform(c, kind, said)
				go func() { _, _ = io.Copy(io.Discard, c) }()
				block := strings.Repeat("a", 60_000)
				if again != "" {
					block = strings.Repeat(again, 60_000/len(again))
				}
				for seq := byte(4); ; seq++ {
					if kind == "mysql" {
						block = mysqlPacket(seq, "\xfd\x50\xea\x00"+strings.Repeat("a", 60_000))
					}
					n, err := io.WriteString(c, block)
					sent.Add(int64(n))
					if err != nil {
						return
					}
				}
			})
			r := ask(t, must(t, hostileTarget(kind, addr, "")), 20*time.Second)
			if r.Status != StatusDown || !containsAny(r.Detail, []string{"answers, but not as " + kind + ": ", "no answer within"}) {
				t.Fatalf("got %s %q\n%s", r.Status, r.Detail, strings.Join(r.Transcript, "\n"))
			}
			checkFit(t, r, "")
			// what the kernel had room for is not ours
			if n := sent.Load(); n > 4*maxIncoming {
				t.Errorf("%d MB were taken", n>>20)
			}
		})
	}
}

func mysqlPacket(seq byte, payload string) string {
	n := len(payload)
	return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}) + payload
}

// TestHostileDrip: a server that sends a true answer, a byte now and then, is not waited
// for longer than the time-out.
func TestHostileDrip(t *testing.T) {
	const budget = 300 * time.Millisecond // is meant to be used up
	for _, kind := range streamKinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			said := recording(t, kind)
			addr := listen(t, func(c net.Conn) {
				go func() { _, _ = io.Copy(io.Discard, c); _ = c.Close() }()
				tick := time.NewTicker(50 * time.Millisecond)
				defer tick.Stop()
				for i := range len(said) {
					<-tick.C
					if _, err := io.WriteString(c, said[i:i+1]); err != nil {
						return
					}
				}
			})
			p := must(t, hostileTarget(kind, addr, ""))
			for range 2 {
				r := ask(t, p, budget)
				if r.Status != StatusDown || !strings.Contains(r.Detail, "no answer within ") {
					if kind != "rabbitmq" || r.Status != StatusDegraded || !strings.Contains(r.Detail, "greets, but the login takes longer") {
						t.Errorf("got %s %q\n%s", r.Status, r.Detail, strings.Join(r.Transcript, "\n"))
					}
				}
				checkFit(t, r, "")
			}
		})
	}
}

// TestHostileOtherProtocol: whatever else listens there, it is not taken for the
// component, and the transcript shows what it said or that it hung up.
func TestHostileOtherProtocol(t *testing.T) {
	for name, said := range map[string]string{
		"ssh": "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "smtp": "220 mail ESMTP\r\n", "a web server": "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		"redis": "-ERR unknown command 'GET'\r\n", "mysql": recording(t, "mysql"), "amqp": "AMQP\x00\x00\x09\x01", "a TLS alert": "\x15\x03\x03\x00\x02\x02\x28",
	} {
		for _, kind := range streamKinds() {
			if kind == name {
				continue
			}
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				addr := listen(t, func(c net.Conn) {
					_, _ = io.WriteString(c, said)
					_ = c.(*net.TCPConn).CloseWrite()
					_, _ = io.Copy(io.Discard, c)
				})
				r := ask(t, must(t, hostileTarget(kind, addr, "")), 10*time.Second)
				if name == "a TLS alert" {
					if r.Status == StatusUp || r.Status == StatusDegraded {
						t.Errorf("got %s %q", r.Status, r.Detail)
					}
				} else if r.Status != StatusDown && !(kind == "redis" && r.Status != StatusUp) {
					t.Errorf("got %s %q\n%s", r.Status, r.Detail, strings.Join(r.Transcript, "\n"))
				}
				checkFit(t, r, "")
			})
		}
	}
}

// TestHostileTruncated: a true answer that ends early, at any byte, is an answer of its
// own kind: told, in time, and never an accident of the reader.
func TestHostileTruncated(t *testing.T) {
	for _, kind := range streamKinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			said := recording(t, kind)
			var upTo atomic.Int64
			addr := listen(t, func(c net.Conn) {
				perform(c, kind, said[:upTo.Load()])
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c)
			})
			for i := 0; i < len(said); i += max(1, len(said)/24) {
				upTo.Store(int64(i))
				p := must(t, hostileTarget(kind, addr, ""))
				r := ask(t, p, 10*time.Second)
				_ = p.Close()
				if strings.Contains(r.Detail, "the probe itself failed") || r.Detail == "" {
					t.Fatalf("%d of %d bytes: %s %q\n%s", i, len(said), r.Status, r.Detail, strings.Join(r.Transcript, "\n"))
				}
				// a broker that hangs up in the login may mean the password
				if i < len(said)/2 && r.Status != StatusDown && kind != "rabbitmq" {
					t.Errorf("%d of %d bytes: %s %q", i, len(said), r.Status, r.Detail)
				}
				if r.Status != StatusUp {
					checkFit(t, r, "")
				}
			}
		})
	}
}

// TestHostileSizes: a size that is announced is not believed. Not parallel: it counts
// what the process allocates.
func TestHostileSizes(t *testing.T) {
	gigabyte := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n{"
	my := mysqlIn(t)
	for name, c := range map[string]struct {
		kind, said string
	}{
		"a body of 1 GB, http":            {"http", gigabyte},
		"a body of 1 GB, elasticsearch":   {"elasticsearch", gigabyte},
		"a body of 1 GB, flink":           {"flink", gigabyte},
		"a body of 1 GB, kafka-connect":   {"kafka-connect", gigabyte},
		"a chunk of 1 GB":                 {"http", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n{"},
		"a bulk of 1 GB":                  {"redis", "$1073741824\r\n"},
		"an array of 1,000,000,000":       {"redis", "*1000000000\r\n"},
		"arrays in arrays":                {"redis", strings.Repeat("*1\r\n", 1<<20)},
		"10,000,000,000 columns":          {"mysql", my + mysqlPacket(1, "\xfe\x00\xe4\x0b\x54\x02\x00\x00\x00")},
		"-1 columns":                      {"mysql", my + mysqlPacket(1, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff")},
		"a packet of 16 MB":               {"mysql", my + "\xff\xff\xff\x01"},
		"an answer of 1 GB":               {"kafka", "\x40\x00\x00\x00\x00\x00\x00\x00"},
		"a frame of 4 GB":                 {"rabbitmq", "\x01\x00\x00\xff\xff\xff\xff\x00\x0a\x00\x0a\x00\x09\x7f\xff\xff\xff"},
		"a server's name of 2 GB":         {"rabbitmq", "\x01\x00\x00\x00\x00\x0f\x00\x00\x0a\x00\x0a\x00\x09\x00\x00\x3f\x00\x01aS\x7f\xff\xff\xff"},
		"a table of 2 GB":                 {"rabbitmq", "\x01\x00\x00\x00\x00\x0f\x00\x00\x0a\x00\x0a\x00\x09\x7f\xff\xff\xff\x01aV"},
		"a number of versions, 1 to 2^31": {"kafka", "\x00\x00\x00\x0c\x00\x00\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := listen(t, func(conn net.Conn) {
				perform(conn, c.kind, c.said)
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
			})
			p := must(t, hostileTarget(c.kind, addr, ""))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := ask(t, p, 10*time.Second)
			runtime.ReadMemStats(&after)
			if r.Status != StatusDown {
				t.Errorf("got %s %q\n%s", r.Status, r.Detail, strings.Join(r.Transcript, "\n"))
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 2*maxIncoming {
				t.Errorf("%d MB were made room for", got>>20)
			}
			checkFit(t, r, "")
		})
	}
}

// TestHostileDocuments: what is small on the line and large in memory.
func TestHostileDocuments(t *testing.T) {
	docs := map[string]string{
		"deep": strings.Repeat(`{"jobs":[`, 400_000), "wide": `{"jobs":[{}` + strings.Repeat(",{}", 1_200_000) + "]}",
	}
	for name, doc := range docs {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, doc) }))
		t.Cleanup(s.Close)
		for _, kind := range []string{"elasticsearch", "flink", "kafka-connect"} {
			r := ask(t, must(t, Target{Kind: kind, URL: s.URL, Job: "ingest"}), 20*time.Second)
			wantAnswer(t, r, StatusDown, fmt.Sprintf("answers, but not as %s: unreadable answer: the answer is larger than any can be", kind))
			if t.Failed() {
				t.Fatal(name)
			}
			checkFit(t, r, "")
		}
	}
}
