package onnx_test

import (
	"strings"
	"testing"

	"videoqa/internal/onnx"
)

func TestMisfitsAreFoundByName(t *testing.T) {
	data := onnx.NewData("weights.bin")
	w, b := data.Add("w", onnx.Float, 3, 4), data.Add("b", onnx.Float, 3)
	for _, tc := range []struct {
		name  string
		build func(g *onnx.Graph, x onnx.Value) // x [Q*S, 4]
		want  string                            // within the error; "" for none
	}{
		{"what fits is built", func(g *onnx.Graph, x onnx.Value) { g.Output("y", g.Gemm("fc", x, g.Weight(w), g.Weight(b))) }, ""},
		{"a product over different lengths", func(g *onnx.Graph, x onnx.Value) { g.In("layer.3").MatMul("product", x, x) }, "layer.3/product (MatMul)"},
		{"a bias of another length", func(g *onnx.Graph, x onnx.Value) { g.Gemm("fc", x, g.Weight(w), g.Integers("i", 1)) }, "fc (Gemm)"},
		{"a sum that does not broadcast", func(g *onnx.Graph, x onnx.Value) { g.Add("sum", x, g.Weight(b)) }, "sum (Add)"},
		{"named lengths that differ", func(g *onnx.Graph, x onnx.Value) { g.Add("sum", x, g.Input("z", onnx.Float, "R", 4)) }, "sum (Add)"},
		{"a reshape that loses elements", func(g *onnx.Graph, x onnx.Value) { g.Reshape("r", x, "Q*S", 2) }, "r (Reshape)"},
		{"a reshape with two unknown lengths", func(g *onnx.Graph, x onnx.Value) { g.Reshape("r", x, "Q", "S", 4) }, "2 lengths are unknown"},
		{"a permutation that is none", func(g *onnx.Graph, x onnx.Value) { g.Transpose("t", x, 1, 1) }, "t (Transpose)"},
		{"heads that do not divide", func(g *onnx.Graph, x onnx.Value) {
			y := g.Reshape("y", x, 1, "Q*S", 4)
			g.MultiHeadAttention("attention", y, y, y, 3)
		}, "attention (MultiHeadAttention)"},
		{"a norm of another width", func(g *onnx.Graph, x onnx.Value) { g.LayerNorm("norm", x, g.Weight(b), g.Weight(b), 1e-5) }, "norm (LayerNormalization)"},
		{"an index that is no index", func(g *onnx.Graph, x onnx.Value) { g.Gather("rows", x, x) }, "rows (Gather)"},
		{"a name used twice", func(g *onnx.Graph, x onnx.Value) { g.Softmax("s", g.Softmax("s", x)) }, "s (name)"},
		{"an output that nothing computes", func(g *onnx.Graph, x onnx.Value) { g.Output("y", x) }, "output y"},
		{"a constant of another length", func(g *onnx.Graph, x onnx.Value) { g.Constant("c", make([]float32, 3), 2, 2) }, "constant c"},
		{"only the first misfit counts", func(g *onnx.Graph, x onnx.Value) { g.Softmax("after", g.MatMul("first", x, x)) }, "first (MatMul)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := onnx.NewGraph("test")
			tc.build(g, g.Input("x", onnx.Float, "Q*S", 4))
			_, err := g.Model()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Model() gives %v; want %q", err, tc.want)
			}
		})
	}
}

func TestLengthsAreReckonedByName(t *testing.T) {
	q, s, t0 := onnx.ParseDim("Q"), onnx.ParseDim("S"), onnx.ParseDim("T")
	for _, tc := range []struct {
		name      string
		got, want onnx.Dim
	}{
		{"a product does not depend on order", s.Times(q), onnx.ParseDim("Q*S")},
		{"numbers gather in front", q.Times(onnx.Fixed(3)).Times(onnx.Fixed(4)), onnx.Fixed(12).Times(q)},
		{"nothing times anything is nothing", q.Times(onnx.Fixed(0)), onnx.Fixed(0)},
		{"numbers add", onnx.Fixed(2).Plus(onnx.Fixed(3)), onnx.Fixed(5)},
		{"a sum is a name of its own", t0.Plus(s), onnx.ParseDim("T+S")},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %v; want %v", tc.name, tc.got, tc.want)
		}
	}
}
