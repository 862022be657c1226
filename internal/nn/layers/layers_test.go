package layers_test

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"videoqa/internal/nn/layers"
	"videoqa/internal/nn/session"
	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
)

const batch, tokens = 2, 5

// tensors are a checkpoint of random values.
type tensors map[string][]float32

func (c tensors) add(random *rand.Rand, name string, n int, scale, shift float64) {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(random.NormFloat64()*scale + shift)
	}
	c[name] = values
}

func layer(s layers.Stack) tensors {
	random, c := rand.New(rand.NewPCG(1, 2)), tensors{}
	for _, l := range []struct {
		name    string
		in, out int
	}{{"q", s.Width, s.Width}, {"k", s.Width, s.Width}, {"v", s.Width, s.Width}, {"o", s.Width, s.Width}, {"up", s.Width, s.Hidden}, {"down", s.Hidden, s.Width}} {
		c.add(random, l.name+".weight", l.in*l.out, 1/math.Sqrt(float64(l.in)), 0)
		c.add(random, l.name+".bias", l.out, 0.1, 0)
	}
	for _, n := range []string{"n1", "n2"} {
		c.add(random, n+".weight", s.Width, 0.1, 1)
		c.add(random, n+".bias", s.Width, 0.1, 0)
	}
	return c
}

// linear is x [rows, in] times a weight [out, in], and its bias.
func (c tensors) linear(name string, x []float64, in int) []float64 {
	w, b := c[name+".weight"], c[name+".bias"]
	var y []float64
	for row := 0; row < len(x); row += in {
		for o := range b {
			sum := float64(b[o])
			for i := range in {
				sum += x[row+i] * float64(w[o*in+i])
			}
			y = append(y, sum)
		}
	}
	return y
}

// norm is a layer norm of a + b.
func (c tensors) norm(name string, a, b []float64, width int, eps float64) []float64 {
	y := make([]float64, len(a))
	for row := 0; row < len(a); row += width {
		var mean, square float64
		for i := range width {
			y[row+i] = a[row+i] + b[row+i]
			mean += y[row+i] / float64(width)
		}
		for i := range width {
			square += (y[row+i] - mean) * (y[row+i] - mean) / float64(width)
		}
		for i := range width {
			y[row+i] = (y[row+i]-mean)/math.Sqrt(square+eps)*float64(c[name+".weight"][i]) + float64(c[name+".bias"][i])
		}
	}
	return y
}

// attend is every token's attention to those of its entry of the batch.
func attend(q, k, v []float64, s layers.Stack) []float64 {
	out, head := make([]float64, len(q)), s.Head()
	at := func(x []float64, entry, token, h, d int) float64 { return x[(entry*tokens+token)*s.Width+h*head+d] }
	for entry := range batch {
		for token := range tokens {
			for h := range s.Heads {
				var total float64
				weight := make([]float64, tokens)
				for other := range tokens {
					var score float64
					for d := range head {
						score += at(q, entry, token, h, d) * at(k, entry, other, h, d)
					}
					weight[other] = math.Exp(score / math.Sqrt(float64(head)))
					total += weight[other]
				}
				for d := range head {
					for other := range tokens {
						out[(entry*tokens+token)*s.Width+h*head+d] += weight[other] / total * at(v, entry, other, h, d)
					}
				}
			}
		}
	}
	return out
}

func act(a onnx.Activation, x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		switch a {
		case onnx.QuickGELU:
			y[i] = v / (1 + math.Exp(-1.702*v))
		case onnx.TanhGELU:
			y[i] = v / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
		case onnx.ReLU:
			y[i] = max(v, 0)
		default:
			y[i] = v / 2 * (1 + math.Erf(v/math.Sqrt2))
		}
	}
	return y
}

// exact is the layer by its definition.
func (c tensors) exact(x []float64, s layers.Stack) []float64 {
	w := s.Width
	a := attend(c.linear("q", x, w), c.linear("k", x, w), c.linear("v", x, w), s)
	y := c.norm("n1", c.linear("o", a, w), x, w, float64(s.Eps))
	return c.norm("n2", c.linear("down", act(s.Act, c.linear("up", y, w)), s.Hidden), y, w, float64(s.Eps))
}

// built is the layer as a graph computes it, with matrices in that form.
func (c tensors) built(t *testing.T, x []float32, s layers.Stack, form weights.Form) []float32 {
	t.Helper()
	library := os.Getenv("VIDEOQA_ONNXRUNTIME")
	if library == "" {
		t.Fatal("VIDEOQA_ONNXRUNTIME is not set: eval $(make env)")
	}
	rt, err := onnx.OpenRuntime(library)
	if err != nil {
		t.Fatal(err)
	}
	p := weights.NewPlan("weights.bin")
	layers.PlanAttention(p, "0", s, [3]string{"q", "k", "v"}, form)
	p.Linear("0.out", s.Width, s.Width, 1, "o", form)
	p.Norm("0.norm1", s.Width, "n1")
	layers.PlanMLP(p, "0", s, "up", "down", form)
	p.Norm("0.norm2", s.Width, "n2")
	r := session.New(rt, t.TempDir(), 1)
	source := func(name string) ([]float32, error) { return c[name], nil }
	err = r.OpenWeights(t.Context(), "weights.bin", func(int64) (func(io.Writer) error, error) {
		return func(w io.Writer) error { return p.Write(w, source, func() error { return nil }) }, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	b := layers.Builder{Plan: p, Form: form}
	run, done, err := r.Graph(t.Context(), "layer", r.Config(), func() (onnx.Model, error) {
		g := onnx.NewGraph("layer")
		in := g.Input("x", onnx.Float, batch*tokens, s.Width)
		g.Output("y", b.AfterAttention(g, "0", b.SelfAttention(g, b.QKV(g, "0", in, s, batch, tokens)), in, s))
		return g.Model()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	y := make([]float32, len(x))
	shape := []int64{batch * tokens, int64(s.Width)}
	if err := run.Run(t.Context(), onnx.Feed{"x": onnx.Floats(x, shape...)}, onnx.Feed{"y": onnx.Floats(y, shape...)}); err != nil {
		t.Fatal(err)
	}
	return y
}

func TestALayerIsItsDefinitionInEveryForm(t *testing.T) {
	for _, tc := range []struct {
		name  string
		form  weights.Form
		has   bool
		apart float64
	}{
		{"plain", weights.Plain, true, 1e-4},
		{"panels of float32", weights.Float32Panels, onnx.Multiplies(onnx.Float), 1e-4},
		{"panels of bfloat16", weights.BFloat16Panels, onnx.Multiplies(onnx.BFloat16), 0.02},
		{"panels of bytes", weights.Int8Panels, onnx.Multiplies(onnx.Uint8), 0.06},
		{"blocks of bytes", weights.Int8Blocks, true, 0.06},
	} {
		for _, a := range []onnx.Activation{onnx.GELU, onnx.QuickGELU, onnx.TanhGELU, onnx.ReLU} {
			t.Run(fmt.Sprintf("%s, activation %d", tc.name, a), func(t *testing.T) {
				if !tc.has {
					t.Skip("this processor has no products of that form")
				}
				s := layers.Stack{Width: 48, Layers: 1, Heads: 3, Hidden: 80, Eps: 1e-5, Act: a}
				c := layer(s)
				c.add(rand.New(rand.NewPCG(3, 4)), "x", batch*tokens*s.Width, 1, 0)
				exactly := make([]float64, len(c["x"]))
				for i, v := range c["x"] {
					exactly[i] = float64(v)
				}
				want, got := c.exact(exactly, s), c.built(t, c["x"], s, tc.form)
				var worst float64
				for i := range want {
					worst = max(worst, math.Abs(want[i]-float64(got[i])))
				}
				if !(worst <= tc.apart) {
					t.Errorf("the worst of %d values is %.2g apart; want at most %g", len(want), worst, tc.apart)
				}
			})
		}
	}
}
