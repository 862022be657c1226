// Package fair shares a few slots among many callers, and batches callers that wait
// with alike requests.
//
//	s := fair.New(2)
//	ctx = fair.WithKey(ctx, camera) // on whose behalf the work is done
//	release, err := s.Acquire(ctx)  // anywhere below
//	defer release()
//
// Slots go to the waiting keys in turn, and within a key in the order of arrival: a key
// with a thousand waiting callers delays another key by one slot. No caller waits while
// a slot is free.
package fair

import (
	"context"
	"sync"
)

type (
	fairnessKey    struct{}
	lowPriorityKey struct{}
)

// WithKey returns ctx for work on behalf of key, the fairness key: a camera, or a clip.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, fairnessKey{}, key)
}

// LowPriority returns ctx for work that lets other work go first, up to a limit.
func LowPriority(ctx context.Context) context.Context {
	return context.WithValue(ctx, lowPriorityKey{}, true)
}

func isLowPriority(ctx context.Context) bool { return ctx.Value(lowPriorityKey{}) != nil }

// A Scheduler gives out a fixed number of slots. Many goroutines may use it.
type Scheduler struct {
	mu         sync.Mutex
	free       int
	waiting    Queue[*waiter]
	waitingLow Queue[*waiter] // with low priority
	passed     int            // slots given to others while a low-priority caller waited
}

// mostPassed is how many slots go to others before a low-priority caller gets one:
// some other caller may wait for its result.
const mostPassed = 8

type waiter struct{ granted chan struct{} } // closed under the lock

// New returns a scheduler of that many slots, at least one.
func New(slots int) *Scheduler { return &Scheduler{free: max(1, slots)} }

// Acquire waits for a slot. It returns the cause of ctx's end if ctx ends first.
// release gives the slot back; further calls of it do nothing.
func (s *Scheduler) Acquire(ctx context.Context) (release func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	key, _ := ctx.Value(fairnessKey{}).(string)
	queue := &s.waiting
	if isLowPriority(ctx) {
		queue = &s.waitingLow
	}
	w := &waiter{make(chan struct{})}
	s.mu.Lock()
	queue.Add(key, w)
	s.grant()
	s.mu.Unlock()
	select {
	case <-w.granted:
		return sync.OnceFunc(s.release), nil
	case <-ctx.Done():
		s.leave(queue, key, w)
		return nil, context.Cause(ctx)
	}
}

func (s *Scheduler) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	s.grant()
}

// leave removes w from its queue. If w was granted a slot meanwhile, the slot goes to
// the next caller.
func (s *Scheduler) leave(queue *Queue[*waiter], key string, w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-w.granted:
		s.free++
		s.grant()
	default:
		queue.Remove(key, w)
	}
}

// grant gives the free slots to callers that wait.
func (s *Scheduler) grant() {
	for s.free > 0 {
		w, ok := s.next()
		if !ok {
			return
		}
		s.free--
		close(w.granted)
	}
}

func (s *Scheduler) next() (*waiter, bool) {
	switch {
	case s.waitingLow.Keys() == 0:
		s.passed = 0
		return s.waiting.Next(AnyKey)
	case s.waiting.Keys() == 0 || s.passed >= mostPassed:
		s.passed = 0
		return s.waitingLow.Next(AnyKey)
	}
	s.passed++
	return s.waiting.Next(AnyKey)
}
