package flinkd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// trigger is a savepoint somebody asked for. Methods are safe for concurrent use.
type trigger struct {
	job string

	mu       sync.Mutex
	done     bool
	location string
	cause    string
}

func (t *trigger) complete(location string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done, t.location = true, location
}

func (t *trigger) fail(cause string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done, t.cause = true, cause
}

// giveUp fails what has not come to an end.
func (t *trigger) giveUp(cause string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.done {
		t.done, t.cause = true, cause
	}
}

// metadata is the name of the file in a savepoint's folder, as Flink has it.
const metadata = "_metadata"

// encodePositions is what a savepoint holds: {"FEED": SEQ}.
func encodePositions(p map[string]int64) []byte {
	b, _ := json.Marshal(p) // a map of numbers always is JSON
	return append(b, '\n')
}

// inside resolves a path or file URI and refuses what is not in the savepoint folder.
func (s *Server) inside(path string) (string, error) {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "file://"), "file:")
	root, err := filepath.Abs(s.o.SavepointDir)
	if err != nil {
		return "", fmt.Errorf("savepoint folder: %w", err)
	}
	if path == "" {
		return root, nil
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", fmt.Errorf("savepoint path: %w", err)
	}
	rel, err := filepath.Rel(root, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", fmt.Errorf("%s is not in the savepoint folder %s", path, root)
	}
	return path, nil
}

// writeSavepoint stores positions so that they are either there whole or not at all.
func (s *Server) writeSavepoint(dir, job string, p map[string]int64) (location string, n int, _ error) {
	root, err := s.inside(dir)
	if err != nil {
		return "", 0, err
	}
	folder := filepath.Join(root, "savepoint-"+job[:6]+"-"+newID(6))
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return "", 0, err
	}
	b := encodePositions(p)
	file := filepath.Join(folder, metadata)
	if err := os.WriteFile(file+".part", b, 0o600); err != nil {
		return "", 0, err
	}
	if err := os.Rename(file+".part", file); err != nil {
		return "", 0, err
	}
	return "file://" + folder, len(b), nil
}

// readSavepoint gives a savepoint's positions.
func (s *Server) readSavepoint(path string) (map[string]int64, error) {
	file, err := s.inside(path)
	if err != nil {
		return nil, err
	}
	if filepath.Base(file) != metadata {
		file = filepath.Join(file, metadata)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("java.io.FileNotFoundException: Cannot find checkpoint or savepoint file/directory '%s' on file system 'file'", path)
		}
		return nil, err
	}
	var p map[string]int64
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("savepoint %s is damaged: %w", path, err)
	}
	if p == nil {
		p = map[string]int64{}
	}
	return p, nil
}
