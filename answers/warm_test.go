package answers_test

import (
	"testing"

	"videoqa/answers"
	"videoqa/ingest"
)

func TestAClipThatWasLookedAtAheadIsNearlyWarm(t *testing.T) {
	s := service(t, answers.Config{})
	clip := subject(t, "world/demo/yard.mp4")
	for range 2 {
		if err := s.Warm(t.Context(), clip); err != nil {
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
