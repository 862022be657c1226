package gitvideo

import (
	"math"
	"testing"

	"videoqa/internal/checkpoint"
)

// The sums are small enough to be done by hand.
func TestTheDetectorsArithmetic(t *testing.T) {
	d := &checkpoint.Detector{
		Token:  checkpoint.Layer{Out: 2, In: 2, Weight: []float32{1, 0, 0, -1}, Bias: []float32{0, 1}},
		Pooled: checkpoint.Layer{Out: 2, In: 4, Weight: []float32{1, 1, 1, 1, -1, 0, 0, 0}, Bias: []float32{-1, 0.5}},
		Output: checkpoint.Layer{Out: 1, In: 2, Weight: []float32{0.5, 2}, Bias: []float32{-1}},
	}
	// Tokens (1, 3) and (-2, -1) become (1, 0) and (0, 2) after relu: mean (0.5, 1), maximum (1, 2);
	// pooled (3.5, 0), z = 0.75.
	first := pictureTokens{Tokens: 2, Width: 2, Data: []float32{1, 3, -2, -1}}
	// (0, 1) becomes (0, 0): pooled is (0, 0.5), z = 0.
	second := pictureTokens{Tokens: 1, Width: 2, Data: []float32{0, 1}}
	for _, tc := range []struct {
		name   string
		frames []pictureTokens
		z      float64
	}{
		{"one picture", []pictureTokens{first}, 0.75},
		{"another", []pictureTokens{second}, 0},
		{"a clip's is the mean", []pictureTokens{first, second}, 0.375},
	} {
		if got, want := inDistribution(d, tc.frames), 1/(1+math.Exp(-tc.z)); math.Abs(got-want) > 1e-7 {
			t.Errorf("%s: %v; want %v", tc.name, got, want)
		}
	}
	if got := inDistribution(nil, []pictureTokens{first}); got != 1 {
		t.Errorf("without a detector: %v; want 1", got)
	}
}
