package answers_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"

	"videoqa/answers"
	"videoqa/ingest"
	"videoqa/internal/models"
)

// Many who ask about one new clip at a time: it is read once, and all have the
// answer that one alone gets.
func TestOneClipsCallersShareItsWork(t *testing.T) {
	model, clip := openDemo(t, models.Config{}), subject(t, "clips/b-pyramid.mp4")
	question := ingest.Question{ID: "q-1", Text: "what is it?"}
	want := ask(t, service(t, answers.Config{Model: model}), clip, question)[0]
	s := service(t, answers.Config{Model: model})
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if got := ask(t, s, clip, question)[0]; got.ID != want.ID || got.Text != want.Text || math.Abs(got.Score-want.Score) > 1e-6 { // sums in another order
				t.Errorf("got %s %q %v, want %s %q %v", got.ID, got.Text, got.Score, want.ID, want.Text, want.Score)
			}
		})
	}
	all.Wait()
	if n := s.Features().Encoded; n != 6 {
		t.Errorf("%d frames were encoded, want 6", n)
	}
	if c := s.Prefixes(); c.Bytes == 0 || c.Misses > 12 {
		t.Errorf("prefixes: %+v", c)
	}
}

// Some who give up must not take the answer from the others.
func TestCallersThatGiveUpLeaveTheOthersTheirAnswers(t *testing.T) {
	model, clip := openDemo(t, models.Config{}), subject(t, "clips/b-pyramid.mp4")
	for range 5 {
		s := service(t, answers.Config{Model: model})
		gone, end := context.WithCancelCause(t.Context())
		reason := errors.New("gone")
		var all sync.WaitGroup
		for i := range 12 {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = gone
			}
			all.Go(func() {
				results, err := s.Ask(ctx, clip, []ingest.Question{{ID: "q-1", Text: "what is it?"}})
				if err == nil {
					err = results[0].Err
				}
				if err != nil && (ctx != gone || !errors.Is(err, reason)) {
					t.Errorf("caller %d: %v", i, err)
				}
			})
		}
		all.Go(func() { end(reason) })
		all.Wait()
	}
}
