package onnx_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"videoqa/internal/onnx"
	"videoqa/internal/onnx/kernels"
)

// everyKernel runs test with each set of kernels that this processor has.
func everyKernel(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Cleanup(func() { kernels.Use("") })
	for _, name := range []string{"plain", "AVX2", "AVX-512", "AVX-512 BF16"} {
		if kernels.Use(name) {
			t.Run(name, test)
		} else {
			t.Logf("this processor has no %s", name)
		}
	}
}

func TestOneSetOfKernelsIsAlwaysThere(t *testing.T) {
	if !kernels.Use("plain") || !kernels.Use("") || kernels.Use("abacus") {
		t.Error("plain and the best are for every processor, and an abacus for none")
	}
}

func TestLinearIsTheProduct(t *testing.T) {
	everyKernel(t, func(t *testing.T) {
		s := session(t, onnx.NewGraph("test"), onnx.SessionConfig{Threads: 2}, func(g *onnx.Graph) {
			g.Output("y", g.Linear("fc", g.Input("x", onnx.Float, "M", "K"), g.Input("w", onnx.Float, "N", "K"), g.Input("b", onnx.Float, "N")))
		})
		rng := rand.New(rand.NewPCG(1, 2))
		for _, z := range [][3]int{{1, 1, 1}, {1, 768, 130}, {2, 5, 63}, {6, 16, 64}, {7, 44, 65}, {13, 33, 3}, {3, 0, 2}, {0, 4, 2}} {
			m, k, n := z[0], z[1], z[2]
			x, w, b := randoms(rng, m*k), randoms(rng, n*k), randoms(rng, n)
			y := linear(t, s, x, w, b, m, k, n)
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
				if alone := linear(t, s, x[r*k:(r+1)*k], w, b, 1, k, n); !slices.Equal(alone, y[r*n:(r+1)*n]) {
					t.Errorf("%v: row %d differs from what it is alone", z, r)
				}
			}
		}
	})
}

func linear(t *testing.T, s *onnx.Session, x, w, b []float32, m, k, n int) []float32 {
	t.Helper()
	y := make([]float32, m*n)
	in := onnx.Feed{"x": onnx.Floats(x, int64(m), int64(k)), "w": onnx.Floats(w, int64(n), int64(k)), "b": onnx.Floats(b, int64(n))}
	if err := s.Run(t.Context(), in, onnx.Feed{"y": onnx.Floats(y, int64(m), int64(n))}); err != nil {
		t.Fatal(err)
	}
	return y
}

// An attended is one run of attention: what goes in, as kernel.h orders it.
type attended struct {
	heads, head, tokens, questions, words, past int

	qkv, mask, keys, values, oldKeys, oldValues []float32
}

func (a attended) String() string {
	return fmt.Sprintf("%d heads of %d, %d tokens, %d questions of %d words after %d", a.heads, a.head, a.tokens, a.questions, a.words, a.past)
}

func randomAttended(rng *rand.Rand, a attended) attended {
	width, own := a.heads*a.head, a.past+a.words
	a.qkv, a.mask = randoms(rng, a.questions*a.words*3*width), make([]float32, a.questions*a.words*own)
	for i := range a.mask {
		if rng.IntN(4) == 0 {
			a.mask[i] = -1e30
		}
	}
	a.keys, a.values = randoms(rng, width*a.tokens), randoms(rng, width*a.tokens)
	a.oldKeys, a.oldValues = randoms(rng, width*a.questions*a.past), randoms(rng, width*a.questions*a.past)
	return a
}

// run returns what the operator makes of a, whose clip is kept as kept says.
func (a attended) run(t *testing.T, s *onnx.Session, kept onnx.DType) (out, keys, values []float32) {
	t.Helper()
	width, own := a.heads*a.head, a.past+a.words
	h, q, w, d := int64(a.heads), int64(a.questions), int64(a.words), int64(a.head)
	out, keys, values = make([]float32, a.questions*a.words*width), make([]float32, a.questions*own*width), make([]float32, a.questions*own*width)
	in := onnx.Feed{
		"qkv":    onnx.Floats(a.qkv, q*w, int64(3*width)),
		"mask":   onnx.Floats(a.mask, 1, q, w, int64(own)),
		"keys":   onnx.PackKeys(a.byToken(a.keys), kept, a.tokens, a.heads, a.head),
		"values": onnx.PackValues(a.byToken(a.values), kept, a.tokens, a.heads, a.head),
		"old k":  onnx.Floats(a.oldKeys, h, q, int64(a.past), d),
		"old v":  onnx.Floats(a.oldValues, h, q, int64(a.past), d),
	}
	got := onnx.Feed{"out": onnx.Floats(out, q*w, int64(width)), "new k": onnx.Floats(keys, h, q, int64(own), d), "new v": onnx.Floats(values, h, q, int64(own), d)}
	if err := s.Run(t.Context(), in, got); err != nil {
		t.Fatal(err)
	}
	return out, keys, values
}

// byToken brings [heads, tokens, head] to [tokens, heads, head].
func (a attended) byToken(x []float32) []float32 {
	out := make([]float32, 0, len(x))
	for i := range a.tokens * a.heads {
		t, h := i/a.heads, i%a.heads
		out = append(out, x[(h*a.tokens+t)*a.head:][:a.head]...)
	}
	return out
}

// own is the key (which = 1) or value (2) of word t of a question, in one head.
func (a attended) own(h, question, t, which int) []float32 {
	if t < a.past {
		return [][]float32{nil, a.oldKeys, a.oldValues}[which][((h*a.questions+question)*a.past+t)*a.head:][:a.head]
	}
	return a.qkv[((question*a.words+t-a.past)*3+which)*a.heads*a.head+h*a.head:][:a.head]
}

// want is attention by its definition, in float64: head h of a row.
func (a attended) want(h, row int) []float64 {
	question, width := row/a.words, a.heads*a.head
	query := a.qkv[row*3*width+h*a.head:][:a.head]
	var scores []float64
	var values [][]float32
	see := func(key, value []float32, mask float32) {
		s := 0.0
		for d := range query {
			s += float64(query[d]) * float64(key[d])
		}
		scores, values = append(scores, s/math.Sqrt(float64(a.head))+float64(mask)), append(values, value)
	}
	for t := range a.tokens {
		see(a.keys[(h*a.tokens+t)*a.head:][:a.head], a.values[(h*a.tokens+t)*a.head:][:a.head], 0)
	}
	for t := range a.past + a.words {
		see(a.own(h, question, t, 1), a.own(h, question, t, 2), a.mask[row*(a.past+a.words)+t])
	}
	out, total, top := make([]float64, a.head), 0.0, slices.Max(scores)
	for i, s := range scores {
		w := math.Exp(s - top)
		total += w
		for d := range out {
			out[d] += w * float64(values[i][d])
		}
	}
	for d := range out {
		out[d] /= total
	}
	return out
}

// widened is a with its clip as float16 holds it.
func (a attended) widened() attended {
	a.keys, a.values = halved(a.keys), halved(a.values)
	return a
}

// halved rounds numbers to float16 and back.
func halved(x []float32) []float32 {
	return onnx.Widened(onnx.PackValues(x, onnx.Half, 1, 1, len(x)))[:len(x)]
}

func attention(kept onnx.DType, heads, head int) func(g *onnx.Graph) {
	return func(g *onnx.Graph) {
		out, keys, values := g.PrefixAttention("attention", g.Input("qkv", onnx.Float, "Q*S", 3*heads*head), g.Input("mask", onnx.Float, 1, "Q", "S", "T+S"),
			g.Input("keys", kept, heads, "B", head, onnx.KeyLanes), g.Input("values", kept, heads, "P", onnx.PackedHead(head)),
			g.Input("old k", onnx.Float, heads, "Q", "T", head), g.Input("old v", onnx.Float, heads, "Q", "T", head))
		g.Output("out", out)
		g.Output("new k", keys)
		g.Output("new v", values)
	}
}

func TestPrefixAttentionIsAttention(t *testing.T) {
	everyKernel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for _, z := range []attended{
			{heads: 2, head: 64, tokens: 197, questions: 1, words: 1, past: 9},
			{heads: 3, head: 64, tokens: 33, questions: 3, words: 7},
			{heads: 2, head: 8, tokens: 16, questions: 5, words: 5, past: 2},
			{heads: 1, head: 20, tokens: 1, questions: 17, words: 1, past: 1},
			{heads: 2, head: 144, tokens: 15, questions: 2, words: 9, past: 3},
		} {
			for _, kept := range []onnx.DType{onnx.Float, onnx.Half} {
				a := randomAttended(rng, z)
				s := session(t, onnx.NewGraph("test"), onnx.SessionConfig{Threads: 2}, attention(kept, a.heads, a.head))
				out, keys, values := a.run(t, s, kept)
				if kept == onnx.Half {
					a = a.widened()
				}
				checkAttended(t, a, out, keys, values)
				checkAlone(t, a, s, kept, out)
			}
		}
	})
}

func checkAttended(t *testing.T, a attended, out, keys, values []float32) {
	t.Helper()
	for row := range a.questions * a.words {
		for h := range a.heads {
			for d, want := range a.want(h, row) {
				if got := out[(row*a.heads+h)*a.head+d]; !(math.Abs(float64(got)-want) <= 3e-6) {
					t.Fatalf("%v: number %d of head %d of row %d is %g, want %g", a, d, h, row, got, want)
				}
			}
		}
	}
	own := a.past + a.words
	for i := range a.heads * a.questions * own {
		h, question, word := i/own/a.questions, i/own%a.questions, i%own
		if !slices.Equal(keys[i*a.head:][:a.head], a.own(h, question, word, 1)) || !slices.Equal(values[i*a.head:][:a.head], a.own(h, question, word, 2)) {
			t.Fatalf("%v: word %d of question %d is not kept for the next step", a, word, question)
		}
	}
}

// checkAlone asks each question by itself, which must change no bit.
func checkAlone(t *testing.T, a attended, s *onnx.Session, kept onnx.DType, out []float32) {
	t.Helper()
	width, own := a.heads*a.head, a.past+a.words
	for q := range a.questions {
		one := a
		one.questions = 1
		one.qkv, one.mask = a.qkv[q*a.words*3*width:][:a.words*3*width], a.mask[q*a.words*own:][:a.words*own]
		one.oldKeys, one.oldValues = nil, nil
		for h := range a.heads {
			at := (h*a.questions + q) * a.past * a.head
			one.oldKeys = append(one.oldKeys, a.oldKeys[at:][:a.past*a.head]...)
			one.oldValues = append(one.oldValues, a.oldValues[at:][:a.past*a.head]...)
		}
		if alone, _, _ := one.run(t, s, kept); !slices.Equal(alone, out[q*a.words*width:][:a.words*width]) {
			t.Fatalf("%v: question %d differs from what it is alone", a, q)
		}
	}
}

func TestWhatIsNoNumberStaysSo(t *testing.T) {
	everyKernel(t, func(t *testing.T) {
		a := randomAttended(rand.New(rand.NewPCG(5, 6)), attended{heads: 1, head: 8, tokens: 20, questions: 1, words: 2})
		a.qkv[0] = float32(math.NaN()) // of the first row's query
		out, _, _ := a.run(t, session(t, onnx.NewGraph("test"), onnx.SessionConfig{Threads: 2}, attention(onnx.Float, a.heads, a.head)), onnx.Float)
		for d, v := range out {
			if math.IsNaN(float64(v)) != (d < a.head) {
				t.Errorf("number %d is %g: the first row alone has none", d, v)
			}
		}
	})
}

func TestHalvesAreTheNearest(t *testing.T) {
	everyKernel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		var x []float32
		for range 20000 {
			x = append(x, float32(rng.NormFloat64()*math.Pow(2, float64(rng.IntN(50)-28))))
		}
		for h := range uint16(0x7bff) { // exactly between two neighbours
			x = append(x, (wide(h)+wide(h+1))/2)
		}
		for i, got := range halved(x) {
			want := nearest(x[i])
			if math.Float32bits(got) != math.Float32bits(want) {
				t.Fatalf("%g becomes %g, want %g", x[i], got, want)
			}
		}
		inf, nan := float32(math.Inf(1)), float32(math.NaN())
		got := halved([]float32{65504, 65519, 65520, 1e30, inf, -1e30, -inf, float32(math.Copysign(0, -1)), nan})
		if want := []float32{65504, 65504, 65504, 65504, 65504, -65504, -65504, 0}; !slices.Equal(got[:8], want) || !math.Signbit(float64(got[7])) || !math.IsNaN(float64(got[8])) {
			t.Errorf("have %v, want %v, the last with its sign, and what is no number", got, want)
		}
	})
}

// wide is the number of float16's bits.
func wide(h uint16) float32 {
	if e := h >> 10 & 31; e > 0 {
		return float32(math.Ldexp(1+float64(h&1023)/1024, int(e)-15))
	}
	return float32(math.Ldexp(float64(h&1023), -24))
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

func TestPackingIsAlikeInAGraph(t *testing.T) {
	const tokens, heads, head = 37, 3, 20
	for _, kept := range []onnx.DType{onnx.Float, onnx.Half} {
		for _, parts := range []int{1, 2, 3} { // values are the last, keys those before
			x := randoms(rand.New(rand.NewPCG(9, 10)), tokens*parts*heads*head)
			part := func(which int) (out []float32) {
				for token := range slices.Chunk(x, parts*heads*head) {
					out = append(out, token[which*heads*head:][:heads*head]...)
				}
				return out
			}
			s := session(t, onnx.NewGraph("test"), onnx.SessionConfig{Threads: 2}, func(g *onnx.Graph) {
				in := g.Input("x", onnx.Float, tokens, parts, heads, head)
				g.Output("keys", g.PackKeys("packed keys", in, kept))
				g.Output("values", g.PackValues("packed values", in, kept))
			})
			keys, values := onnx.NewPackedKeys(kept, tokens, heads, head), onnx.NewPackedValues(kept, tokens, heads, head)
			if err := s.Run(t.Context(), onnx.Feed{"x": onnx.Floats(x, tokens, int64(parts), heads, head)}, onnx.Feed{"keys": keys, "values": values}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(onnx.Widened(keys), onnx.Widened(onnx.PackKeys(part(max(0, parts-2)), kept, tokens, heads, head))) ||
				!slices.Equal(onnx.Widened(values), onnx.Widened(onnx.PackValues(part(parts-1), kept, tokens, heads, head))) {
				t.Errorf("%v, %d parts: packed otherwise than outside", kept, parts)
			}
		}
	}
}
