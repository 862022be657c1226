package spool

import (
	"context"
	"fmt"
	"sync"
	"time"

	"videoqa/internal/fault"
)

// A tally is what all uploads take together. Other processes add to it and take
// from it, so it is counted by listing: what is to be added is announced where a
// listing finds it, and only then counted, so that of two processes that come at
// once at least one sees the other. Far from the quota, a count of a moment ago
// will do; nobody is refused by such a count.
type tally struct {
	quota  int64
	most   int64                                    // of one upload
	recent time.Duration                            // how long a count will do
	count  func(ctx context.Context) (int64, error) // lists what there is, and what is announced

	mu    sync.Mutex
	at    time.Time // of the last count
	total int64     // as counted then, and what this process announced since
}

// far is how much of the quota has to be free for a count of a moment ago to do:
// more than other processes can have added since.
func (t *tally) far() int64 { return max(t.quota/4, 4*t.most) }

// fits reports whether the quota holds what is announced, more bytes of it new.
func (t *tally) fits(ctx context.Context, more int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total += more
	if time.Since(t.at) < t.recent && t.total <= t.quota-t.far() {
		return nil
	}
	total, err := t.count(ctx)
	if err != nil {
		return err
	}
	t.at, t.total = time.Now(), total
	if total > t.quota {
		return full(total, t.quota)
	}
	return nil
}

// admits reports whether an upload of that size would fit by now, unannounced.
func (t *tally) admits(ctx context.Context, size int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.at) < t.recent && t.total+size <= t.quota-t.far() {
		return nil
	}
	total, err := t.count(ctx)
	if err != nil {
		return err
	}
	t.at, t.total = time.Now(), total
	if total+size > t.quota || total == t.quota {
		return fmt.Errorf("spool: %w", full(total+size, t.quota))
	}
	return nil
}

// full is how an upload is refused with which all would be too many bytes.
func full(total, quota int64) error {
	return fmt.Errorf("all uploads together would have %d bytes, and may have %d (--spool-quota): %w", total, quota, fault.Overloaded)
}

// tooLarge is how an upload of more than most bytes is refused.
func tooLarge(most int64) error {
	return fmt.Errorf("an upload may have %d bytes at most (--spool-max-bytes): %w", most, fault.TooLarge)
}
