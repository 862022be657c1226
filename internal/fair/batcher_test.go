package fair_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"videoqa/internal/fair"
)

var errGone = errors.New("gone")

// A recorder is a batcher with batches of at most four that notes what it ran. Its only
// slot is held until release is called.
type recorder struct {
	fair.Batcher[string, int]
	release func()
	runs    [][]int
	err     error
}

func newRecorder(t *testing.T) *recorder {
	p := &recorder{Batcher: fair.Batcher[string, int]{Scheduler: fair.New(1), Most: 4}}
	p.Run = func(_ context.Context, _ func(), work []int) error {
		p.runs = append(p.runs, work)
		return p.err
	}
	p.release, _ = p.Scheduler.Acquire(t.Context())
	return p
}

func TestCallersThatWaitWithOneKeyShareABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRecorder(t)
		var calls sync.WaitGroup
		for i, key := range []string{"x", "x", "y", "x", "x", "x"} {
			calls.Go(func() {
				if err := p.Do(t.Context(), key, 1, i); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		calls.Go(func() { p.Do(t.Context(), "y", 9, 6) }) // heavier than a batch may be
		synctest.Wait()
		p.release()
		calls.Wait()
		if got, want := fmt.Sprint(p.runs), "[[0 1 3 4] [2] [5] [6]]"; got != want {
			t.Errorf("ran %s, want %s", got, want)
		}
	})
}

// A caller that comes to alike low-priority work does not inherit the low priority.
func TestPrioritiesDoNotShareABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRecorder(t)
		var calls sync.WaitGroup
		for i, ctx := range []context.Context{fair.LowPriority(t.Context()), fair.LowPriority(t.Context()), t.Context()} {
			calls.Go(func() { p.Do(ctx, "x", 1, i) })
			synctest.Wait()
		}
		p.release()
		calls.Wait()
		if got, want := fmt.Sprint(p.runs), "[[2] [0 1]]"; got != want {
			t.Errorf("ran %s, want %s", got, want)
		}
	})
}

func TestABatchFailsForAllItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRecorder(t)
		p.err = errors.New("broken")
		failed := make(chan error)
		for i := range 2 {
			go func() { failed <- p.Do(t.Context(), "x", 1, i) }()
		}
		synctest.Wait()
		p.release()
		for range 2 {
			if err := <-failed; !errors.Is(err, p.err) {
				t.Errorf("do: %v, want %v", err, p.err)
			}
		}
	})
}

func TestABatchGoesOnWithoutACallerThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newRecorder(t)
		ctx, leave := context.WithCancelCause(t.Context())
		left, stayed := make(chan error), make(chan error)
		go func() { left <- p.Do(ctx, "x", 1, 0) }()
		synctest.Wait()
		go func() { stayed <- p.Do(t.Context(), "x", 1, 1) }()
		go func() { left <- p.Do(ctx, "y", 1, 2) }() // alone
		synctest.Wait()
		leave(errGone)
		for range 2 {
			if err := <-left; !errors.Is(err, errGone) {
				t.Errorf("do: %v, want %v", err, errGone)
			}
		}
		p.release()
		if err := <-stayed; err != nil {
			t.Error(err)
		}
		if got, want := fmt.Sprint(p.runs), "[[1]]"; got != want {
			t.Errorf("ran %s, want %s", got, want)
		}
	})
}

// A run goes on while one of its callers is there and ends with the last of them. No
// caller gets its work back earlier.
func TestABatchEndsWithItsLastCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		batcher := fair.Batcher[string, int]{Scheduler: fair.New(1), Most: 4}
		release, _ := batcher.Scheduler.Acquire(t.Context())
		batcher.Run = func(ctx context.Context, _ func(), work []int) error {
			<-ctx.Done()
			return fmt.Errorf("stopped %v: %w", work, context.Cause(ctx))
		}
		var ends []context.CancelCauseFunc
		over := make(chan int, 2)
		for i := range 2 {
			ctx, end := context.WithCancelCause(t.Context())
			ends = append(ends, end)
			go func() {
				if err := batcher.Do(ctx, "x", 1, i); !errors.Is(err, errGone) {
					t.Errorf("do: %v, want %v", err, errGone)
				}
				over <- i
			}()
		}
		synctest.Wait()
		release()
		synctest.Wait()
		ends[0](errGone)
		synctest.Wait()
		if len(over) > 0 {
			t.Error("a caller has returned while its work was being done for another")
		}
		ends[1](errGone)
		got := []int{<-over, <-over}
		if slices.Sort(got); !slices.Equal(got, []int{0, 1}) {
			t.Errorf("%v are over", got)
		}
		if _, err := batcher.Scheduler.Acquire(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
