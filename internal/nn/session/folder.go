package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A folder is where one model's graphs and converted weights lie. Several
// processes may share it: files appear whole or not at all, and a process that writes
// holds the lock.
type folder string

// lock waits for the folder's lock, which other processes may hold while they
// convert weights, and returns the function that gives it back.
func (f folder) lock(ctx context.Context) (func(), error) {
	if err := os.MkdirAll(string(f), 0o755); err != nil {
		return nil, fmt.Errorf("session: make graph folder: %w", err)
	}
	file, err := os.OpenFile(f.path(".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("session: lock graph folder: %w", err)
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil // closing unlocks
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			file.Close()
			return nil, fmt.Errorf("session: lock graph folder %s: %w", f, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("session: wait for graph folder %s: %w", f, context.Cause(ctx))
		case <-again.C:
		}
	}
}

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

// size returns how long a file is, -1 if it does not exist.
func (f folder) size(name string) int64 {
	info, err := os.Stat(f.path(name))
	if err != nil {
		return -1
	}
	return info.Size()
}

// keep makes sure that the file holds content, writing it if it does not. The
// caller holds the lock.
func (f folder) keep(name string, content []byte) error {
	if old, err := os.ReadFile(f.path(name)); err == nil && bytes.Equal(old, content) {
		return nil
	}
	return f.write(name, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// An early writer has the system write what it is given to the disk while more is made,
// so that little is left to wait for at the end.
type early struct {
	file        *os.File
	size, asked int64
}

func (e *early) Write(b []byte) (int, error) {
	const some = 16 << 20
	n, err := e.file.Write(b)
	if e.size += int64(n); e.size-e.asked >= some {
		_ = unix.SyncFileRange(int(e.file.Fd()), e.asked, e.size-e.asked, unix.SYNC_FILE_RANGE_WRITE) // where it fails, the end waits
		e.asked = e.size
	}
	return n, err
}

// write makes a file whole or not at all. The caller holds the lock.
func (f folder) write(name string, fill func(io.Writer) error) error {
	file, err := os.CreateTemp(string(f), "."+name+"-*")
	if err != nil {
		return fmt.Errorf("session: write %s: %w", name, err)
	}
	defer os.Remove(file.Name()) // gone already when all went well
	err = fill(&early{file: file})
	if err == nil {
		err = file.Chmod(0o644)
	}
	if err == nil {
		err = file.Sync() // a crash must not leave a whole-looking file of zeros
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), f.path(name))
	}
	if err != nil {
		return fmt.Errorf("session: write %s: %w", f.path(name), err)
	}
	return nil
}
