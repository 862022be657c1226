package answers_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"videoqa/answers"
	"videoqa/ingest"
	"videoqa/internal/checkpoint"
	"videoqa/internal/models"
)

// The checkpoints lie as transformers 5.24 saved them, image settings in processor_config.json,
// and the answers are what it gave; testdata/transformers5/make.py made both.
func TestCheckpointsOfTransformers5AnswerAsThere(t *testing.T) {
	const folder = "../testdata/transformers5"
	text, err := os.ReadFile(filepath.Join(folder, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden []struct {
		Checkpoint, Media string
		Answers           []struct {
			Question, Answer string
			Score            float64
		}
	}
	if err := json.Unmarshal(text, &golden); err != nil || len(golden) != 2 {
		t.Fatalf("%d checkpoints, %v", len(golden), err)
	}
	for _, g := range golden {
		c, err := checkpoint.Open(filepath.Join(folder, g.Checkpoint))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		m, err := models.Open(t.Context(), c, models.Config{CacheDir: t.TempDir(), Library: library(t)})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if v := m.Vision(); v.Settings != checkpoint.ProcessorFile || v.Ignored != "" {
			t.Errorf("%s: image settings are those of %q, and %q is ignored", g.Checkpoint, v.Settings, v.Ignored)
		}
		s := service(t, answers.Config{Model: m})
		for _, want := range g.Answers {
			a := ask(t, s, subject(t, "clips/"+g.Media), ingest.Question{Text: want.Question})[0]
			if a.Text != want.Answer || math.Abs(a.Score/want.Score-1) > 0.05 {
				t.Errorf("%s: %q: %q with score %v; transformers has %q with %v", g.Checkpoint, want.Question, a.Text, a.Score, want.Answer, want.Score)
			}
		}
	}
}
