package turns_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"videoqa/internal/turns"
)

// order has each of lines ask for the only turn, in that order, while another holds
// it, and returns the order in which they get it.
func order(t *testing.T, contexts ...context.Context) (got []int) {
	queue := turns.New(1)
	first, err := queue.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var waiting sync.WaitGroup
	for i, ctx := range contexts {
		waiting.Go(func() {
			done, err := queue.Take(ctx)
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
		t.Errorf("%v had a turn while another had the only one", got)
	}
	first()
	waiting.Wait()
	return got
}

func TestTurnsGoRoundAmongLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := turns.Line(t.Context(), "a"), turns.Line(t.Context(), "b")
		if got, want := order(t, a, a, a, b, b), []int{0, 3, 1, 4, 2}; !slices.Equal(got, want) {
			t.Errorf("turns went to %v, want %v", got, want)
		}
	})
}

func TestTurnsOfOthersComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := turns.Line(t.Context(), "a")
		if got, want := order(t, turns.Behind(a), turns.Behind(a), a, a), []int{2, 3, 0, 1}; !slices.Equal(got, want) {
			t.Errorf("turns went to %v, want %v", got, want)
		}
	})
}

func TestThoseWhoGiveWayAreNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		contexts := []context.Context{turns.Behind(t.Context())}
		for range 20 {
			contexts = append(contexts, t.Context())
		}
		if got := slices.Index(order(t, contexts...), 0); got != 8 {
			t.Errorf("who gives way to twenty has its turn after %d, want 8", got)
		}
	})
}

func TestTurnsAreNotLostByThoseWhoLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue, gone := turns.New(2), errors.New("gone")
		first, _ := queue.Take(t.Context())
		second, _ := queue.Take(t.Context())
		ctx, leave := context.WithCancelCause(t.Context())
		left := make(chan error)
		for range 3 {
			go func() {
				_, err := queue.Take(ctx)
				left <- err
			}()
		}
		synctest.Wait()
		leave(gone)
		for range 3 {
			if err := <-left; !errors.Is(err, gone) {
				t.Errorf("take: %v, want %v", err, gone)
			}
		}
		if _, err := queue.Take(ctx); !errors.Is(err, gone) {
			t.Errorf("take after the end: %v, want %v", err, gone)
		}
		first()
		first() // again: no second turn
		third, _ := queue.Take(t.Context())
		blocked := make(chan func())
		go func() {
			fourth, _ := queue.Take(t.Context())
			blocked <- fourth
		}()
		synctest.Wait()
		select {
		case <-blocked:
			t.Error("a third has a turn while two have the two")
		default:
		}
		second()
		(<-blocked)()
		third()
	})
}

// The race between a turn being granted and its waiter leaving has to lose nothing.
func TestTurnsUnderLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where a turn that is lost is a deadlock
		queue := turns.New(3)
		var all sync.WaitGroup
		for i := range 2000 {
			ctx, leave := context.WithCancel(turns.Line(t.Context(), string(rune('a'+i%7))))
			all.Go(func() {
				if done, err := queue.Take(ctx); err == nil {
					done()
				}
			})
			all.Go(leave)
		}
		all.Wait()
		for range 3 {
			if _, err := queue.Take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
