package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"videoqa/answers/store"
	"videoqa/internal/fault"
	"videoqa/internal/ops"
)

// What a part does has to be possible now, not to have been possible at the start: a
// full disk lets everything be read and refuses every question.

const (
	leastFree  = 4 << 20                 // bytes of a disk, less than which counts as full
	probed     = 64 << 10                // bytes written to find out
	probeKept  = 3 * time.Second         // what was found holds so long, however many ask
	probeLimit = 1500 * time.Millisecond // for one probe
)

// seldom has a check done every few seconds at most; in between it says what was
// found last.
func seldom(check ops.Check) ops.Check {
	var mu sync.Mutex // held while one asks, so that the others take over what it finds
	var at time.Time
	var found error
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if at.IsZero() || time.Since(at) >= probeKept {
			limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeLimit) // not ctx's own end: what is found is kept for others
			defer cancel()
			found, at = check(limited), time.Now()
		}
		return found
	}
}

// writable checks that a store can be written to. One that is busy is no reason: it is
// asked in another way whether it answers.
func writable(s store.Properties) ops.Check {
	return func(ctx context.Context) error {
		err := s.SetProperty(ctx, "last probe", time.Now().UTC().Format(time.RFC3339))
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	}
}

// room checks that a folder's disk takes files.
func room(dir string) ops.Check {
	return func(context.Context) error {
		var disk syscall.Statfs_t
		if err := syscall.Statfs(dir, &disk); err != nil {
			return fmt.Errorf("look at the disk of %s: %w", dir, err)
		}
		if free := disk.Bavail * uint64(disk.Bsize); free < leastFree {
			return fmt.Errorf("the disk of %s is full: %d KiB are free: %w", dir, free>>10, fault.Unavailable)
		}
		return probe(dir)
	}
}

// probe writes a file and removes it.
func probe(dir string) (err error) {
	file, err := os.CreateTemp(dir, ".probe-*.tmp")
	if err != nil {
		return fmt.Errorf("write to %s: %w: %w", dir, err, fault.Unavailable)
	}
	_, err = file.Write(make([]byte, probed))
	if err = errors.Join(err, file.Sync(), file.Close(), os.Remove(file.Name())); err != nil {
		return fmt.Errorf("write to %s: %w: %w", dir, err, fault.Unavailable)
	}
	return nil
}

// all is ready when each of checks is.
func all(checks ...ops.Check) ops.Check {
	return func(ctx context.Context) error {
		var failed error
		for _, check := range checks {
			failed = errors.Join(failed, check(ctx))
		}
		return failed
	}
}
