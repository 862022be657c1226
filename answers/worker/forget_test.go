package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"videoqa/answers/store/sqlite"
	"videoqa/answers/worker"
	"videoqa/ingest"
)

// forgetful is an asker that notes what it is to forget.
type forgetful struct {
	*asker
	mu   sync.Mutex
	told []string
	down bool
}

func (f *forgetful) Forget(_ context.Context, clipID string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return errors.New("the cache is down")
	}
	f.told = append(f.told, clipID)
	return nil
}

// set reports whether forgetting works, and returns what was forgotten since the last time.
func (f *forgetful) set(down bool) (told []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, told, f.told = down, f.told, nil
	slices.Sort(told)
	return slices.Compact(told)
}

func TestADeletedClipIsEvictedFromTheCaches(t *testing.T) {
	inBubble(t, func(b *bubble) {
		f := &forgetful{asker: b.house.asker}
		b.stop()
		b.run(func(c *worker.Config) { c.Asker = f })
		want := func(when string, want ...string) {
			t.Helper()
			if told := f.set(false); fmt.Sprint(told) != fmt.Sprint(want) {
				t.Errorf("%s, %q are forgotten; want %q", when, told, want)
			}
		}
		for i := range 4 {
			b.send(ingest.TopicClips, b.house.clip(fmt.Sprint("c-", i), "a dog"))
		}
		want("before anything was deleted")
		b.pass(time.Second) // what happens at a moment counts from the next
		b.send(ingest.TopicClips, ingest.DeletedClip{ID: "c-0"}, ofDeletion...)
		want("as the event came", "c-0")
		b.house.change(func(s *sqlite.Store) { // another process is told
			if err := s.DeleteClip(context.Background(), "c-1", time.Now()); err != nil {
				t.Error(err)
			}
		})
		b.pass(5 * time.Second)
		want("when another process was told", "c-0", "c-1")
		b.pass(50 * time.Second)
		f.set(true)
		b.send(ingest.TopicClips, ingest.DeletedClip{ID: "c-2"}, ofDeletion...)
		b.pass(3 * time.Minute)
		want("while the cache was down")
		b.pass(5 * time.Second)
		want("when it was back", "c-0", "c-1", "c-2")
		b.pass(time.Hour)
		want("later")
	})
}

func TestClipsDeletedWhileNoWorkerRanAreEvictedAtTheStart(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.stop()
		b.house.change(func(s *sqlite.Store) {
			if err := s.DeleteClip(context.Background(), "c-1", time.Now()); err != nil {
				t.Error(err)
			}
		})
		b.pass(time.Hour)
		f := &forgetful{asker: b.house.asker}
		b.run(func(c *worker.Config) { c.Asker = f })
		b.pass(time.Second)
		if told := f.set(false); !slices.Equal(told, []string{"c-1"}) {
			t.Errorf("%q are forgotten; want c-1", told)
		}
	})
}
