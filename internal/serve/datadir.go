package serve

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// A dataDir is the folder of one running service: its broker's topics, its store
// and its spool. It is locked until it is closed.
type dataDir struct {
	path string
	lock *os.File
}

// openDataDir makes the folder if need be and locks it. The lock is the
// kernel's, so it ends with its process, however that ends.
func openDataDir(path string) (*dataDir, error) {
	for _, dir := range []string{path, filepath.Join(path, "spool")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("serve: make the data folder: %w", err)
		}
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("serve: lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("another videoqa is running on it; give this one another with --data-dir or VIDEOQA_DATA_DIR")
		}
		return nil, errors.Join(fmt.Errorf("serve: lock the data folder %s: %w", path, err), lock.Close())
	}
	return &dataDir{path, lock}, nil
}

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// Close lets the next one in.
func (d *dataDir) Close() error { return d.lock.Close() }
