package onnx_test

import (
	"fmt"
	"math/rand/v2"
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

func TestProductRefusesWhatDoesNotFit(t *testing.T) {
	g := onnx.NewGraph("test")
	x, w := g.Input("x", onnx.Float, "M", 5), g.Input("w", onnx.Float, 1, 4, 16)
	g.Output("y", g.Product("p", x, onnx.Layer{Weight: w, Bias: g.Input("b", onnx.Float, 3)}, onnx.GELU))
	if _, err := g.Model(); err == nil {
		t.Error("rows of five numbers are multiplied by panels of four")
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
