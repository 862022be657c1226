package onnx_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"videoqa/internal/onnx"
)

// BenchmarkFew reports how fast the layers of the text step read the 94 MB of GIT's word
// head: what they multiply is next to nothing.
func BenchmarkFew(b *testing.B) {
	const out, in = 30522, 768
	rng := rand.New(rand.NewPCG(7, 8))
	weights, bias := randoms(rng, out*in), randoms(rng, out)
	for _, rows := range []int{1, 8} {
		b.Run(fmt.Sprint("Linear/", rows), func(b *testing.B) {
			plan := onnx.NewData("weights.bin")
			w, v := plan.Add("w", onnx.Float, out, in), plan.Add("b", onnx.Float, out)
			g := onnx.NewGraph("test")
			g.Output("y", g.Linear("linear", g.Input("x", onnx.Float, "M", in), g.Weight(w), g.Weight(v)))
			s := openWith(b, g, plan, map[string][]byte{"w": little(weights), "b": little(bias)}, onnx.SessionConfig{Threads: 2})
			reportRead(b, s, rows, out, in)
		})
		b.Run(fmt.Sprint("Product/", rows), func(b *testing.B) {
			p := wideProduct{t: onnx.Float, out: out, in: in, w: weights, b: bias, scales: bias, threads: 2}
			reportRead(b, p.session(b), rows, out, in)
		})
	}
}

func reportRead(b *testing.B, s *onnx.Session, rows, out, in int) {
	rng := rand.New(rand.NewPCG(9, 10))
	x, y := randoms(rng, rows*in), make([]float32, rows*out)
	least := leastOf(b, s, onnx.Feed{"x": onnx.Floats(x, int64(rows), int64(in))}, onnx.Feed{"y": onnx.Floats(y, int64(rows), int64(out))})
	b.ReportMetric(float64(4*out*in)/least.Seconds()/1e9, "GB/s")
}
