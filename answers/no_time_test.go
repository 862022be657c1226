package answers_test

import (
	"slices"
	"testing"

	"videoqa/answers"
	"videoqa/ingest"
)

func TestAQuestionAboutTimeOnOnePictureIsNoted(t *testing.T) {
	s := service(t, answers.Config{})
	clip, still := subject(t, "world/demo/yard.mp4"), subject(t, "world/demo/harbour.jpg")
	for _, tc := range []struct {
		name     string
		sub      answers.Subject
		question ingest.Question
		want     bool
	}{
		{"a picture", still, ingest.Question{Text: "which way does the boat move?"}, true},
		{"a picture, of a closed kind", still, ingest.Question{Text: "does the boat move?", Kind: ingest.YesNo}, true},
		{"another question about a picture", still, ingest.Question{Text: "where is the boat?"}, false},
		{"a caption of a picture", still, ingest.Question{}, false},
		{"a clip", clip, ingest.Question{Text: "which way does the dog move?"}, false},
		{"one frame of a clip", clip, ingest.Question{Text: "which way does the dog move?", Frames: 1}, true},
	} {
		a := ask(t, s, tc.sub, tc.question)[0]
		if got := slices.Contains(a.Sampling.Notes, ingest.NoTime); got != tc.want {
			t.Errorf("%s: %q is noted %v", tc.name, tc.question.Text, a.Sampling.Notes)
		}
	}
}
