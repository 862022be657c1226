package onnx_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"videoqa/internal/onnx"
)

// Lengths are checked twice: in Go, by name, when a graph is described, and in C, by number,
// when an operator runs. An opShape is an operator over inputs that fit, of which each length
// and each number of axes is changed in turn: both sides must refuse the same.
type opShape struct {
	name  string
	in    []onnx.Port // names i0, i1, …; lengths are known
	build func(g *onnx.Graph, in []onnx.Value) []onnx.Value
}

func floatPort(dims ...any) onnx.Port { return onnx.Port{DType: onnx.Float, Shape: onnx.Dims(dims...)} }
func bytePort(dims ...any) onnx.Port  { return onnx.Port{DType: onnx.Uint8, Shape: onnx.Dims(dims...)} }
func halfPort(dims ...any) onnx.Port  { return onnx.Port{DType: onnx.Half, Shape: onnx.Dims(dims...)} }

func one(v onnx.Value) []onnx.Value     { return []onnx.Value{v} }
func two(a, b onnx.Value) []onnx.Value  { return []onnx.Value{a, b} }
func layerOf(v []onnx.Value) onnx.Layer { return onnx.Layer{Weight: v[0], Bias: v[1]} }

func rms(skip, gamma onnx.Value) onnx.Norm {
	return onnx.Norm{Skip: skip, Gamma: gamma, RMS: true, Epsilon: 1e-6}
}

var opShapes = []opShape{
	{"Linear", []onnx.Port{floatPort(3, 5), floatPort(7, 5), floatPort(7)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return one(g.Linear("op", v[0], v[1], v[2]))
	}},
	{"Product", []onnx.Port{floatPort(3, 5), floatPort(2, 5, 16), floatPort(20)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return one(g.Product("op", v[0], layerOf(v[1:]), onnx.ReLU))
	}},
	{"Product of bytes", []onnx.Port{floatPort(3, 5), bytePort(2, 2, 16, 4), floatPort(20), floatPort(20)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return one(g.Product("op", v[0], onnx.Layer{Weight: v[1], Bias: v[2], Scales: v[3]}, onnx.GELU))
	}},
	{"ProductNorm", []onnx.Port{floatPort(3, 5), floatPort(2, 5, 16), floatPort(20), floatPort(3, 20), floatPort(20), floatPort(20)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return two(g.ProductNorm("op", v[0], layerOf(v[1:]), onnx.Norm{Skip: v[3], Gamma: v[4], Beta: v[5]}))
	}},
	{"ProductRMSNorm", []onnx.Port{floatPort(3, 5), floatPort(2, 5, 16), floatPort(20), floatPort(3, 20), floatPort(20)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return two(g.ProductNorm("op", v[0], layerOf(v[1:]), rms(v[3], v[4])))
	}},
	{"GatedProduct", []onnx.Port{floatPort(3, 5), floatPort(2, 5, 16), floatPort(20), floatPort(2, 5, 16), floatPort(20)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return one(g.GatedProduct("op", v[0], layerOf(v[1:]), layerOf(v[3:]), onnx.TanhGELU))
	}},
	{"MLPNorm", []onnx.Port{floatPort(3, 5), floatPort(2, 5, 16), floatPort(20), floatPort(1, 20, 16), floatPort(7), floatPort(3, 7), floatPort(7), floatPort(7)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return two(g.MLPNorm("op", v[0], layerOf(v[1:]), layerOf(v[3:]), onnx.GELU, onnx.Norm{Skip: v[5], Gamma: v[6], Beta: v[7]}))
	}},
	{"GatedMLPRMSNorm", []onnx.Port{floatPort(3, 5), floatPort(2, 5, 16), floatPort(20), floatPort(2, 5, 16), floatPort(20), floatPort(1, 20, 16), floatPort(7), floatPort(3, 7), floatPort(7)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return two(g.GatedMLPNorm("op", v[0], layerOf(v[1:]), layerOf(v[3:]), layerOf(v[5:]), onnx.GELU, rms(v[7], v[8])))
	}},
	{"RMSNorm", []onnx.Port{floatPort(3, 5), floatPort(5)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return one(g.RMSNorm("op", v[0], v[1], 1e-6))
	}},
	{"SkipRMSNorm", []onnx.Port{floatPort(3, 5), floatPort(3, 5), floatPort(5)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return two(g.SkipLayerNorm("op", v[0], rms(v[1], v[2])))
	}},
	{"SelfAttention", []onnx.Port{floatPort(2, 3, 24)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return one(g.SelfAttention("op", v[0], 2, false))
	}},
	{"BiasedSelfAttention", []onnx.Port{floatPort(2, 3, 24), floatPort(2, 2, 3, 3)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return one(g.BiasedSelfAttention("op", v[0], v[1], 2, 1, true))
	}},
	{"CrossAttention", []onnx.Port{floatPort(3, 10), floatPort(2, 2, 5, 16), floatPort(2, 17, 16)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return one(g.CrossAttention("op", v[0], v[1], v[2], 1))
	}},
	{"CrossAttention to float16", []onnx.Port{floatPort(3, 10), halfPort(2, 1, 5, 16), halfPort(2, 2, 16)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return one(g.CrossAttention("op", v[0], v[1], v[2], 0))
	}},
	{"PrefixAttention", []onnx.Port{floatPort(6, 30), floatPort(2, 3, 2, 6), floatPort(2, 2, 5, 16), floatPort(2, 17, 16), floatPort(2, 3, 4, 5), floatPort(2, 3, 4, 5)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		out, keys, values := g.ScaledPrefixAttention("op", v[0], v[1], v[2], v[3], v[4], v[5], 1)
		return []onnx.Value{out, keys, values}
	}},
	{"PackKeys", []onnx.Port{floatPort(17, 3, 2, 5)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return one(g.PackKeys("op", v[0], onnx.Float))
	}},
	{"PackValues", []onnx.Port{floatPort(17, 1, 2, 5)}, func(g *onnx.Graph, v []onnx.Value) []onnx.Value {
		return one(g.PackValues("op", v[0], onnx.Half))
	}},
}

// described is o over inputs of those lengths, and the error of describing it.
func (o opShape) described(lengths [][]int64) (*onnx.Graph, onnx.Model, error) {
	g := onnx.NewGraph("test")
	var in []onnx.Value
	for i, p := range o.in {
		var dims []any
		for _, n := range lengths[i] {
			dims = append(dims, n)
		}
		in = append(in, g.Input(fmt.Sprint("i", i), p.DType, dims...))
	}
	for i, v := range o.build(g, in) {
		g.Output(fmt.Sprint("o", i), v)
	}
	m, err := g.Model()
	return g, m, err
}

// lengths are those of o's inputs.
func (o opShape) lengths() (all [][]int64) {
	for _, p := range o.in {
		var dims []int64
		for _, d := range p.Shape {
			n, _ := d.Static()
			dims = append(dims, n)
		}
		all = append(all, dims)
	}
	return all
}

// changed are lengths with one longer, shorter or 1, or with an axis more or less.
func changed(lengths [][]int64) (all [][][]int64) {
	for i, dims := range lengths {
		with := func(other []int64) {
			c := slices.Clone(lengths)
			c[i] = other
			all = append(all, c)
		}
		for axis, n := range dims {
			for _, m := range []int64{n + 1, n - 1, 1} {
				if m != n && m > 0 {
					other := slices.Clone(dims)
					other[axis] = m
					with(other)
				}
			}
		}
		if len(dims) > 1 { // the binding has no tensors without an axis
			with(dims[1:])
		}
		if len(dims) < 4 {
			with(append([]int64{1}, dims...))
		}
	}
	return all
}

func TestBothSidesRefuseTheSameShapes(t *testing.T) {
	for _, o := range opShapes {
		t.Run(o.name, func(t *testing.T) {
			right := o.lengths()
			g, _, err := o.described(right)
			if err != nil {
				t.Fatalf("what fits is refused: %v", err)
			}
			sessions, refused, all := map[string]*onnx.Session{}, 0, append(changed(right), right)
			for _, lengths := range all {
				_, m, inGo := o.described(lengths)
				key := ranksOf(lengths)
				if sessions[fmt.Sprint(key)] == nil {
					sessions[fmt.Sprint(key)] = session(t, g.Loosened(key), onnx.SessionConfig{Threads: 1}, func(*onnx.Graph) {})
				}
				inC := o.run(t, sessions[fmt.Sprint(key)], lengths, m, g)
				if ours := inC != nil && (strings.Contains(inC.Error(), "want") || strings.Contains(inC.Error(), "do not fit") || strings.Contains(inC.Error(), "to be packed")); (inGo != nil) != ours || (inC != nil) != ours {
					t.Errorf("%v: in Go %v; in C %v", lengths, inGo, inC)
				}
				if inGo != nil {
					refused++
				}
			}
			if refused == 0 && o.name != "PackKeys" && o.name != "PackValues" {
				t.Error("nothing was refused")
			}
		})
	}
}

func ranksOf(lengths [][]int64) (ranks []int) {
	for _, dims := range lengths {
		ranks = append(ranks, len(dims))
	}
	return ranks
}

// run has C check those lengths. Where m was described, results have its lengths.
func (o opShape) run(t *testing.T, s *onnx.Session, lengths [][]int64, m onnx.Model, right *onnx.Graph) error {
	t.Helper()
	in, out := onnx.Feed{}, onnx.Feed{}
	for i, p := range o.in {
		in[fmt.Sprint("i", i)] = emptyTensor(p.DType, lengths[i])
	}
	outputs := m.Ports.Outputs
	if outputs == nil {
		outputs = right.Outputs()
	}
	for _, p := range outputs {
		var dims []int64
		for _, d := range p.Shape {
			n, _ := d.Static()
			dims = append(dims, n)
		}
		out[p.Name] = emptyTensor(p.DType, dims)
	}
	return s.Run(t.Context(), in, out)
}

func emptyTensor(d onnx.DType, dims []int64) onnx.Tensor {
	n := int64(1)
	for _, length := range dims {
		n *= length
	}
	switch d {
	case onnx.Uint8:
		return onnx.Bytes(make([]byte, n), dims...)
	case onnx.Half:
		return onnx.Halves(make([]uint16, n), dims...)
	}
	return onnx.Floats(make([]float32, n), dims...)
}

func TestCrossAttentionWantsAToken(t *testing.T) {
	g := onnx.NewGraph("test")
	g.Output("y", g.CrossAttention("op", g.Input("q", onnx.Float, 3, 10), g.Input("k", onnx.Float, 2, 0, 5, 16), g.Input("v", onnx.Float, 2, 0, 16), 0))
	if _, err := g.Model(); err == nil {
		t.Error("rows look at no token")
	}
}
