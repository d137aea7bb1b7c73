package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// folder is the sandbox's place on disk.
type folder struct {
	dir  string
	temp bool // made by us, removed at the end
	lock *os.File
}

// ErrRunning: another sandbox has the folder. Test with errors.Is.
var ErrRunning = errors.New("a sandbox runs there already")

// openFolder makes dir, or a temporary one, with its secrets below. Both are for
// this user only.
func openFolder(dir string) (*folder, error) {
	f := &folder{dir: dir}
	var err error
	if dir == "" {
		f.temp = true
		if f.dir, err = os.MkdirTemp("", "dutyops-sandbox-"); err != nil {
			return nil, fmt.Errorf("sandbox folder: %w", err)
		}
	} else if f.dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("sandbox folder: %w", err)
	}
	for _, d := range []string{f.dir, f.path("secrets"), f.path("savepoints")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("sandbox folder: %w (is %s writable?)", err, f.dir), f.close())
		}
	}
	if err := f.take(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// take locks the folder for as long as the sandbox lives, so that a second one does not
// write over the addresses of the first. The kernel ends the lock with the process.
func (f *folder) take() error {
	lock, err := os.OpenFile(f.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("sandbox folder: %w (is %s writable?)", err, f.dir)
	}
	f.lock = lock
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w: work on that one with `dutyops -c %s`, or give another --dir", f.dir, ErrRunning, f.path("dutyops.yaml"))
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	return nil
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// secret makes a new secret, puts it into a file of mode 0600, and returns both.
func (f *folder) secret(name string) (value, file string, err error) {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	value = base64.RawURLEncoding.EncodeToString(b[:])
	file, err = f.keep(name, value)
	return value, file, err
}

// keep puts a secret into its file.
func (f *folder) keep(name, value string) (string, error) {
	file := filepath.Join(f.path("secrets"), name)
	return file, writeFile(file, []byte(value+"\n"))
}

func (f *folder) writeJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return writeFile(f.path(name), append(b, '\n'))
}

func (f *folder) close() error {
	if f.lock != nil {
		_ = f.lock.Close() // nothing is written to it; closing ends the lock
	}
	if f.temp {
		return os.RemoveAll(f.dir)
	}
	return nil
}

// writeFile puts content into place in one step, for this user only.
func writeFile(path string, content []byte) error {
	t, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = t.Write(content)
	if err = errors.Join(err, t.Close()); err == nil {
		err = os.Rename(t.Name(), path)
	}
	if err != nil {
		_ = os.Remove(t.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
