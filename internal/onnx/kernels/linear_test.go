package kernels_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"videoqa/internal/onnx/kernels"
)

func TestLinearLayersAreProducts(t *testing.T) {
	everySet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, z := range [][3]int{{1, 1, 1}, {1, 768, 130}, {2, 5, 63}, {6, 16, 64}, {7, 44, 65}, {13, 33, 3}, {3, 0, 2}, {0, 4, 2}} {
			m, k, n := z[0], z[1], z[2]
			x, w, b := randoms(rng, m*k), randoms(rng, n*k), randoms(rng, n)
			y := linear(t, x, w, b, m, k, n)
			for i := range m * n {
				r, o := i/n, i%n
				want, size := float64(b[o]), math.Abs(float64(b[o]))
				for d := range k {
					p := float64(x[r*k+d]) * float64(w[o*k+d])
					want, size = want+p, size+math.Abs(p)
				}
				if !(math.Abs(float64(y[i])-want) <= 1e-6*size) {
					t.Fatalf("%v: output %d of row %d is %g, want %g", z, o, r, y[i], want)
				}
			}
			for r := range m { // alone, to the bit
				if alone := linear(t, x[r*k:(r+1)*k], w, b, 1, k, n); !slices.Equal(alone, y[r*n:(r+1)*n]) {
					t.Errorf("%v: row %d differs from what it is alone", z, r)
				}
			}
		}
	})
}

func linear(t *testing.T, x, w, b []float32, rows, in, out int) (y []float32) {
	t.Helper()
	with(t, func(m *memory) {
		l := kernels.Linear{X: fenced(m, x), Weight: fenced(m, w), Bias: fenced(m, b), Y: unwritten(m, rows*out), Rows: rows, In: in, Out: out}
		ran(t, l.Run())
		y = slices.Clone(l.Y)
	})
	return y
}
