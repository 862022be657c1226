package onnx_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"videoqa/internal/onnx"
)

// What the processor's fastest products reach through the libraries that the program
// runs with, to measure its towers by, and through its own: testdata/bench/bench.py
// puts torch's beside them. Six frames of GIT-base are 1182 rows, and its layers 768 and 3072 wide.
const productRows = 1182

// A chain is products one behind the other, of such widths: nothing but products is
// run, and what goes from one to the next need not leave a library's own layout.
type chain []int

func (c chain) flop() (sum float64) {
	for i := range c[1:] {
		sum += 2 * productRows * float64(c[i]) * float64(c[i+1])
	}
	return sum
}

var chains = []chain{{768, 768, 768, 768, 768}, {768, 3072, 768, 3072, 768}}

// BenchmarkProducts reports the fastest run of each chain in GFLOP/s, on
// VIDEOQA_THREADS cores.
func BenchmarkProducts(b *testing.B) {
	library := cmp.Or(os.Getenv("VIDEOQA_ONNXRUNTIME"), os.Getenv("VIDEOQA_ORT_LIB"))
	threads, _ := strconv.Atoi(os.Getenv("VIDEOQA_THREADS"))
	for _, with := range []struct {
		name string
		cfg  onnx.SessionConfig
		run  func(chain, *testing.B, onnx.SessionConfig)
	}{
		{"onnxruntime/fp32", onnx.SessionConfig{}, chain.run},
		{"onnxruntime/int8", onnx.SessionConfig{}, chain.runBytes},
		{"openvino/fp32", onnx.SessionConfig{Provider: onnx.OpenVINO}, chain.run},
		{"openvino/bf16", onnx.SessionConfig{Provider: onnx.OpenVINO, BFloat16: true}, chain.run},
		{"videoqa/fp32", onnx.SessionConfig{}, own(onnx.Float)},
		{"videoqa/bf16", onnx.SessionConfig{}, own(onnx.BFloat16)},
		{"videoqa/int8", onnx.SessionConfig{}, own(onnx.Uint8)},
	} {
		with.cfg.Threads = threads
		for _, widths := range chains {
			b.Run(fmt.Sprint(with.name, "/", widths[1]), func(b *testing.B) {
				if with.cfg.Provider == onnx.OpenVINO && !onnx.HasOpenVINO(library) {
					b.Skip("the library has no OpenVINO beside it: deploy/deps.sh brings one that has, on x86-64")
				}
				with.run(widths, b, with.cfg)
			})
		}
	}
}

// run times the chain in one graph.
func (c chain) run(b *testing.B, cfg onnx.SessionConfig) {
	g := onnx.NewPlainGraph("chain")
	c.time(b, cfg, g, nil, nil, func(i int, x onnx.Value, w []float32) onnx.Value {
		return g.Gemm(fmt.Sprint("product ", i), x, g.Constant(fmt.Sprint("w ", i), w, int64(c[i+1]), int64(c[i])), onnx.Value{})
	})
}

// own is run by our own products, with weights of t.
func own(t onnx.DType) func(chain, *testing.B, onnx.SessionConfig) {
	return func(c chain, b *testing.B, cfg onnx.SessionConfig) {
		g, data, values := onnx.NewGraph("chain"), onnx.NewData("weights.bin"), map[string][]byte{}
		weight := func(name string, t onnx.DType, value []byte, shape ...int64) onnx.Value {
			values[name] = value
			return g.Weight(data.Add(name, t, shape...))
		}
		c.time(b, cfg, g, data, values, func(i int, x onnx.Value, w []float32) onnx.Value {
			out, in := c[i+1], c[i]
			steps, scales := make([]float32, out), onnx.Value{}
			for at := range steps {
				steps[at] = 1.0 / 32
			}
			if t == onnx.Uint8 {
				scales = weight(fmt.Sprint("steps ", i), onnx.Float, little(steps), int64(out))
			}
			panels := weight(fmt.Sprint("w ", i), t, onnx.Panels(t, w, in, steps), onnx.PanelShape(t, out, in)...)
			return g.Product(fmt.Sprint("product ", i), x, onnx.Layer{Weight: panels, Bias: weight(fmt.Sprint("b ", i), onnx.Float, make([]byte, 4*out), int64(out)), Scales: scales}, onnx.NoActivation)
		})
	}
}

// time describes the chain in g, product by product, and times it.
func (c chain) time(b *testing.B, cfg onnx.SessionConfig, g *onnx.Graph, data *onnx.Data, values map[string][]byte, product func(i int, x onnx.Value, w []float32) onnx.Value) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := g.Input("x", onnx.Float, productRows, c[0])
	for i, n := range c[1:] {
		k := c[i]
		w := randoms(rng, n*k)
		for at := range w {
			w[at] /= float32(math.Sqrt(float64(k))) // so that values keep their size
		}
		x = product(i, x, w)
	}
	g.Output("y", x)
	last := c[len(c)-1]
	in, out := randoms(rng, productRows*c[0]), make([]float32, productRows*last)
	least := leastOf(b, openWith(b, g, data, values, cfg), onnx.Feed{"x": onnx.Floats(in, productRows, int64(c[0]))}, onnx.Feed{"y": onnx.Floats(out, productRows, int64(last))})
	b.ReportMetric(c.flop()/least.Seconds()/1e9, "GFLOP/s")
}

// runBytes times each product of the chain's first two by itself, from bytes to
// float32: what lies between two products in 8 bits is no product.
func (c chain) runBytes(b *testing.B, cfg onnx.SessionConfig) {
	best := 0.0
	for i := range c[1:3] {
		k, n := c[i], c[i+1]
		data := onnx.NewData("weights.bin")
		w, s := data.Add("w", onnx.Int8, int64(k), int64(n)), data.Add("s", onnx.Float, int64(n))
		g := onnx.NewGraph("product")
		g.Output("y", g.MatMulBytes("product", g.Input("x", onnx.Uint8, productRows, k), g.Weight(w), g.Weight(s)))
		in := make([]byte, productRows*k)
		for at := range in {
			in[at] = byte(at*7 + at/k)
		}
		feed := onnx.Feed{"x": onnx.Bytes(in, productRows, int64(k))}
		least := leastOf(b, openWith(b, g, data, map[string][]byte{"w": anyValues(w), "s": anyValues(s)}, cfg), feed, onnx.Feed{"y": onnx.Floats(make([]float32, productRows*n), productRows, int64(n))})
		best = max(best, chain{k, n}.flop()/least.Seconds()/1e9)
	}
	b.ReportMetric(best, "GFLOP/s")
}

// leastOf is the shortest of 12 runs: what else runs on the machine only adds to it.
func leastOf(b *testing.B, s *onnx.Session, in, out onnx.Feed) (least time.Duration) {
	b.ReportMetric(0, "ns/op") // not printed: it would be of b.N
	for range 12 {
		began := time.Now()
		if err := s.Run(b.Context(), in, out); err != nil {
			b.Fatal(err)
		}
		if took := time.Since(began); least == 0 || took < least {
			least = took
		}
	}
	return least
}

// anyValues makes a weight up.
func anyValues(r onnx.Ref) []byte {
	raw := make([]byte, 0, r.Bytes())
	for i := range r.Bytes() {
		if r.DType == onnx.Int8 {
			raw = append(raw, byte(i*31+i>>9))
		} else if i%4 == 0 {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(1.0/1024))
		}
	}
	return raw
}
