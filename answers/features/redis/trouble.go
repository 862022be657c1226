package redis

import (
	"context"
	"errors"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
)

// A trouble remembers calls that failed.
type trouble struct {
	mu      sync.Mutex
	count   int64
	last    error     // that a server or the network gave, not the breaker
	refused time.Time // when a server answered last, and would not do it
}

// note counts what became of a call. Who gave up asking says nothing about Redis.
func (t *trouble) note(err error, counts bool) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if counts {
		t.count++
	}
	if !errors.Is(err, gobreaker.ErrOpenState) && !errors.Is(err, gobreaker.ErrTooManyRequests) {
		t.last = err
	}
	if refusal := goredis.Error(nil); errors.As(err, &refusal) {
		t.refused = time.Now()
	}
}

// recent is how long a server that refused to do something is said to be in trouble:
// one that has no room refuses to write and goes on to be read.
const recent = time.Minute

func (t *trouble) refusedOf(now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused.IsZero() || now.Sub(t.refused) > recent {
		return nil
	}
	return t.last
}

// Failures returns how many calls failed so far, those that the breaker kept back
// included, and what the last one that was made met; nil: none failed.
func (s *Store) Failures() (n int64, last error) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	return s.trouble.count, s.trouble.last
}

// Check returns nil if Redis answers now and has refused nothing for a minute, else
// what is wrong.
func (s *Store) Check(ctx context.Context) error {
	if err := s.trouble.refusedOf(time.Now()); err != nil {
		return err
	}
	err := s.try(ctx, false, func(ctx context.Context) error { return s.client.Ping(ctx).Err() })
	if err == nil {
		return nil
	}
	if _, last := s.Failures(); last != nil {
		return last // and not that the breaker is open
	}
	return err
}
