package lru_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"videoqa/internal/lru"
)

func weight(_ string, v int) int64 { return int64(v) }

func holds(t *testing.T, c *lru.Cache[int], want map[string]bool) {
	t.Helper()
	for key, there := range want {
		if _, ok := c.Peek(key); ok != there {
			t.Errorf("%s is there: %v, want %v", key, ok, there)
		}
	}
}

func TestWhatWasUsedLastStays(t *testing.T) {
	c := lru.New(10, weight)
	c.Put("a", 4)
	for range 100 { // however often something was used before
		c.Find("a")
	}
	c.Put("b", 4)
	c.Find("b")
	c.Put("c", 4)
	holds(t, c, map[string]bool{"a": false, "b": true, "c": true})
	c.Put("b", 6)
	holds(t, c, map[string]bool{"b": true, "c": true})
	c.Put("d", 11) // more than fits
	c.Put("e", 10)
	holds(t, c, map[string]bool{"b": false, "c": false, "d": false, "e": true})
	c.Put("e", 11) // the old value is not the key's any more
	holds(t, c, map[string]bool{"e": false})
	if s := c.Stats(); s != (lru.Stats{Hits: 101, Evictions: 5}) {
		t.Errorf("have %+v", s)
	}
}

func TestAValueIsMadeOnceForAllWhoWait(t *testing.T) {
	c := lru.New(10, weight)
	began, goOn := make(chan struct{}), make(chan struct{})
	var asking sync.WaitGroup
	hits := make(chan bool, 8)
	ask := func(load func(context.Context) (int, error)) {
		v, hit, err := c.Get(t.Context(), "a", load)
		if v != 3 || err != nil {
			t.Errorf("have %d and %v", v, err)
		}
		hits <- hit
	}
	asking.Go(func() {
		ask(func(context.Context) (int, error) { close(began); <-goOn; return 3, nil })
	})
	<-began
	for range 7 {
		asking.Go(func() {
			ask(func(context.Context) (int, error) { return 0, errors.New("made twice") })
		})
	}
	for c.Stats().Hits < 7 { // all wait
	}
	close(goOn)
	asking.Wait()
	close(hits)
	made := 0
	for hit := range hits {
		if !hit {
			made++
		}
	}
	if made != 1 || c.Stats() != (lru.Stats{Hits: 7, Misses: 1, Bytes: 3}) {
		t.Errorf("made %d times; %+v", made, c.Stats())
	}
}

func TestAFailureIsOnlyItsOwn(t *testing.T) {
	c := lru.New(10, weight)
	began, goOn := make(chan struct{}), make(chan struct{})
	wrong := errors.New("wrong")
	var asking sync.WaitGroup
	asking.Go(func() {
		if _, hit, err := c.Get(t.Context(), "a", func(context.Context) (int, error) { close(began); <-goOn; return 0, wrong }); hit || err != wrong {
			t.Errorf("the first had %v, hit %v", err, hit)
		}
	})
	<-began
	ended, end := context.WithCancelCause(t.Context())
	asking.Go(func() {
		if _, _, err := c.Get(ended, "a", func(context.Context) (int, error) { return 0, nil }); err == nil || err.Error() != "gone" {
			t.Errorf("one that went had %v", err)
		}
	})
	asking.Go(func() {
		if v, hit, err := c.Get(t.Context(), "a", func(context.Context) (int, error) { return 5, nil }); v != 5 || hit || err != nil {
			t.Errorf("one that stayed had %d, %v, %v", v, hit, err)
		}
	})
	for c.Stats().Hits < 2 { // both wait
	}
	end(fmt.Errorf("gone"))
	close(goOn)
	asking.Wait()
}

func TestWhatIsForgottenWhileItIsMadeIsNotKept(t *testing.T) {
	c := lru.New(10, weight)
	v, _, err := c.Get(t.Context(), "a", func(context.Context) (int, error) { c.Forget("a"); return 2, nil })
	if v != 2 || err != nil {
		t.Errorf("have %d and %v", v, err)
	}
	c.Put("b", 2)
	c.Forget("b")
	holds(t, c, map[string]bool{"a": false, "b": false})
	if s := c.Stats(); s.Bytes != 0 || s.Evictions != 0 {
		t.Errorf("have %+v", s)
	}
}

func TestAPanicKeepsNobodyWaiting(t *testing.T) {
	c := lru.New(10, weight)
	func() {
		defer func() { recover() }()
		c.Get(t.Context(), "a", func(context.Context) (int, error) { panic("oh") })
	}()
	if v, hit, err := c.Get(t.Context(), "a", func(context.Context) (int, error) { return 1, nil }); v != 1 || hit || err != nil {
		t.Errorf("have %d, %v, %v", v, hit, err)
	}
}
