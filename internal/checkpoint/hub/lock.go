package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"videoqa/internal/sleep"
)

// lock takes the lock file name as Python's filelock does, by flock, and returns
// what gives it back. It waits until it is free, or until ctx ends: flock
// itself cannot be interrupted, so it is asked again at growing intervals.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, disk(err)
	}
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		f, err := tryLock(name)
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", name, disk(err))
		}
		if f != nil {
			return func() { f.Close() }, nil // closing gives the lock back
		}
		if err := sleep.For(ctx, wait); err != nil {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
	}
}

// tryLock returns the locked file, or nil if another holds it or has just taken
// it away: some versions of filelock remove the file when they are done, and a
// lock on a removed file keeps nobody out.
func tryLock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, nil
		}
		return nil, err
	}
	mine, err1 := f.Stat()
	now, err2 := os.Stat(name)
	if err1 != nil || err2 != nil || !os.SameFile(mine, now) {
		f.Close()
		return nil, nil
	}
	return f, nil
}
