package kernels_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"videoqa/internal/onnx/kernels"
)

// halved rounds numbers to float16 and back.
func halved(x []float32) []float32 {
	if len(x) == 0 {
		return x
	}
	packed := make([]uint16, kernels.Padded(len(x)))
	kernels.PackValues(packed, x, 1, 1, len(x))
	out := make([]float32, len(x))
	for i := range out {
		out[i] = wide(packed[i])
	}
	return out
}

// wide is the number of float16's bits.
func wide(h uint16) float32 {
	sign := float32(1 - 2*int(h>>15))
	switch e := h >> 10 & 31; {
	case e == 31 && h&1023 != 0:
		return nan
	case e == 31:
		return sign * inf
	case e > 0:
		return sign * float32(math.Ldexp(1+float64(h&1023)/1024, int(e)-15))
	}
	return float32(math.Copysign(math.Ldexp(float64(h&1023), -24), float64(sign)))
}

// nearest is the float16 nearest to f, the even one of two.
func nearest(f float32) float32 {
	size := math.Abs(float64(f))
	low, high := 0, 0x7bff // the largest one not above size, by its bits
	for low < high {
		if mid := (low + high + 1) / 2; float64(wide(uint16(mid))) <= size {
			low = mid
		} else {
			high = mid - 1
		}
	}
	n := wide(uint16(low))
	if low < 0x7bff {
		below, above := size-float64(n), float64(wide(uint16(low+1)))-size
		if above < below || above == below && low%2 == 1 {
			n = wide(uint16(low + 1))
		}
	}
	return float32(math.Copysign(float64(n), float64(f)))
}

func TestHalvesAreTheNearest(t *testing.T) {
	everySet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		var x []float32
		for range 20000 {
			x = append(x, float32(rng.NormFloat64()*math.Pow(2, float64(rng.IntN(50)-28))))
		}
		for h := range uint16(0x7bff) { // exactly between two neighbours
			x = append(x, (wide(h)+wide(h+1))/2)
		}
		for i, got := range halved(x) {
			if want := nearest(x[i]); math.Float32bits(got) != math.Float32bits(want) {
				t.Fatalf("%g becomes %g, want %g", x[i], got, want)
			}
		}
		got := halved([]float32{65504, 65519, 65520, 1e30, inf, -1e30, -inf, float32(math.Copysign(0, -1)), nan})
		if want := []float32{65504, 65504, 65504, 65504, 65504, -65504, -65504, 0}; !slices.Equal(got[:8], want) || !math.Signbit(float64(got[7])) || got[8] == got[8] {
			t.Errorf("have %v, want %v, the last with its sign, and what is no number", got, want)
		}
	})
}

func TestPackedKeysLieSixteenSideBySide(t *testing.T) {
	everySet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(9, 10))
		for _, z := range [][3]int{{1, 1, 1}, {16, 2, 8}, {37, 3, 20}, {5, 2, 130}} {
			c := randomClip(rng, z[0], z[1], z[2])
			with(t, func(m *memory) {
				keys, values, _ := packClip[float32](m, c)
				for i, v := range keys {
					lane, d, block, h := i%kernels.Lanes, i/kernels.Lanes%c.head, i/kernels.Lanes/c.head%(kernels.Padded(c.tokens)/kernels.Lanes), i/c.head/kernels.Padded(c.tokens)
					want := float32(0)
					if token := block*kernels.Lanes + lane; token < c.tokens {
						want = c.key(token, h)[d]
					}
					if v != want {
						t.Fatalf("%v: packed key number %d is %g, want %g", z, i, v, want)
					}
				}
				for i, v := range values {
					d, token, h := i%kernels.Padded(c.head), i/kernels.Padded(c.head)%c.tokens, i/kernels.Padded(c.head)/c.tokens
					want := float32(0)
					if d < c.head {
						want = c.value(token, h)[d]
					}
					if v != want {
						t.Fatalf("%v: packed value number %d is %g, want %g", z, i, v, want)
					}
				}
			})
		}
	})
}
