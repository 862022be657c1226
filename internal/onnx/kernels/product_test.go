package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"videoqa/internal/onnx/kernels"
)

var formats = []kernels.Format{kernels.Float32, kernels.BFloat16, kernels.Int8}

// activations by their definitions, in the order of their numbers.
var activations = []func(float64) float64{
	kernels.NoActivation: func(v float64) float64 { return v },
	kernels.QuickGELU:    func(v float64) float64 { return v / (1 + math.Exp(-v)) },
	kernels.GELU:         func(v float64) float64 { return v / 2 * (1 + math.Erf(v/math.Sqrt2)) },
	kernels.TanhGELU: func(v float64) float64 {
		return v / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
	},
	kernels.ReLU: func(v float64) float64 { return max(v, 0) },
}

// A layer is weights [out, in] and what a format makes of them.
type layer struct {
	format  kernels.Format
	out, in int
	w, b    []float32
	scales  []float32 // of Int8
	panels  []byte
	exact   []float64 // the weights as the format has them
}

func randomLayer(rng *rand.Rand, f kernels.Format, out, in int) layer {
	l := layer{format: f, out: out, in: in, w: randoms(rng, out*in), b: randoms(rng, out)}
	for i := range l.w {
		l.w[i] /= float32(math.Sqrt(float64(in)))
	}
	if f == kernels.Int8 {
		for row := range slices.Chunk(l.w, in) {
			l.scales = append(l.scales, max(slices.Max(row), -slices.Min(row))/127)
		}
	}
	l.panels = kernels.Panels(f, l.w, in, l.scales)
	for i := range l.w {
		l.exact = append(l.exact, l.rounded(i/in, i%in))
	}
	return l
}

func (l layer) String() string { return fmt.Sprintf("format %d, %d by %d", l.format, l.out, l.in) }

// product is l over rows of x, in memory of m.
func (l layer) product(m *memory, x []float32, act kernels.Activation) kernels.Product {
	m.t.Helper()
	p := kernels.Product{Weight: fenced(m, l.panels), Bias: fenced(m, l.b), Rows: len(x) / l.in, In: l.in, Out: l.out, Format: l.format, Act: act}
	if l.format == kernels.Int8 {
		p.Scales = fenced(m, l.scales)
	}
	p.X, p.Y = fenced(m, x), unwritten(m, p.Rows*l.out)
	return p
}

// multiply is act of l over x.
func (l layer) multiply(t *testing.T, x []float32, act kernels.Activation) (y []float32) {
	t.Helper()
	with(t, func(m *memory) {
		p := l.product(m, x, act)
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		y = slices.Clone(p.Y)
	})
	return y
}

// want is act of l over x in float64, of weights and rows as the format has them, and of each
// number the sum of the magnitudes that it is made of.
func (l layer) want(x []float32, act kernels.Activation) (y, size []float64) {
	for row := range slices.Chunk(x, l.in) {
		row := l.roundedRow(row)
		for o := range l.out {
			sum, of := float64(l.b[o]), math.Abs(float64(l.b[o]))
			for i, w := range l.exact[o*l.in:][:l.in] {
				p := row[i] * w
				sum, of = sum+p, of+math.Abs(p)
			}
			y, size = append(y, activations[act](sum)), append(size, of)
		}
	}
	return y, size
}

// rounded is weight i of output o as the format has it.
func (l layer) rounded(o, i int) float64 {
	v := l.w[o*l.in+i]
	switch l.format {
	case kernels.BFloat16:
		return bfloat16(v)
	case kernels.Int8:
		if l.scales[o] == 0 {
			return 0
		}
		return math.RoundToEven(float64(v)/float64(l.scales[o])) * float64(l.scales[o])
	}
	return float64(v)
}

func (l layer) roundedRow(x []float32) []float64 {
	var most float32
	for _, v := range x {
		most = max(most, v, -v)
	}
	out := make([]float64, len(x))
	for i, v := range x {
		switch scale := most / 127; {
		case l.format == kernels.BFloat16:
			out[i] = bfloat16(v)
		case l.format == kernels.Int8 && scale > 0:
			out[i] = math.RoundToEven(float64(v)*float64(1/scale)) * float64(scale)
		case l.format == kernels.Float32:
			out[i] = float64(v)
		}
	}
	return out
}

// bfloat16 rounds v to that.
func bfloat16(v float32) float64 {
	if v == 0 {
		return 0
	}
	step := math.Ldexp(1, max(-126, math.Ilogb(float64(v)))-7)
	return math.RoundToEven(float64(v)/step) * step
}

// tolerance of a product's results, by the size of what they are made of.
func (l layer) tolerance() float64 {
	if l.format == kernels.Int8 {
		return 1e-4 // with and without a fused multiplication, numbers between two steps may fall either way
	}
	return 3e-6
}

func TestProductsAreProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var cases []productCase
	for _, f := range formats {
		for i, z := range [][2]int{{1, 1}, {16, 16}, {33, 5}, {64, 768}, {31, 1601}, {100, 3085}, {17, 33}, {40, 2048}, {70, 12}} { // rows of 2048 floats would share a set of a cache
			l := randomLayer(rng, f, z[0], z[1])
			for _, rows := range []int{1, 5, 14, 29, 57, 120} {
				if rows*z[0]*z[1] < most(10e6) {
					cases = append(cases, newProductCase(l, kernels.Activation(i%len(activations)), rowsOf(rng, rows, l.in)))
				}
			}
		}
	}
	everySet(t, func(t *testing.T) {
		for _, c := range cases {
			c.check(t)
		}
	})
}

// most is how many multiplications a case may have: few with -short, which the sanitizers
// are run with.
func most(n int) int {
	if testing.Short() {
		return n / 20
	}
	return n
}

// rowsOf are random rows, the last one of nothing.
func rowsOf(rng *rand.Rand, rows, in int) []float32 {
	x := randoms(rng, rows*in)
	clear(x[(rows-1)*in:])
	return x
}

// A productCase is a layer over rows, and what it gives in float64, which is the same for all
// kernel sets.
type productCase struct {
	layer
	act        kernels.Activation
	x          []float32
	want, size []float64
}

func newProductCase(l layer, act kernels.Activation, x []float32) productCase {
	c := productCase{layer: l, act: act, x: x}
	c.want, c.size = l.want(x, act)
	return c
}

func (c productCase) check(t *testing.T) {
	t.Helper()
	y := c.multiply(t, c.x, c.act)
	for i, w := range c.want {
		if g := float64(y[i]); !(math.Abs(g-w) <= c.tolerance()*c.size[i]+1e-7) {
			t.Fatalf("%v, activation %d: output %d of row %d of %d is %g, want %g", c, c.act, i%c.out, i/c.out, len(c.x)/c.in, g, w)
		}
	}
	for r, rows := 0, len(c.x)/c.in; r < rows; r += 1 + rows/8 {
		if alone := c.multiply(t, c.x[r*c.in:][:c.in], c.act); !slices.Equal(alone, y[r*c.out:][:c.out]) {
			t.Fatalf("%v: row %d of %d differs from what it is alone", c, r, rows)
		}
	}
}

func TestProductsOfNothing(t *testing.T) {
	everySet(t, func(t *testing.T) {
		for _, f := range formats {
			l := layer{format: f, out: 3, in: 0, b: []float32{1, -2, 3}, scales: []float32{1, 1, 1}}
			with(t, func(m *memory) {
				p := kernels.Product{X: fenced(m, []float32{}), Weight: fenced(m, []byte{}), Bias: fenced(m, l.b), Scales: fenced(m, l.scales), Y: unwritten(m, 6), Rows: 2, Out: 3, Format: f, Act: kernels.ReLU}
				if err := p.Run(); err != nil || !slices.Equal(p.Y, []float32{1, 0, 3, 1, 0, 3}) {
					t.Errorf("format %d: rows of no numbers give %v, %v; want the bias", f, p.Y, err)
				}
				p = kernels.Product{X: fenced(m, []float32{}), Weight: fenced(m, kernels.Panels(f, make([]float32, 12), 4, l.scales)), Bias: fenced(m, l.b), Scales: fenced(m, l.scales), Y: []float32{}, In: 4, Out: 3, Format: f}
				if err := p.Run(); err != nil {
					t.Errorf("format %d: no rows give %v", f, err)
				}
			})
		}
	})
}

// What is not a number stays in its row.
func TestProductsKeepWhatIsNoNumberInItsRow(t *testing.T) {
	everySet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(13, 14))
		for _, f := range []kernels.Format{kernels.Float32, kernels.BFloat16} {
			for act := range activations {
				l, x := randomLayer(rng, f, 20, 9), randoms(rng, 3*9)
				x[9+4] = nan
				for i, v := range l.multiply(t, x, kernels.Activation(act)) {
					if isNaN, row := v != v, i/20; isNaN != (row == 1) {
						t.Fatalf("format %d, activation %d: output %d of row %d is %g", f, act, i%20, row, v)
					}
				}
			}
		}
	})
}

// A norm is the weights of layer norm or RMS norm, and what it is a norm of.
type norm struct {
	gamma, beta []float32
	rms         bool
}

const epsilon = 1e-5

func randomNorm(rng *rand.Rand, width int, rms bool) norm {
	n := norm{gamma: randoms(rng, width), rms: rms}
	if !rms {
		n.beta = randoms(rng, width)
	}
	return n
}

// behind is n for kernels, behind what gives sum.
func (n norm) behind(m *memory, skip []float32) *kernels.Norm {
	k := &kernels.Norm{Skip: fenced(m, skip), Sum: unwritten(m, len(skip)), Y: unwritten(m, len(skip)), Gamma: fenced(m, n.gamma), Epsilon: epsilon, RMS: n.rms}
	if !n.rms {
		k.Beta = fenced(m, n.beta)
	}
	return k
}

// want is n of v in float64.
func (n norm) want(v []float32) (y []float64) {
	width := len(n.gamma)
	for row := range slices.Chunk(v, width) {
		mean, square := 0.0, 0.0
		for _, v := range row {
			if !n.rms {
				mean += float64(v) / float64(width)
			}
		}
		for _, v := range row {
			square += (float64(v) - mean) * (float64(v) - mean) / float64(width)
		}
		for i, v := range row {
			w := (float64(v) - mean) / math.Sqrt(square+epsilon) * float64(n.gamma[i])
			if !n.rms {
				w += float64(n.beta[i])
			}
			y = append(y, w)
		}
	}
	return y
}

// checkNorm checks what k holds behind a layer that alone gives plain.
func (n norm) check(t *testing.T, k *kernels.Norm, plain []float32) {
	t.Helper()
	for i, v := range plain {
		if k.Sum[i] != v+k.Skip[i] {
			t.Fatalf("%d numbers of %d: number %d of the sum is %g, want %g", len(plain), len(n.gamma), i, k.Sum[i], v+k.Skip[i])
		}
	}
	near(t, k.Y, n.want(k.Sum), 3e-6, "norm of %d, RMS %v", len(n.gamma), n.rms)
}

// The norm behind a layer is of the sum of what the layer alone gives, to the bit, and skip.
func TestNormsBehindLayersAreNormsOfTheirSums(t *testing.T) {
	everySet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for i, z := range [][3]int{{1, 1, 1}, {5, 33, 31}, {64, 96, 64}, {40, 1700, 1030}} {
			for _, f := range formats {
				for _, rms := range []bool{false, true} {
					up, gate, down, alone := randomLayer(rng, f, z[1], z[0]), randomLayer(rng, f, z[1], z[0]), randomLayer(rng, f, z[2], z[1]), randomLayer(rng, f, z[2], z[0])
					n, act := randomNorm(rng, z[2], rms), kernels.Activation(i%len(activations))
					for _, rows := range []int{1, 13, 29, 230} {
						if rows*z[1]*(z[0]+z[2]) > most(60e6)/5 && testing.Short() {
							continue
						}
						x, skip := randoms(rng, rows*z[0]), randoms(rng, rows*z[2])
						with(t, func(m *memory) {
							p := alone.product(m, x, kernels.NoActivation)
							p.Y, p.Norm = nil, n.behind(m, skip)
							ran(t, p.Run())
							n.check(t, p.Norm, alone.multiply(t, x, kernels.NoActivation))
						})
						hidden := up.multiply(t, x, act)
						checkMLP(t, kernels.MLP{}, up, nil, down, n, x, skip, act, down.multiply(t, hidden, kernels.NoActivation))
						for i, v := range gate.multiply(t, x, kernels.NoActivation) {
							hidden[i] *= v
						}
						checkMLP(t, kernels.MLP{}, gate, &up, down, n, x, skip, act, down.multiply(t, hidden, kernels.NoActivation))
					}
				}
			}
		}
	})
}

// checkMLP runs an MLP of which the layers alone give plain; gate, unless nil, has the
// activation then.
func checkMLP(t *testing.T, k kernels.MLP, up layer, gate *layer, down layer, n norm, x, skip []float32, act kernels.Activation, plain []float32) {
	t.Helper()
	with(t, func(m *memory) {
		k.Up, k.Down = up.product(m, x, act), down.product(m, make([]float32, len(x)/up.in*down.in), kernels.NoActivation)
		if gate != nil {
			g := gate.product(m, x, act)
			k.Gate, k.Up.Act = &g, kernels.NoActivation
		}
		k.Down.Norm = n.behind(m, skip)
		ran(t, k.Run())
		n.check(t, k.Down.Norm, plain)
	})
}

func ran(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A gated product is its halves' product: by float64, and to the bit by what they are alone.
func TestGatedProductsAreProductsOfTheirHalves(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	var gates, linears []productCase
	for _, f := range formats {
		for i, z := range [][2]int{{1, 1}, {33, 5}, {600, 31}, {1100, 64}, {40, 1601}} { // 600 and 1100 outputs are done in parts
			gate, linear := randomLayer(rng, f, z[0], z[1]), randomLayer(rng, f, z[0], z[1])
			act := []kernels.Activation{kernels.GELU, kernels.TanhGELU, kernels.ReLU}[i%3]
			for _, rows := range []int{1, 14, 29, 61} {
				if x := rowsOf(rng, rows, z[1]); rows*z[0]*z[1] < most(3e6) {
					gates, linears = append(gates, newProductCase(gate, act, x)), append(linears, newProductCase(linear, kernels.NoActivation, x))
				}
			}
		}
	}
	everySet(t, func(t *testing.T) {
		for i := range gates {
			checkGated(t, gates[i], linears[i])
		}
	})
}

func checkGated(t *testing.T, gate, linear productCase) {
	t.Helper()
	var y []float32
	with(t, func(m *memory) {
		k := kernels.Gated{Gate: gate.product(m, gate.x, gate.act), Linear: linear.product(m, gate.x, kernels.NoActivation)}
		ran(t, k.Run())
		y = slices.Clone(k.Gate.Y)
	})
	a, b := gate.multiply(t, gate.x, gate.act), linear.multiply(t, gate.x, kernels.NoActivation)
	for i := range y {
		if y[i] != a[i]*b[i] {
			t.Fatalf("%v: number %d is %g, and its halves %g and %g", gate, i, y[i], a[i], b[i])
		}
		if g, w := float64(y[i]), gate.want[i]*linear.want[i]; !(math.Abs(g-w) <= 2*gate.tolerance()*(gate.size[i]+1)*(linear.size[i]+1)) {
			t.Fatalf("%v, activation %d: number %d is %g, want %g", gate, gate.act, i, g, w)
		}
	}
}

func TestRMSNormsAreRMSNorms(t *testing.T) {
	everySet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(17, 18))
		for _, z := range [][2]int{{1, 1}, {3, 5}, {16, 16}, {17, 33}, {40, 768}} {
			rows, width := z[0], z[1]
			n := randomNorm(rng, width, true)
			for _, skipped := range []bool{false, true} {
				x, skip := rowsOf(rng, rows, width), randoms(rng, rows*width)
				x[0] *= 1e4
				with(t, func(m *memory) {
					k := kernels.RMSNorm{X: fenced(m, x), Y: unwritten(m, len(x)), Gamma: fenced(m, n.gamma), Rows: rows, Width: width, Epsilon: epsilon}
					if skipped {
						k.Skip, k.Sum = fenced(m, skip), unwritten(m, len(x))
					}
					ran(t, k.Run())
					v := x
					if skipped {
						v = k.Sum
						for i := range x {
							if v[i] != x[i]+skip[i] {
								t.Fatalf("%v: number %d of the sum is %g, want %g", z, i, v[i], x[i]+skip[i])
							}
						}
					}
					near(t, k.Y, n.want(v), 3e-6, "%v, skip %v", z, skipped)
				})
			}
		}
	})
}

// What a norm makes of a row that has no numbers stays in it.
func TestRMSNormsKeepWhatIsNoNumberInItsRow(t *testing.T) {
	everySet(t, func(t *testing.T) {
		x := randoms(rand.New(rand.NewPCG(19, 20)), 3*7)
		x[8] = nan
		k := kernels.RMSNorm{X: x, Y: make([]float32, 21), Gamma: slices.Repeat([]float32{1}, 7), Rows: 3, Width: 7}
		ran(t, k.Run())
		for i, v := range k.Y {
			if (v != v) != (i/7 == 1) {
				t.Errorf("number %d of row %d is %g", i%7, i/7, v)
			}
		}
	})
}
