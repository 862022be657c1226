package answers_test

import (
	"context"
	"sync/atomic"
	"testing"

	"videoqa/answers"
	"videoqa/answers/features"
	"videoqa/ingest"
)

func TestAClipThatWasLookedAtAheadIsNearlyWarm(t *testing.T) {
	s := service(t, answers.Config{})
	clip := subject(t, "world/demo/yard.mp4")
	for range 2 {
		if err := s.Warm(t.Context(), clip, ""); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Features().Encoded; n != 6 {
		t.Errorf("%d frames were encoded ahead; want 6, once", n)
	}
	results, err := s.Ask(t.Context(), clip, []ingest.Question{{ID: "q-1", Text: "what is it?"}})
	if err != nil || results[0].Err != nil {
		t.Fatal(results, err)
	}
	if a := results[0].Answer; a.Cache.FramesHit != 6 || a.Cache.FramesMiss != 0 || a.Text != "the dog" {
		t.Errorf("%+v %s", a.Cache, a.Text)
	}
}

// A countingStore counts the values that it is asked for.
type countingStore struct {
	features.Store
	asked atomic.Int64
}

func (s *countingStore) Get(ctx context.Context, keys []string) ([][]byte, error) {
	s.asked.Add(int64(len(keys)))
	return s.Store.Get(ctx, keys)
}

// Six frames' features take longer to open and check than much else of a warm answer.
func TestAClipWhosePrefixIsKnownNeedsNoFeatures(t *testing.T) {
	store := &countingStore{Store: features.NewMemory(1 << 26)}
	s := service(t, answers.Config{Features: store})
	clip := subject(t, "world/demo/yard.mp4")
	first := ask(t, s, clip, ingest.Question{Text: "what is it?"})
	before := store.asked.Load()
	second := ask(t, s, clip, ingest.Question{Text: "what is it?"})
	if n := store.asked.Load() - before; n > 0 {
		t.Errorf("%d features were read for a clip whose prefix is known", n)
	}
	if c := second[0].Cache; c != (ingest.CacheUse{FramesHit: 6, Prefix: "hit"}) || second[0].ID != first[0].ID || second[0].Score != first[0].Score {
		t.Errorf("%+v after %+v", second[0], first[0])
	}
}
