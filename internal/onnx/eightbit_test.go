package onnx_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"videoqa/internal/onnx"
)

// A rounded matrix is w [out, in] in bytes, with a scale for every size of a row.
type rounded struct {
	out, in, size int
	steps         []int8 // [out, in]
	scales        []float32
}

func roundedMatrix(rng *rand.Rand, out, in, size int) rounded {
	r := rounded{out, in, size, make([]int8, out*in), make([]float32, out*((in+size-1)/size))}
	for i := range r.steps {
		r.steps[i] = []int8{-127, 127, int8(rng.IntN(255) - 127)}[rng.IntN(3)] // the worst for sums in 16 bits
	}
	for i := range r.scales {
		r.scales[i] = float32(1+rng.IntN(8)) / 1024
	}
	return r
}

// product is x·wᵀ + b with x rounded by every size of a row, in exact sums.
func (r rounded) product(x, b []float32) []float64 {
	var y []float64
	blocks := len(r.scales) / r.out
	for ; len(x) > 0; x = x[r.in:] {
		for o := range r.out {
			sum := float64(b[o])
			for k := range blocks {
				from, to := k*r.size, min((k+1)*r.size, r.in)
				part, most := 0, float32(0)
				for _, v := range x[from:to] {
					most = max(most, v, -v)
				}
				for i := from; i < to && most > 0; i++ {
					part += int(math.RoundToEven(float64(x[i]*(127/most)))) * int(r.steps[o*r.in+i])
				}
				sum += float64(part) * float64(r.scales[o*blocks+k]) * float64(most/127)
			}
			y = append(y, sum)
		}
	}
	return y
}

// eightBit opens a linear layer that is kept in a file.
func eightBit(t *testing.T, rows any, r rounded, b []float32) *onnx.Session {
	t.Helper()
	data, bytes := onnx.NewData("weights.bin"), map[string][]byte{"w": r.blocks(), "s": little(r.scales), "b": little(b)}
	w := data.Add("w", onnx.Uint8, int64(r.out), int64((r.in+r.size-1)/r.size), int64(r.size))
	scales, bias := data.Add("s", onnx.Float, int64(len(r.scales))), data.Add("b", onnx.Float, int64(r.out))
	g := onnx.NewGraph("linear")
	g.Output("y", g.MatMulBlocks("fc", g.Input("x", onnx.Float, rows, r.in), g.Weight(w), g.Weight(scales), g.Weight(bias)))
	return openWith(t, g, data, bytes, onnx.SessionConfig{Threads: 1})
}

func little(v []float32) []byte {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// blocks are the bytes of r as the graph wants them.
func (r rounded) blocks() []byte {
	var w []byte
	for o := range r.out {
		for i := range (r.in + r.size - 1) / r.size * r.size {
			b := byte(77) // beyond the row: must not be looked at
			if i < r.in {
				b = byte(int(r.steps[o*r.in+i]) + 128)
			}
			w = append(w, b)
		}
	}
	return w
}

func multiplied(t *testing.T, s *onnx.Session, x []float32, in, out int) []float32 {
	t.Helper()
	rows := int64(len(x) / in)
	y := make([]float32, int(rows)*out)
	if err := s.Run(t.Context(), onnx.Feed{"x": onnx.Floats(x, rows, int64(in))}, onnx.Feed{"y": onnx.Floats(y, rows, int64(out))}); err != nil {
		t.Fatal(err)
	}
	return y
}

func TestProductsInEightBitsAreExactAndByRow(t *testing.T) {
	const rows = 5
	rng := rand.New(rand.NewPCG(8, 8))
	for _, tc := range []struct {
		name          string
		out, in, size int
	}{
		{"blocks of 128", 33, 256, 128}, {"blocks of 32", 9, 96, 32}, {"blocks of 16, the last one short", 7, 44, 16}, {"one short block", 7, 9, 16},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := roundedMatrix(rng, tc.out, tc.in, tc.size)
			b, x := randoms(rng, tc.out), randoms(rng, rows*tc.in)
			for i := range tc.in {
				x[i] *= 1e6         // a row that would drown its neighbours
				x[tc.in+i] = 0      // and one of nothing
				x[2*tc.in+i] *= 1e3 // and one with an outlier
			}
			x[2*tc.in] = 3e4
			y := multiplied(t, eightBit(t, rows, r, b), x, tc.in, tc.out)
			for i, want := range r.product(x, b) {
				// The last bits of scales; a tie that falls the other way would be 1/127 of a weight.
				if math.Abs(float64(y[i])-want) > 2e-5*max(1, math.Abs(want)) {
					t.Errorf("row %d, column %d: %g; want %g", i/tc.out, i%tc.out, y[i], want)
				}
			}
			one := eightBit(t, 1, r, b)
			for k := range rows {
				alone := multiplied(t, one, x[k*tc.in:][:tc.in], tc.in, tc.out)
				together := y[k*tc.out:][:tc.out]
				most := float64(max(slices.Max(together), -slices.Min(together)))
				for i := range alone { // blocks are summed up in another order; what a row's neighbours did to it would be more
					if d := math.Abs(float64(alone[i] - together[i])); d > 1e-6*most {
						t.Errorf("row %d, column %d: alone %g; beside others %g", k, i, alone[i], together[i])
					}
				}
			}
		})
	}
}
