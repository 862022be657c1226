package onnx

// Linear is x·weightᵀ + bias for few rows: the weights are read as they lie in the data
// file, where [Graph.Gemm] has a packed copy of them.
//
//	x [M, K]  weight [N, K]  bias [N]  ->  [M, N]
func (g *Graph) Linear(name string, x, weight, bias Value) Value {
	ok := len(x.shape) == 2 && len(weight.shape) == 2 && x.shape[1] == weight.shape[1] && bias.shape.Equal(weight.shape[:1])
	if !g.check(ok && x.dtype == Float && weight.dtype == Float && bias.dtype == Float, name, "Linear", "%v of %v by weights %v of %v and bias %v", x.shape, x.dtype, weight.shape, weight.dtype, bias.shape) {
		return Value{}
	}
	return g.add(name, node{op: "Linear", domain: custom}, []Value{x, weight, bias}, Float, Shape{x.shape[0], weight.shape[0]})
}
