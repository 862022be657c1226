package weights

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

func floatsOf(b []byte) []float32 {
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// Each rounded weight is the nearest step, and the largest of a scale is 127 of them.
func TestWeightsAreRoundedToTheNearest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, in := range []int{9, 16, 44, 96, 128, 192, 768} {
		const out = 7
		w := make([]float32, out*in)
		for i := range w {
			w[i] = float32(rng.NormFloat64()) * float32(math.Pow(10, float64(rng.IntN(4)-2)))
		}
		clear(w[3*in:][:in])                                            // nothing has no scale
		w[4*in] = math.SmallestNonzeroFloat32                           // whose 127th part is nothing
		copy(w[5*in:], []float32{127, 0.5, 1.5, 2.5, -0.5, -1.5, 63.5}) // ties go to the even step
		for i := in - 1; i > 6; i-- {
			w[5*in+i] = 0
		}
		size := blockSize(in)
		if size < 16 || size > 128 || size&(size-1) != 0 || in%16 == 0 && in%size != 0 {
			t.Errorf("rows of %d have blocks of %d", in, size)
		}
		byRow, rowScale := inPanels(Int8Panels, w, in), floatsOf(rowScales(w, in))
		byBlock, blockScale := blockBytes(w, in), floatsOf(blockScales(w, in))
		row := blocksOf(in) * size
		if len(byRow) != 16*((in+3)/4*4) || len(rowScale) != out || len(byBlock) != out*row || len(blockScale) != out*blocksOf(in) {
			t.Fatalf("rows of %d: %d bytes and %d scales in panels, %d and %d in blocks", in, len(byRow), len(rowScale), len(byBlock), len(blockScale))
		}
		for o := range out {
			checkRounded(t, w[o*in:][:in], rowScale[o], func(i int) int { return int(byRow[i/4*64+o*4+i%4]) - 128 })
			for k := range blocksOf(in) {
				from := k * size
				checkRounded(t, w[o*in+from:][:min(size, in-from)], blockScale[o*blocksOf(in)+k], func(i int) int { return int(byBlock[o*row+from+i]) - 128 })
			}
			for i := in; i < row; i++ {
				if byBlock[o*row+i] != 128 {
					t.Errorf("row %d of %d is filled up with %d; want 128", o, in, byBlock[o*row+i])
				}
			}
		}
	}
}

// checkRounded holds steps of scale to the weights w.
func checkRounded(t *testing.T, w []float32, scale float32, step func(i int) int) {
	t.Helper()
	var most float64
	for _, v := range w {
		most = max(most, math.Abs(float64(v)))
	}
	if float32(most)/127 != scale {
		t.Errorf("weights up to %g have the scale %g", most, scale)
	}
	for i, v := range w {
		got := step(i)
		if scale == 0 {
			if got != 0 {
				t.Errorf("%g is step %d of nothing", v, got)
			}
			continue
		}
		exact := float64(v) / float64(scale)
		if d := math.Abs(exact - float64(got)); got < -127 || got > 127 || d > 0.5+1e-6 || d == 0.5 && got%2 != 0 {
			t.Errorf("%g is %g steps of %g, and was rounded to %d", v, exact, scale, got)
		}
	}
}
