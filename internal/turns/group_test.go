package turns_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"videoqa/internal/turns"
)

var errGone = errors.New("gone")

// A press is groups of at most four that note what they ran, behind a turn that is
// held until it is let go.
type press struct {
	turns.Groups[string, int]
	hold func()
	runs [][]int
	err  error
}

func newPress(t *testing.T) *press {
	p := &press{Groups: turns.Groups[string, int]{Turns: turns.New(1), Most: 4}}
	p.Run = func(_ context.Context, _ func(), work []int) error {
		p.runs = append(p.runs, work)
		return p.err
	}
	p.hold, _ = p.Turns.Take(t.Context())
	return p
}

func TestGroupsTakeAlongWhoeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t)
		var calls sync.WaitGroup
		for i, key := range []string{"x", "x", "y", "x", "x", "x"} {
			calls.Go(func() {
				if err := p.Do(t.Context(), key, 1, i); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		calls.Go(func() { p.Do(t.Context(), "y", 9, 6) }) // more than a group may weigh
		synctest.Wait()
		p.hold()
		calls.Wait()
		if got, want := fmt.Sprint(p.runs), "[[0 1 3 4] [2] [5] [6]]"; got != want {
			t.Errorf("ran %s, want %s", got, want)
		}
	})
}

// Whoever comes to like work that gives way does not give way with it.
func TestGroupsOfThoseWhoGiveWayAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t)
		var calls sync.WaitGroup
		for i, ctx := range []context.Context{turns.Behind(t.Context()), turns.Behind(t.Context()), t.Context()} {
			calls.Go(func() { p.Do(ctx, "x", 1, i) })
			synctest.Wait()
		}
		p.hold()
		calls.Wait()
		if got, want := fmt.Sprint(p.runs), "[[2] [0 1]]"; got != want {
			t.Errorf("ran %s, want %s", got, want)
		}
	})
}

func TestGroupsFailTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t)
		p.err = errors.New("broken")
		failed := make(chan error)
		for i := range 2 {
			go func() { failed <- p.Do(t.Context(), "x", 1, i) }()
		}
		synctest.Wait()
		p.hold()
		for range 2 {
			if err := <-failed; !errors.Is(err, p.err) {
				t.Errorf("do: %v, want %v", err, p.err)
			}
		}
	})
}

func TestGroupsGoOnWithoutWhoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t)
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
		p.hold()
		if err := <-stayed; err != nil {
			t.Error(err)
		}
		if got, want := fmt.Sprint(p.runs), "[[1]]"; got != want {
			t.Errorf("ran %s, want %s", got, want)
		}
	})
}

// A run goes on while one of its members is there, and ends with the last of them;
// nobody's work is let go before.
func TestGroupsEndWithTheirLastMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups := turns.Groups[string, int]{Turns: turns.New(1), Most: 4}
		hold, _ := groups.Turns.Take(t.Context())
		groups.Run = func(ctx context.Context, _ func(), work []int) error {
			<-ctx.Done()
			return fmt.Errorf("stopped %v: %w", work, context.Cause(ctx))
		}
		var ends []context.CancelCauseFunc
		over := make(chan int, 2)
		for i := range 2 {
			ctx, end := context.WithCancelCause(t.Context())
			ends = append(ends, end)
			go func() {
				if err := groups.Do(ctx, "x", 1, i); !errors.Is(err, errGone) {
					t.Errorf("do: %v, want %v", err, errGone)
				}
				over <- i
			}()
		}
		synctest.Wait()
		hold()
		synctest.Wait()
		ends[0](errGone)
		synctest.Wait()
		if len(over) > 0 {
			t.Error("a member has left while its work was being done for another")
		}
		ends[1](errGone)
		got := []int{<-over, <-over}
		if slices.Sort(got); !slices.Equal(got, []int{0, 1}) {
			t.Errorf("%v are over", got)
		}
		if _, err := groups.Turns.Take(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
