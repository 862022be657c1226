package detector

import (
	"math"
	"testing"
)

// The sums are small enough to be done by hand.
func TestTheDetectorsArithmetic(t *testing.T) {
	d := &Detector{
		Token:  Layer{Out: 2, In: 2, Weight: []float32{1, 0, 0, -1}, Bias: []float32{0, 1}},
		Pooled: Layer{Out: 2, In: 4, Weight: []float32{1, 1, 1, 1, -1, 0, 0, 0}, Bias: []float32{-1, 0.5}},
		Output: Layer{Out: 1, In: 2, Weight: []float32{0.5, 2}, Bias: []float32{-1}},
	}
	// Tokens (1, 3) and (-2, -1) become (1, 0) and (0, 2) after relu: mean (0.5, 1), maximum (1, 2);
	// pooled (3.5, 0), z = 0.75.
	first := []float32{1, 3, -2, -1}
	// (0, 1) becomes (0, 0): pooled is (0, 0.5), z = 0.
	second := []float32{0, 1}
	for _, tc := range []struct {
		name   string
		frames [][]float32
		z      float64
	}{
		{"one picture", [][]float32{first}, 0.75},
		{"another", [][]float32{second}, 0},
		{"a clip's is the mean", [][]float32{first, second}, 0.375},
	} {
		if got, want := d.InDistribution(tc.frames), 1/(1+math.Exp(-tc.z)); math.Abs(got-want) > 1e-7 {
			t.Errorf("%s: %v; want %v", tc.name, got, want)
		}
	}
	if got := (*Detector)(nil).InDistribution([][]float32{first}); got != 1 {
		t.Errorf("without a detector: %v; want 1", got)
	}
}
