package worker_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/answers/worker"
	"videoqa/ingest"
)

// A foresighted asker notes what it looks at ahead.
type foresighted struct {
	*asker
	mu   sync.Mutex
	seen []string
}

func (f *foresighted) Warm(_ context.Context, about answers.About, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch s := about.(type) {
	case answers.Footage:
		f.seen = append(f.seen, fmt.Sprint(s.Clips[0].ID, " ", s.To.Sub(s.From)))
	case answers.Subject:
		f.seen = append(f.seen, s.ClipID)
	}
	return nil
}

func (f *foresighted) ahead() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

// Of a camera that is asked about ranges, new clips are looked at as those would be.
func TestFootageIsPrefetchedInRangesOfTheLengthLastAskedFor(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.stop()
		f := &foresighted{asker: b.house.asker}
		b.run(func(c *worker.Config) { c.Asker = f })
		b.record("c-1", "a dog", 0, 10)
		b.pass(time.Second)
		b.askRange("q-1", 0, 5, nil)
		b.record("c-2", "a cow", 10, 20)
		b.pass(time.Second)
		if got, want := f.ahead(), []string{"c-1", "c-2 5s", "c-2 5s"}; !slices.Equal(got, want) {
			t.Errorf("looked ahead at %q; want %q", got, want)
		}
	})
}

func TestClipsArePrefetchedWhileNoQuestionWaits(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.stop()
		f := &foresighted{asker: b.house.asker}
		f.asker.hold = make(chan struct{})
		b.run(func(c *worker.Config) { c.Asker, c.Slots, c.Ahead = f, 1, 2 })
		b.send(ingest.TopicClips, b.house.clip("c-0", "a dog"))
		b.pass(time.Second)
		if got := f.ahead(); !slices.Equal(got, []string{"c-0"}) {
			t.Errorf("looked ahead at %v", got)
		}
		b.ask(ingest.Question{ID: "q-0", Text: "a?", ClipID: "c-0"}) // is asked
		b.ask(ingest.Question{ID: "q-1", Text: "b?", ClipID: "c-0"}) // waits
		for i := range 4 {
			b.send(ingest.TopicClips, b.house.clip(fmt.Sprint("c-", i+1), "a dog"))
		}
		b.pass(time.Minute)
		if got := f.ahead(); len(got) != 1 {
			t.Errorf("looked ahead at %v while a question waited", got)
		}
		close(f.asker.hold)
		b.pass(time.Second)
		if got := f.ahead(); !slices.Equal(got, []string{"c-0", "c-4", "c-3"}) { // of four, the two oldest were forgotten
			t.Errorf("looked ahead at %v", got)
		}
	})
}
