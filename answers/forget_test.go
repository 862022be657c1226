package answers_test

import (
	"testing"
	"time"

	"videoqa/answers"
	"videoqa/answers/features"
	"videoqa/ingest"
	"videoqa/internal/models"
)

// Two processes share a store and remember for themselves too. Of what either
// knows of a clip nothing is left when both were told to forget it, and of another
// clip everything is.
func TestAForgottenClipIsLookedAtAnew(t *testing.T) {
	shared, model := sharedStore(t), openDemo(t, models.Config{})
	process := func() *answers.Service {
		return service(t, answers.Config{Model: model, Features: features.NewNear(features.NewMemory(1<<28), shared)})
	}
	first, second := process(), process()
	q := ingest.Question{ID: "q-1", Text: "what is it?"}
	gone, kept := subject(t, "clips/b-pyramid.mp4"), subject(t, "clips/vfr.mkv")
	gone.ClipID, kept.ClipID = "c-gone", "c-kept"
	span := answers.Footage{From: ten, To: ten.Add(1500 * time.Millisecond), Clips: []answers.FootageClip{recorded(t, "c-gone", "b-pyramid.mp4", ten)}}
	nameless := gone
	nameless.ClipID = ""
	for _, s := range []*answers.Service{first, second} {
		ask(t, s, nameless, q) // the same pictures were encoded before for somebody without a name
		ask(t, s, gone, q)
		ask(t, s, kept, q)
		askFootage(t, s, span)
		for name, warm := range map[string]ingest.Answer{"the clip": ask(t, s, gone, q)[0], "the other": ask(t, s, kept, q)[0], "its range": askFootage(t, s, span)} {
			if warm.Cache.FramesMiss != 0 || warm.Cache.Prefix != "hit" {
				t.Errorf("%s is not remembered: %+v", name, warm.Cache)
			}
		}
	}
	for _, s := range []*answers.Service{first, second} {
		if err := s.Forget(t.Context(), "c-gone"); err != nil {
			t.Fatal(err)
		}
		if a := ask(t, s, kept, q)[0]; a.Cache.FramesMiss != 0 || a.Cache.Prefix != "hit" {
			t.Errorf("another clip was forgotten too: %+v", a.Cache)
		}
	}
	// The second asks for nothing that the first has computed again meanwhile.
	a, b := ask(t, first, gone, q)[0], askFootage(t, second, span)
	if a.Cache.FramesMiss != len(a.Sampling.Frames) || a.Cache.Prefix != "miss" || a.Cost.DecodeMS == 0 {
		t.Errorf("the clip is still known: %+v", a.Cache)
	}
	if b.Cache.FramesMiss == 0 || b.Cache.Prefix != "miss" || b.Cost.DecodeMS == 0 {
		t.Errorf("its range is still known: %+v", b.Cache)
	}
}
