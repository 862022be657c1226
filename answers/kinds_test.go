package answers

import (
	"math"
	"testing"

	"videoqa/ingest"
)

func TestMostMergesSpellingsOfOneAnswer(t *testing.T) {
	for _, tc := range []struct {
		name       string
		candidates []candidate
		logs       []float64
		answer     string
		share      float64
	}{
		{"two spellings together outweigh a third", []candidate{{answer: "1"}, {answer: "2"}, {answer: "2"}}, []float64{math.Log(.4), math.Log(.3), math.Log(.3)}, "2", .6},
		{"of equals the first", []candidate{{answer: "yes"}, {answer: "no"}}, []float64{-3, -3}, "yes", .5},
		{"shares do not depend on how unlikely all are", []candidate{{answer: "yes"}, {answer: "no"}}, []float64{-2000, -2000 - math.Log(3)}, "yes", .75},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer, share := most(tc.candidates, tc.logs)
			if answer != tc.answer || math.Abs(share-tc.share) > 1e-12 {
				t.Errorf("most(%v, %v) = %s, %v; want %s, %v", tc.candidates, tc.logs, answer, share, tc.answer, tc.share)
			}
		})
	}
}

func TestCountSpellsDigitsAndWords(t *testing.T) {
	texts, required := closed(ingest.Question{Text: "how many?", Kind: ingest.Count})
	if len(texts) != 42 || required {
		t.Fatalf("%d spellings, all required %v; want 42, false", len(texts), required)
	}
	for _, want := range []spelled{{"0", "zero"}, {"7", "7"}, {"20", "twenty"}} {
		found := false
		for _, s := range texts {
			found = found || s == want
		}
		if !found {
			t.Errorf("%v is missing", want)
		}
	}
}
