package gitvideo

import (
	"math"
	"testing"
)

func TestMostMergesSpellingsOfOneAnswer(t *testing.T) {
	for _, tc := range []struct {
		name    string
		choices []spelledChoice
		logs    []float64
		answer  string
		share   float64
	}{
		{"two spellings together outweigh a third", []spelledChoice{{answer: "1"}, {answer: "2"}, {answer: "2"}}, []float64{math.Log(.4), math.Log(.3), math.Log(.3)}, "2", .6},
		{"of equals the first", []spelledChoice{{answer: "yes"}, {answer: "no"}}, []float64{-3, -3}, "yes", .5},
		{"shares do not depend on how unlikely all are", []spelledChoice{{answer: "yes"}, {answer: "no"}}, []float64{-2000, -2000 - math.Log(3)}, "yes", .75},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer, share := most(tc.choices, tc.logs)
			if answer != tc.answer || math.Abs(share-tc.share) > 1e-12 {
				t.Errorf("most(%v, %v) = %s, %v; want %s, %v", tc.choices, tc.logs, answer, share, tc.answer, tc.share)
			}
		})
	}
}
