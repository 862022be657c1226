package onnx_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// eightBit opens a linear layer that is kept in a file with the bytes of w.
func eightBit(t *testing.T, rows any, r rounded, b []float32, w []byte, blocks bool) *onnx.Session {
	t.Helper()
	dir, data, bytes := t.TempDir(), onnx.NewData("weights.bin"), map[string][]byte{"w": w, "s": little(r.scales), "b": little(b)}
	n := int64((r.in + r.size - 1) / r.size)
	g := onnx.NewGraph("linear")
	x := g.Input("x", onnx.Float, rows, r.in)
	scales, bias := func() onnx.Ref { return data.Add("s", onnx.Float, int64(len(r.scales))) }, func() onnx.Ref { return data.Add("b", onnx.Float, int64(r.out)) }
	if blocks {
		ref := data.Add("w", onnx.Uint8, int64(r.out), n, int64(r.size))
		g.Output("y", g.MatMulBlocks("fc", x, g.Weight(ref), g.Weight(scales()), g.Weight(bias())))
	} else {
		ref := data.Add("w", onnx.Int8, int64(r.in), int64(r.out))
		q, s := g.QuantizeRows("bytes", x)
		g.Output("y", g.MatMulBytes("fc", q, s, g.Weight(ref), g.Weight(scales()), g.Weight(bias())))
	}
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, "weights.bin"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := data.Write(file, func(r onnx.Ref) ([]byte, error) { return bytes[r.Name], nil }); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "g.onnx"), m.Bytes, 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := load(t).Open(filepath.Join(dir, "g.onnx"), m.Ports, onnx.SessionConfig{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func little(v []float32) []byte {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// columns and blocks are the bytes of r as the two forms want them.
func (r rounded) columns() []byte {
	w := make([]byte, len(r.steps))
	for i, s := range r.steps {
		w[i%r.in*r.out+i/r.in] = byte(s)
	}
	return w
}

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
		out, in, size int // size 0: columns
	}{
		{"columns", 33, 96, 0}, {"columns, an odd row", 16, 37, 0},
		{"blocks of 128", 33, 256, 128}, {"blocks of 32", 9, 96, 32}, {"blocks of 16, the last one short", 7, 44, 16}, {"one short block", 7, 9, 16},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.size == 0 && !onnx.ByteProducts() {
				t.Skip("sums of bytes saturate on this processor; run it on one with VNNI: grep -E 'avx512_vnni|avx_vnni' /proc/cpuinfo")
			}
			blocks := tc.size > 0
			size := max(tc.size, tc.in*(1-min(tc.size, 1)))
			r := roundedMatrix(rng, tc.out, tc.in, size)
			w := r.columns()
			if blocks {
				w = r.blocks()
			}
			b, x := randoms(rng, tc.out), randoms(rng, rows*tc.in)
			for i := range tc.in {
				x[i] *= 1e6         // a row that would drown its neighbours
				x[tc.in+i] = 0      // and one of nothing
				x[2*tc.in+i] *= 1e3 // and one with an outlier
			}
			x[2*tc.in] = 3e4
			y := multiplied(t, eightBit(t, rows, r, b, w, blocks), x, tc.in, tc.out)
			for i, want := range r.product(x, b) {
				// The last bits of scales; a tie that falls the other way would be 1/127 of a weight.
				if math.Abs(float64(y[i])-want) > 2e-5*max(1, math.Abs(want)) {
					t.Errorf("row %d, column %d: %g; want %g", i/tc.out, i%tc.out, y[i], want)
				}
			}
			one := eightBit(t, 1, r, b, w, blocks)
			for k := range rows {
				alone := multiplied(t, one, x[k*tc.in:][:tc.in], tc.in, tc.out)
				together := y[k*tc.out:][:tc.out]
				most := float64(max(slices.Max(together), -slices.Min(together)))
				for i := range alone { // blocks are summed up in another order; what a row's neighbours did to it would be more
					if d := math.Abs(float64(alone[i] - together[i])); d > 1e-6*most || d > 0 && !blocks {
						t.Errorf("row %d, column %d: alone %g; beside others %g", k, i, alone[i], together[i])
					}
				}
			}
		})
	}
}
