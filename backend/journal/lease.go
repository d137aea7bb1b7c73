package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Holder is who acts.
type Holder struct {
	Operator string    `json:"operator"`
	Host     string    `json:"host"`
	PID      int       `json:"pid"`
	Run      string    `json:"run"`
	Since    time.Time `json:"since"`
}

func (h Holder) String() string {
	return fmt.Sprintf("%s (pid %d on %s, run %s, since %s)", h.Operator, h.PID, h.Host, h.Run, h.Since.Format("15:04:05"))
}

// HeldError says who holds the lease.
type HeldError struct{ Holder Holder }

func (e *HeldError) Error() string { return "the lease is held by " + e.Holder.String() }

// Lease is the right to act: one operator acts, everybody sees (promise 8). It is a
// kernel file lock, so it ends with the process however the process ends.
type Lease struct{ f *os.File }

func leasePath(dir string) string { return filepath.Join(dir, "lease") }

// Acquire takes the lease, or returns *HeldError.
func (j *Journal) Acquire(h Holder) (*Lease, error) {
	f, err := os.OpenFile(leasePath(j.dir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, dirError(j.dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer func() { _ = f.Close() }()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			var held Holder
			_ = json.NewDecoder(f).Decode(&held)
			return nil, &HeldError{Holder: held}
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	b, err := json.Marshal(h)
	if err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = f.WriteAt(b, 0)
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, dirError(j.dir, err)
	}
	return &Lease{f: f}, nil
}

// Release gives the lease back.
func (l *Lease) Release() {
	_ = l.f.Truncate(0)
	_ = l.f.Close() // closing ends the lock
}

// LeaseHolder tells who holds the lease now; ok is false when nobody does. It
// looks through a shared lock that it drops at once.
func (j *Journal) LeaseHolder() (Holder, bool) {
	f, err := os.Open(leasePath(j.dir))
	if err != nil {
		return Holder{}, false
	}
	defer func() { _ = f.Close() }()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return Holder{}, false
	}
	var h Holder
	_ = json.NewDecoder(f).Decode(&h)
	return h, true
}
