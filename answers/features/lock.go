package features

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"videoqa/internal/sleep"
)

// A process that finds a picture claimed by another looks again after the first time, tries
// to claim it itself after the second, and encodes it without a claim when a process
// that works would have been done. A process that is gone loses its lock before.
const (
	lookAgain = 40 * time.Millisecond
	tryAgain  = time.Second
	patience  = time.Minute
)

// lock divides places into those that this process computes and those that others
// are computing. Where no lock can be had all are ours: twice is better than never.
// What somebody computed just before the lock was ours goes to out.
func (c *Cache) lock(ctx context.Context, keys []string, places []int, out [][]float32) (ours, theirs []int, unlock func()) {
	locker, ok := c.store.(Locker)
	if !ok || len(places) == 0 {
		return places, nil, func() {}
	}
	held, release, err := locker.Lock(ctx, pick(keys, places))
	if err != nil {
		c.failed.Add(1)
		return places, nil, func() {}
	}
	for n, i := range places {
		if held[n] {
			ours = append(ours, i)
		} else {
			theirs = append(theirs, i)
		}
	}
	ours, _ = c.look(ctx, keys, ours, out)
	return ours, theirs, sync.OnceFunc(release)
}

func pick(keys []string, places []int) []string {
	names := make([]string, len(places))
	for n, i := range places {
		names[n] = keys[i]
	}
	return names
}

// poll waits for what others compute, for so long, and returns what did not come. A
// store that goes down is not waited for.
func (c *Cache) poll(ctx context.Context, keys []string, places []int, out [][]float32, so time.Duration) (left []int, down bool, err error) {
	left = places
	for until := time.Now().Add(so); len(left) > 0 && time.Now().Before(until); {
		if err := sleep.For(ctx, lookAgain/2+rand.N(lookAgain)); err != nil {
			return nil, false, err
		}
		var failed error
		if left, failed = c.look(ctx, keys, left, out); failed != nil {
			return left, true, nil
		}
	}
	return left, false, nil
}

// look reads places once, and returns those that are not there.
func (c *Cache) look(ctx context.Context, keys []string, places []int, out [][]float32) (left []int, err error) {
	if len(places) == 0 {
		return nil, nil
	}
	vectors := make([][]float32, len(places))
	got, err := c.get(ctx, pick(keys, places), vectors)
	c.waited.Add(int64(got))
	for n, i := range places {
		if out[i] = vectors[n]; out[i] == nil {
			left = append(left, i)
		}
	}
	return left, err
}
