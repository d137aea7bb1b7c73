package mysqld

import (
	"context"
	"sync"
	"time"
)

// sourceConf is what CHANGE MASTER says.
type sourceConf struct {
	host           string
	port           int
	user, password string
	currentPos     bool // MASTER_USE_GTID=current_pos, else slave_pos
	retry          time.Duration
	heartbeat      time.Duration
	delay          time.Duration
}

// thread is the state of the I/O or the SQL thread.
type thread struct {
	cancel context.CancelFunc // nil while not running
	done   chan struct{}
	state  string // I/O: "Connecting", "Yes"
	errno  uint16
	msg    string
	errAt  time.Time
}

func (t *thread) running() bool { return t.cancel != nil }

// replica is the half of a server that follows a source: the I/O thread fills the
// relay, the SQL thread empties it. Lock order: engine, replica, log.
type replica struct {
	srv     *Server
	changed signal // position, relay or settings

	mu         sync.Mutex
	conf       sourceConf
	configured bool
	pos        position // gtid_slave_pos
	received   position // Gtid_IO_Pos
	relay      []event
	lag        time.Duration
	io, sql    thread
}

// maxRelay bounds what waits to be applied; beyond it the source feels it.
const maxRelay = 200_000

func newReplica(s *Server) *replica { return &replica{srv: s, pos: position{}} }

// position is gtid_slave_pos.
func (r *replica) position() position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pos.clone()
}

// setLag is the fault; it adds to MASTER_DELAY.
func (r *replica) setLag(d time.Duration) {
	r.mu.Lock()
	r.lag = max(d, 0)
	r.mu.Unlock()
	r.changed.notify()
}

func errRunning() error {
	return errorf(1198, "HY000", "This operation cannot be performed as you have a running slave ''; run STOP SLAVE '' first")
}

// setPosition is SET GLOBAL gtid_slave_pos. As in strict mode, what the own log
// holds of this server must not be older than the new position.
func (r *replica) setPosition(text string) error {
	p, err := parsePosition(text)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.io.running() || r.sql.running() {
		return errRunning()
	}
	for d, g := range r.srv.log.position() {
		if g.server != r.srv.opt.ServerID {
			continue
		}
		switch want, ok := p[d]; {
		case !ok:
			return errorf(1948, "HY000", "Specified value for @@gtid_slave_pos contains no value for replication domain %d. This conflicts with the binary log which contains GTID %s. If MASTER_GTID_POS=CURRENT_POS is used, the binlog position will override the new value of @@gtid_slave_pos", d, g)
		case want.seq < g.seq:
			return errorf(1947, "HY000", "Specified GTID %s conflicts with the binary log which contains a more recent GTID %s. If MASTER_GTID_POS=CURRENT_POS is used, the binlog position will override the new value of @@gtid_slave_pos", want, g)
		}
	}
	r.pos = p
	r.changed.notify()
	return nil
}

// change is CHANGE MASTER.
func (r *replica) change(f func(*sourceConf) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.io.running() || r.sql.running() {
		return errRunning()
	}
	conf := r.conf
	if !r.configured {
		conf = sourceConf{port: 3306, retry: time.Minute, heartbeat: 30 * time.Second}
	}
	if err := f(&conf); err != nil {
		return err
	}
	r.conf, r.configured = conf, true
	r.io.errno, r.io.msg, r.sql.errno, r.sql.msg = 0, "", 0, ""
	r.relay, r.received = nil, nil
	return nil
}

// start runs the threads asked for; one that runs already goes on.
func (r *replica) start(io, sql bool) error {
	if r.srv.opt.ServerID == 0 {
		return errorf(1200, "HY000", "Misconfigured slave: server_id was not set")
	}
	current := r.srv.currentPos()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.configured || r.conf.host == "" {
		return errorf(1200, "HY000", "Misconfigured slave: MASTER_HOST was not set; Fix in config file or with CHANGE MASTER TO")
	}
	if r.srv.ctx.Err() != nil {
		return errKilled()
	}
	if io && !r.io.running() {
		if !r.sql.running() || r.received == nil {
			// Both were stopped: what is in the relay is fetched again.
			r.relay = nil
			r.received = r.pos.clone()
			if r.conf.currentPos {
				r.received = current
			}
		}
		r.io.msg, r.io.errno = "", 0
		r.launch(&r.io, "Connecting", r.runIO)
	}
	if sql && !r.sql.running() {
		r.sql.msg, r.sql.errno = "", 0
		r.launch(&r.sql, "Yes", r.runSQL)
	}
	return nil
}

func (r *replica) launch(t *thread, state string, f func(context.Context)) {
	ctx, cancel := context.WithCancel(r.srv.ctx)
	done := make(chan struct{})
	t.cancel, t.done, t.state = cancel, done, state
	r.srv.wg.Go(func() {
		defer close(done)
		f(ctx)
		cancel()
		r.mu.Lock()
		t.cancel, t.state = nil, "No"
		r.mu.Unlock()
		r.changed.notify()
	})
}

// stop ends the threads asked for and waits until they have ended.
func (r *replica) stop(io, sql bool) {
	r.mu.Lock()
	var wait []chan struct{}
	for _, t := range []struct {
		want bool
		t    *thread
	}{{io, &r.io}, {sql, &r.sql}} {
		if t.want && t.t.running() {
			t.t.cancel()
			wait = append(wait, t.t.done)
		}
	}
	r.mu.Unlock()
	for _, done := range wait {
		<-done
	}
}

// shutdown ends both when the server closes.
func (r *replica) shutdown() { r.stop(true, true) }

// reset is RESET SLAVE [ALL]. gtid_slave_pos stays.
func (r *replica) reset(all bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.io.running() || r.sql.running() {
		return errRunning()
	}
	r.relay, r.received = nil, nil
	r.io.errno, r.io.msg, r.sql.errno, r.sql.msg = 0, "", 0, ""
	if all {
		r.conf, r.configured = sourceConf{}, false
	}
	return nil
}

// fail notes an error of a thread.
func (r *replica) fail(t *thread, code uint16, msg string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.errno, t.msg, t.errAt = code, msg, time.Now()
}

// runSQL applies the relay in order.
func (r *replica) runSQL(ctx context.Context) {
	for {
		moved := r.changed.wait()
		freed := r.srv.unlocked.wait()
		head, wait, ok := r.head()
		if !ok {
			select {
			case <-moved:
				continue
			case <-ctx.Done():
				return
			}
		}
		if wait > 0 {
			t := time.NewTimer(wait)
			select {
			case <-moved:
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return
			}
			t.Stop()
			continue
		}
		applied, err := r.applyHead(ctx, head)
		switch {
		case err != nil:
			se := asSQL(err)
			r.fail(&r.sql, se.code, se.msg)
			return
		case !applied: // somebody holds the global read lock
			select {
			case <-freed:
			case <-moved:
			case <-ctx.Done():
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// head is the next event and how long it must still wait.
func (r *replica) head() (e event, wait time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.relay) == 0 {
		return event{}, 0, false
	}
	e = r.relay[0]
	return e, time.Until(e.at.Add(r.lag + r.conf.delay)), true
}

// applyHead applies e if it is still the next one.
func (r *replica) applyHead(ctx context.Context, e event) (bool, error) {
	s := r.srv
	s.eng.mu.Lock()
	defer s.eng.mu.Unlock()
	s.mu.Lock()
	frozen := s.frozen != nil
	s.mu.Unlock()
	if frozen || ctx.Err() != nil {
		return false, nil
	}
	r.mu.Lock()
	same := len(r.relay) > 0 && r.relay[0].id == e.id
	r.mu.Unlock()
	if !same { // taken back meanwhile
		return true, nil
	}
	if last := s.log.position()[e.id.domain]; e.id.seq <= last.seq {
		return false, errorf(1950, "HY000", "An attempt was made to binlog GTID %s which would create an out-of-order sequence number with existing GTID %s, and gtid strict mode is enabled", e.id, last)
	}
	cs, err := decodeChanges(e.body)
	if err != nil {
		return false, err
	}
	if err := s.eng.applyChanges(cs); err != nil {
		return false, err
	}
	if _, _, err := s.log.append(e, false); err != nil {
		return false, err
	}
	s.log.adopted(e.id)
	r.mu.Lock()
	r.relay = r.relay[1:]
	r.pos[e.id.domain] = e.id
	r.mu.Unlock()
	r.changed.notify()
	return true, nil
}
