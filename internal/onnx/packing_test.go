package onnx_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"videoqa/internal/onnx"
)

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
