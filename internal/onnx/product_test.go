package onnx_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"videoqa/internal/onnx"
)

// A wideProduct is a linear layer whose weights lie in panels.
type wideProduct struct {
	t       onnx.DType
	out, in int
	w, b    []float32
	scales  []float32
	act     onnx.Activation
	threads int
}

func (p wideProduct) session(t testing.TB) *onnx.Session {
	t.Helper()
	plan, values, g := onnx.NewData("weights.bin"), map[string][]byte{}, onnx.NewGraph("test")
	x := g.Input("x", onnx.Float, "M", p.in)
	g.Output("y", g.Product("product", x, p.layer(g, plan, values, "w"), p.act))
	return openWith(t, g, plan, values, onnx.SessionConfig{Threads: p.threads})
}

// layer adds p's weights to a graph and to what it reads.
func (p wideProduct) layer(g *onnx.Graph, plan *onnx.Data, values map[string][]byte, name string) onnx.Layer {
	w := plan.Add(name, p.t, onnx.PanelShape(p.t, p.out, p.in)...)
	b, scales := plan.Add(name+".bias", onnx.Float, int64(p.out)), plan.Add(name+".scales", onnx.Float, int64(p.out))
	values[name], values[name+".bias"], values[name+".scales"] = onnx.Panels(p.t, p.w, p.in, p.scales), little(p.b), little(p.scales)
	return onnx.Layer{Weight: g.Weight(w), Bias: g.Weight(b), Scales: g.Weight(scales)}
}

// rounded is what the operator has of weight i of row o, and of x.
func (p wideProduct) rounded(o, i int) float64 {
	v := p.w[o*p.in+i]
	switch p.t {
	case onnx.BFloat16:
		return brain(v)
	case onnx.Uint8:
		return math.RoundToEven(float64(v)/float64(p.scales[o])) * float64(p.scales[o])
	}
	return float64(v)
}

func (p wideProduct) roundedRow(x []float32) []float64 {
	var most float32
	for _, v := range x {
		most = max(most, v, -v)
	}
	out := make([]float64, len(x))
	for i, v := range x {
		switch step := most / 127; {
		case p.t == onnx.BFloat16:
			out[i] = brain(v)
		case p.t == onnx.Uint8 && step > 0:
			out[i] = math.RoundToEven(float64(v)*float64(1/step)) * float64(step)
		default:
			out[i] = float64(v)
		}
	}
	return out
}

// brain rounds v to bfloat16.
func brain(v float32) float64 {
	step := math.Ldexp(1, max(-126, math.Ilogb(float64(v)))-7)
	return math.RoundToEven(float64(v)/step) * step
}

// activations by their definitions.
var activations = map[onnx.Activation]func(float64) float64{
	onnx.NoActivation: func(v float64) float64 { return v },
	onnx.QuickGELU:    func(v float64) float64 { return v / (1 + math.Exp(-v)) },
	onnx.GELU:         func(v float64) float64 { return v / 2 * (1 + math.Erf(v/math.Sqrt2)) },
	onnx.TanhGELU: func(v float64) float64 {
		return v / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
	},
}

func TestProductOfPanelsIsTheProduct(t *testing.T) {
	everyKernel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, kind := range []onnx.DType{onnx.Float, onnx.BFloat16, onnx.Uint8} {
			for i, z := range [][2]int{{1, 1}, {16, 16}, {33, 5}, {64, 768}, {31, 1601}, {100, 3085}, {17, 33}, {40, 2048}} { // rows of 2048 floats would share a set of a cache
				checkProduct(t, rng, wideProduct{t: kind, out: z[0], in: z[1], act: onnx.Activation(i % 4), threads: 2}.filled(rng))
			}
		}
	})
}

func checkProduct(t *testing.T, rng *rand.Rand, p wideProduct) {
	t.Helper()
	s, tolerance := p.session(t), 3e-6
	if p.t == onnx.Uint8 {
		tolerance = 1e-4 // with and without a fused multiplication, numbers between two steps may fall either way
	}
	for _, rows := range []int{1, 5, 14, 29, 57, 120} {
		x := randoms(rng, rows*p.in)
		clear(x[(rows-1)*p.in:]) // a row of nothing
		y := multiplied(t, s, x, p.in, p.out)
		for r := range rows {
			in := p.roundedRow(x[r*p.in:][:p.in])
			for o := range p.out {
				sum, size := float64(p.b[o]), math.Abs(float64(p.b[o]))
				for i, v := range in {
					product := v * p.rounded(o, i)
					sum, size = sum+product, size+math.Abs(product)
				}
				want := activations[p.act](sum)
				if got := float64(y[r*p.out+o]); !(math.Abs(got-want) <= tolerance*size+1e-7) {
					t.Fatalf("%v of %d by %d, activation %d, %d rows: output %d of row %d is %g, want %g", p.t, p.out, p.in, p.act, rows, o, r, got, want)
				}
			}
			if alone := multiplied(t, s, x[r*p.in:][:p.in], p.in, p.out); !slices.Equal(alone, y[r*p.out:][:p.out]) {
				t.Fatalf("%v of %d by %d: row %d of %d differs from what it is alone", p.t, p.out, p.in, r, rows)
			}
		}
	}
}

// What a perceptron gives is, to the bit, what its two products give one after the other.
func TestAPerceptronIsItsTwoProducts(t *testing.T) {
	everyKernel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(11, 12))
		for _, kind := range []onnx.DType{onnx.Float, onnx.BFloat16, onnx.Uint8} {
			for i, z := range [][3]int{{1, 1, 1}, {16, 64, 16}, {5, 33, 31}, {768, 3072, 40}, {1601, 50, 7}, {20, 1700, 33}} { // 1601 and 1700 numbers, and 3072, are added up in parts
				up := wideProduct{t: kind, out: z[1], in: z[0], act: onnx.Activation(i % 4), threads: 2}.filled(rng)
				down := wideProduct{t: kind, out: z[2], in: z[1], act: onnx.NoActivation, threads: 2}.filled(rng)
				first, second, both := up.session(t), down.session(t), perceptron(t, up, down)
				for _, rows := range []int{1, 13, 29, 300} {
					x := randoms(rng, rows*up.in)
					want := multiplied(t, second, multiplied(t, first, x, up.in, up.out), down.in, down.out)
					if got := multiplied(t, both, x, up.in, down.out); !slices.Equal(got, want) {
						t.Fatalf("%v, %v, %d rows: %v and on; want %v", kind, z, rows, got[:min(4, len(got))], want[:min(4, len(want))])
					}
				}
			}
		}
	})
}

// filled is p with random weights.
func (p wideProduct) filled(rng *rand.Rand) wideProduct {
	p.w, p.b = randoms(rng, p.out*p.in), randoms(rng, p.out)
	for at := range p.w {
		p.w[at] /= float32(math.Sqrt(float64(p.in)))
	}
	p.scales = make([]float32, p.out)
	for o, row := range slices.Collect(slices.Chunk(p.w, p.in)) {
		p.scales[o] = max(slices.Max(row), -slices.Min(row)) / 127
	}
	return p
}

// perceptron is what a norm behind the two layers takes, beside nothing.
func perceptron(t *testing.T, up, down wideProduct) *onnx.Session {
	t.Helper()
	plan, values, g := onnx.NewData("weights.bin"), map[string][]byte{}, onnx.NewGraph("test")
	x := g.Input("x", onnx.Float, "M", up.in)
	nothing := g.Gemm("nothing", x, g.Constant("zeros", make([]float32, down.out*up.in), int64(down.out), int64(up.in)), onnx.Value{})
	ones := g.Constant("ones", slices.Repeat([]float32{1}, down.out), int64(down.out))
	_, sum := g.MLPNorm("perceptron", x, up.layer(g, plan, values, "up"), down.layer(g, plan, values, "down"), up.act, onnx.Norm{Skip: nothing, Gamma: ones, Beta: ones})
	g.Output("y", sum)
	return openWith(t, g, plan, values, onnx.SessionConfig{Threads: up.threads})
}

// What a layer's norm makes of its results is the norm of their sum with what is skipped, by
// the formula; the sum is to the bit that of what products give without a norm.
func TestNormsBehindLayersAreNormsOfTheirSums(t *testing.T) {
	everyKernel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for _, kind := range []onnx.DType{onnx.Float, onnx.BFloat16, onnx.Uint8} {
			for _, z := range [][3]int{{1, 1, 1}, {5, 33, 31}, {64, 96, 64}, {40, 1700, 1030}} {
				up := wideProduct{t: kind, out: z[1], in: z[0], act: onnx.GELU, threads: 2}.filled(rng)
				down := wideProduct{t: kind, out: z[2], in: z[1], act: onnx.NoActivation, threads: 2}.filled(rng)
				alone := wideProduct{t: kind, out: z[2], in: z[0], act: onnx.NoActivation, threads: 2}.filled(rng)
				n := newNorm(rng, z[2])
				first, second, single := up.session(t), down.session(t), alone.session(t)
				ofSingle, ofBoth := n.of(t, alone), n.of(t, up, down)
				for _, rows := range []int{1, 13, 29, 300} {
					x, skip := randoms(rng, rows*z[0]), randoms(rng, rows*z[2])
					n.check(t, ofSingle, multiplied(t, single, x, z[0], z[2]), x, skip)
					n.check(t, ofBoth, multiplied(t, second, multiplied(t, first, x, z[0], z[1]), z[1], z[2]), x, skip)
				}
			}
		}
	})
}

// A norm has weights for rows of a width.
type norm struct{ gamma, beta []float32 }

func newNorm(rng *rand.Rand, width int) norm { return norm{randoms(rng, width), randoms(rng, width)} }

// of is a session of a product, or of a perceptron, and n of it.
func (n norm) of(t *testing.T, layers ...wideProduct) *onnx.Session {
	t.Helper()
	plan, values, g := onnx.NewData("weights.bin"), map[string][]byte{}, onnx.NewGraph("test")
	width := int64(len(n.gamma))
	x := g.Input("x", onnx.Float, "M", layers[0].in)
	behind := onnx.Norm{Skip: g.Input("skip", onnx.Float, "M", len(n.gamma)), Gamma: g.Constant("gamma", n.gamma, width), Beta: g.Constant("beta", n.beta, width), Epsilon: 1e-5}
	up := layers[0].layer(g, plan, values, "up")
	var y, sum onnx.Value
	if len(layers) == 1 {
		y, sum = g.ProductNorm("product", x, up, behind)
	} else {
		y, sum = g.MLPNorm("perceptron", x, up, layers[1].layer(g, plan, values, "down"), layers[0].act, behind)
	}
	g.Output("y", y)
	g.Output("sum", sum)
	return openWith(t, g, plan, values, onnx.SessionConfig{Threads: layers[0].threads})
}

// check runs a session of n over rows of which the layer alone gives plain.
func (n norm) check(t *testing.T, s *onnx.Session, plain, x, skip []float32) {
	t.Helper()
	width := len(n.gamma)
	rows := int64(len(skip) / width)
	y, sum := make([]float32, len(skip)), make([]float32, len(skip))
	in := onnx.Feed{"x": onnx.Floats(x, rows, int64(len(x))/rows), "skip": onnx.Floats(skip, rows, int64(width))}
	if err := s.Run(t.Context(), in, onnx.Feed{"y": onnx.Floats(y, rows, int64(width)), "sum": onnx.Floats(sum, rows, int64(width))}); err != nil {
		t.Fatal(err)
	}
	for i, v := range plain {
		if sum[i] != v+skip[i] {
			t.Fatalf("%d rows of %d: number %d of the sum is %g, want %g", rows, width, i, sum[i], v+skip[i])
		}
	}
	for from := 0; from < len(sum); from += width {
		mean, square := 0.0, 0.0
		for _, v := range sum[from:][:width] {
			mean += float64(v) / float64(width)
		}
		for _, v := range sum[from:][:width] {
			square += (float64(v) - mean) * (float64(v) - mean) / float64(width)
		}
		for i, v := range sum[from:][:width] {
			want := (float64(v)-mean)/math.Sqrt(square+1e-5)*float64(n.gamma[i]) + float64(n.beta[i])
			if got := float64(y[from+i]); !(math.Abs(got-want) <= 3e-6*(1+math.Abs(want))) {
				t.Fatalf("%d rows of %d: number %d from %d on is %g, want %g", rows, width, i, from, got, want)
			}
		}
	}
}

func TestSelfAttentionIsAttention(t *testing.T) {
	everyKernel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for _, pairs := range []bool{false, true} {
			for _, z := range [][4]int{{1, 1, 1, 1}, {2, 5, 3, 16}, {1, 197, 2, 64}, {3, 33, 2, 20}, {1, 70, 1, 33}} {
				batch, tokens, heads, head := z[0], z[1], z[2], z[3]
				s := session(t, onnx.NewGraph("test"), onnx.SessionConfig{Threads: 2}, func(g *onnx.Graph) {
					g.Output("y", g.SelfAttention("attention", g.Input("qkv", onnx.Float, "B", "T", 3*heads*head), heads, pairs))
				})
				width := heads * head
				qkv, y := randoms(rng, batch*tokens*3*width), make([]float32, batch*tokens*width)
				in := onnx.Feed{"qkv": onnx.Floats(qkv, int64(batch), int64(tokens), int64(3*width))}
				if err := s.Run(t.Context(), in, onnx.Feed{"y": onnx.Floats(y, int64(batch), int64(tokens), int64(width))}); err != nil {
					t.Fatal(err)
				}
				tolerance := 2e-6
				if pairs {
					tolerance = 2e-2 // three roundings to eight bits
				}
				for row := range batch * tokens {
					for h := range heads {
						for d, want := range lookingAt(qkv, tokens, heads, head, row, h) {
							if got := float64(y[row*width+h*head+d]); !(math.Abs(got-want) <= tolerance) {
								t.Fatalf("%v, pairs %v: number %d of head %d of row %d is %g, want %g", z, pairs, d, h, row, got, want)
							}
						}
					}
				}
			}
		}
	})
}

// lookingAt is what a row's head reads, by definition, in float64.
func lookingAt(qkv []float32, tokens, heads, head, row, h int) []float64 {
	part := func(token, which int) []float32 { return qkv[((token*3+which)*heads+h)*head:][:head] }
	first := row / tokens * tokens
	scores, most := make([]float64, tokens), math.Inf(-1)
	for t := range tokens {
		for d, q := range part(row, 0) {
			scores[t] += float64(q) * float64(part(first+t, 1)[d])
		}
		scores[t] /= math.Sqrt(float64(head))
		most = max(most, scores[t])
	}
	out, total := make([]float64, head), 0.0
	for t, s := range scores {
		weight := math.Exp(s - most)
		total += weight
		for d, v := range part(first+t, 2) {
			out[d] += weight * float64(v)
		}
	}
	for d := range out {
		out[d] /= total
	}
	return out
}

func TestProductRefusesWhatDoesNotFit(t *testing.T) {
	g := onnx.NewGraph("test")
	x, w := g.Input("x", onnx.Float, "M", 5), g.Input("w", onnx.Float, 1, 4, 16)
	g.Output("y", g.Product("p", x, onnx.Layer{Weight: w, Bias: g.Input("b", onnx.Float, 3)}, onnx.GELU))
	if _, err := g.Model(); err == nil {
		t.Error("five numbers meet panels of four")
	}
	g = onnx.NewGraph("test")
	g.Output("y", g.SelfAttention("a", g.Input("qkv", onnx.Float, 1, 2, 10), 2, false))
	if _, err := g.Model(); err == nil {
		t.Error("ten numbers are queries, keys and values of two heads")
	}
}

// BenchmarkWide reports what products and attention of GIT-base's six frames reach.
func BenchmarkWide(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, kind := range []onnx.DType{onnx.Float, onnx.BFloat16, onnx.Uint8} {
		for _, z := range [][3]int{{1182, 768, 768}, {1182, 768, 2304}, {1182, 768, 3072}, {1182, 3072, 768}, {197, 768, 3072}, {197, 3072, 768}} {
			b.Run(fmt.Sprint(kind, "/", z), func(b *testing.B) {
				p := wideProduct{t: kind, out: z[2], in: z[1], threads: 2}
				p.w, p.b, p.scales = randoms(rng, p.out*p.in), randoms(rng, p.out), randoms(rng, p.out)
				for i := range p.scales {
					p.scales[i] = 1
				}
				x, y := randoms(rng, z[0]*p.in), make([]float32, z[0]*p.out)
				least := leastOf(b, p.session(b), onnx.Feed{"x": onnx.Floats(x, int64(z[0]), int64(p.in))}, onnx.Feed{"y": onnx.Floats(y, int64(z[0]), int64(p.out))})
				b.ReportMetric(2*float64(z[0]*z[1]*z[2])/least.Seconds()/1e9, "GFLOP/s")
			})
		}
	}
	for _, pairs := range []bool{false, true} {
		for _, z := range [][2]int{{6, 197}, {1, 1182}, {1, 197}} {
			b.Run(fmt.Sprint("attention/", pairs, z), func(b *testing.B) {
				s := session(b, onnx.NewGraph("test"), onnx.SessionConfig{Threads: 2}, func(g *onnx.Graph) {
					g.Output("y", g.SelfAttention("attention", g.Input("qkv", onnx.Float, "B", "T", 2304), 12, pairs))
				})
				n := z[0] * z[1]
				least := leastOf(b, s, onnx.Feed{"qkv": onnx.Floats(randoms(rng, n*2304), int64(z[0]), int64(z[1]), 2304)}, onnx.Feed{"y": onnx.Floats(make([]float32, n*768), int64(z[0]), int64(z[1]), 768)})
				b.ReportMetric(4*float64(n*z[1]*768)/least.Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
