package onnx

import "videoqa/internal/onnx/kernels"

// MatMulBytes is ONNX Runtime's product of bytes, which products of our own are
// measured by.
//
//	x uint8 [M, K] around 128  w int8 [K, N]  scales [N]  ->  [M, N]
func (g *Graph) MatMulBytes(name string, x, w, scales Value) Value {
	one, zero := g.Constant("one", []float32{1}), g.constant("zero", Uint8, []byte{kernels.ZeroPoint}, nil)
	return g.add(name, node{op: "MatMulIntegerToFloat", domain: microsoft}, []Value{x, w, one, scales, zero}, Float, Shape{x.shape[0], w.shape[1]})
}
