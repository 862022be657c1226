package answers_test

import (
	"errors"
	"strings"
	"testing"

	"videoqa/answers"
	"videoqa/ingest"
	"videoqa/internal/fault"
	"videoqa/internal/models"
	"videoqa/internal/vlm"
)

func TestTwoModelsAnswerInOneServiceAsEachDoesAlone(t *testing.T) {
	exact, rounded := openNamed(t, "exact", models.Config{Precision: vlm.FP32}), openNamed(t, "rounded", models.Config{Precision: vlm.INT8})
	clip := subject(t, "clips/b-pyramid.mp4")
	both := service(t, answers.Config{Model: exact, More: []answers.Model{rounded}})
	var mixed []ingest.Question
	for i, q := range everyKind {
		q.ID = "q-" + string(rune('a'+i))
		for _, name := range []string{"", "exact", "rounded"} {
			q.Model = name
			mixed = append(mixed, q)
		}
	}
	together := ask(t, both, clip, mixed...)
	for i, q := range mixed {
		alone := exact
		if q.Model == "rounded" {
			alone = rounded
		}
		want := ask(t, service(t, answers.Config{Model: alone}), clip, q)[0]
		got := together[i]
		if got.Text != want.Text || got.Model != want.Model || got.ID != want.ID || got.Score-want.Score > 1e-5 || want.Score-got.Score > 1e-5 {
			t.Errorf("%q to %q: together %v by %v; alone %v", q.Text, q.Model, got.Text, got.Model, want.Text)
		}
	}
	if a, b := together[0], together[2]; a.ID == b.ID || a.Model == b.Model || a.Score == b.Score {
		t.Errorf("two models gave one answer: %+v and %+v", a, b)
	}
}

func TestAQuestionToAModelThatIsNotThereSaysWhichAre(t *testing.T) {
	s := service(t, answers.Config{Model: openNamed(t, "one", models.Config{Precision: vlm.FP32}), More: []answers.Model{openNamed(t, "two", models.Config{Precision: vlm.FP32})}})
	results, err := s.Ask(t.Context(), subject(t, "clips/b-pyramid.mp4"), []ingest.Question{{Text: "a?", Model: "three"}, {Text: "what is this?", Model: "two"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := results[0].Err; !errors.Is(err, fault.UnknownModel) || !strings.Contains(err.Error(), "one, two") {
		t.Errorf("asked of a third model: %v", err)
	}
	if results[1].Err != nil || results[1].Answer.Model.Name != "two" {
		t.Errorf("asked beside it: %+v", results[1])
	}
	if _, err := answers.New(answers.Config{Model: openNamed(t, "same", models.Config{Precision: vlm.FP32}), More: []answers.Model{openNamed(t, "same", models.Config{Precision: vlm.INT8})}}); !errors.Is(err, fault.BadRequest) {
		t.Errorf("two models of one name: %v", err)
	}
}

func TestLookingAheadIsForTheModelThatIsAsked(t *testing.T) {
	s := service(t, answers.Config{Model: openNamed(t, "exact", models.Config{Precision: vlm.FP32}), More: []answers.Model{openNamed(t, "rounded", models.Config{Precision: vlm.INT8})}})
	clip := subject(t, "clips/b-pyramid.mp4")
	if err := s.Warm(t.Context(), clip, "rounded"); err != nil {
		t.Fatal(err)
	}
	if a := ask(t, s, clip, ingest.Question{Text: "what is this?", Model: "rounded"})[0]; a.Cache.FramesMiss != 0 {
		t.Errorf("the model that was looked ahead for encoded %d frames", a.Cache.FramesMiss)
	}
	if a := ask(t, s, clip, ingest.Question{Text: "what is this?"})[0]; a.Cache.FramesHit != 0 {
		t.Errorf("the other model found %d frames' features of another", a.Cache.FramesHit)
	}
	if err := s.Warm(t.Context(), clip, "none"); !errors.Is(err, fault.UnknownModel) {
		t.Errorf("looking ahead for a model that is not there: %v", err)
	}
}
