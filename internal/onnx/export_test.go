package onnx

import (
	"fmt"

	"videoqa/internal/onnx/kernels"
)

// MatMulBytes is ONNX Runtime's product of bytes, which products of our own are
// measured by.
//
//	x uint8 [M, K] around 128  w int8 [K, N]  scales [N]  ->  [M, N]
func (g *Graph) MatMulBytes(name string, x, w, scales Value) Value {
	one, zero := g.Constant("one", []float32{1}), g.constant("zero", Uint8, []byte{kernels.ZeroPoint}, nil)
	return g.add(name, node{op: "MatMulIntegerToFloat", domain: microsoft}, []Value{x, w, one, scales, zero}, Float, Shape{x.shape[0], w.shape[1]})
}

// Loosened is a graph of g's one operator of our own over inputs of other lengths, which
// nobody has checked: all lengths are names. It has as many outputs, of as many axes.
func (g *Graph) Loosened(ranks []int) *Graph {
	loose := NewGraph("loosened")
	of := g.nodes[0]
	names := func(prefix string, rank int) (dims []any) {
		for i := range rank {
			dims = append(dims, fmt.Sprintf("%s%d", prefix, i))
		}
		return dims
	}
	var in []Value
	for i, p := range g.inputs {
		in = append(in, loose.Input(p.Name, p.DType, names(p.Name, ranks[i])...))
	}
	var shapes []Shape
	for _, o := range g.outputs {
		shapes = append(shapes, Dims(names(o.Name, len(o.Shape))...))
	}
	for i, v := range loose.addAll("op", node{op: of.op, domain: of.domain, attrs: of.attrs}, in, g.outputs[0].DType, shapes...) {
		loose.Output(g.outputs[i].Name, v)
	}
	return loose
}

// Outputs are g's, before it is finished.
func (g *Graph) Outputs() []Port { return g.outputs }
