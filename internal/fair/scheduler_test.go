package fair_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"videoqa/internal/fair"
)

// order lets one caller for each context wait for the only slot while it is held, and
// returns the order in which they get it.
func order(t *testing.T, contexts ...context.Context) (got []int) {
	slots := fair.New(1)
	first, err := slots.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var waiting sync.WaitGroup
	for i, ctx := range contexts {
		waiting.Go(func() {
			done, err := slots.Acquire(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			got = append(got, i)
			done()
		})
		synctest.Wait()
	}
	if len(got) > 0 {
		t.Errorf("%v have a slot while the only one is held", got)
	}
	first()
	waiting.Wait()
	return got
}

func TestSlotsGoToTheKeysInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := fair.WithKey(t.Context(), "a"), fair.WithKey(t.Context(), "b")
		if got, want := order(t, a, a, a, b, b), []int{0, 3, 1, 4, 2}; !slices.Equal(got, want) {
			t.Errorf("slots went to %v, want %v", got, want)
		}
	})
}

func TestLowPriorityGoesLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := fair.WithKey(t.Context(), "a")
		if got, want := order(t, fair.LowPriority(a), fair.LowPriority(a), a, a), []int{2, 3, 0, 1}; !slices.Equal(got, want) {
			t.Errorf("slots went to %v, want %v", got, want)
		}
	})
}

func TestLowPriorityGetsASlotAfterEightOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		contexts := []context.Context{fair.LowPriority(t.Context())}
		for range 20 {
			contexts = append(contexts, t.Context())
		}
		if got := slices.Index(order(t, contexts...), 0); got != 8 {
			t.Errorf("a low-priority caller got its slot after %d of twenty others, want 8", got)
		}
	})
}

func TestACallerThatLeavesLosesNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots, gone := fair.New(2), errors.New("gone")
		first, _ := slots.Acquire(t.Context())
		second, _ := slots.Acquire(t.Context())
		ctx, leave := context.WithCancelCause(t.Context())
		left := make(chan error)
		for range 3 {
			go func() {
				_, err := slots.Acquire(ctx)
				left <- err
			}()
		}
		synctest.Wait()
		leave(gone)
		for range 3 {
			if err := <-left; !errors.Is(err, gone) {
				t.Errorf("acquire: %v, want %v", err, gone)
			}
		}
		if _, err := slots.Acquire(ctx); !errors.Is(err, gone) {
			t.Errorf("acquire with an ended context: %v, want %v", err, gone)
		}
		first()
		first() // again: gives back nothing
		third, _ := slots.Acquire(t.Context())
		blocked := make(chan func())
		go func() {
			fourth, _ := slots.Acquire(t.Context())
			blocked <- fourth
		}()
		synctest.Wait()
		select {
		case <-blocked:
			t.Error("a third caller has a slot while two hold both")
		default:
		}
		second()
		(<-blocked)()
		third()
	})
}

func TestNoSlotIsLostWhenGrantAndLeaveRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where a lost slot is a deadlock
		slots := fair.New(3)
		var all sync.WaitGroup
		for i := range 2000 {
			ctx, leave := context.WithCancel(fair.WithKey(t.Context(), string(rune('a'+i%7))))
			all.Go(func() {
				if done, err := slots.Acquire(ctx); err == nil {
					done()
				}
			})
			all.Go(leave)
		}
		all.Wait()
		for range 3 {
			if _, err := slots.Acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
