package onnx

// MatMulBlocks is x·wᵀ + b with w in blocks of size bytes along K, each with a scale
// of its own and 128 for 0; x is rounded to 8 bits likewise, a block at a time.
//
//	x [M, K]  w uint8 [N, ceil(K/size), size]  scales [N·ceil(K/size)]  b [N]  ->  [M, N]
//
// size is a power of two from 16 on; what of the last block lies beyond K is not
// looked at. A row's result does not depend on the rows beside it. It is ONNX Runtime's
// MatMulNBits, exact on every processor.
func (g *Graph) MatMulBlocks(name string, x, w, scales, b Value) Value {
	const op = "MatMulNBits"
	if !g.check(len(x.shape) == 2 && len(w.shape) == 3 && w.dtype == Uint8, name, op, "%v by weights %v of %v", x.shape, w.shape, w.dtype) {
		return Value{}
	}
	k, known := x.shape[1].Static()
	n, _ := w.shape[0].Static()
	blocks, _ := w.shape[1].Static()
	size, _ := w.shape[2].Static()
	ok := known && size >= 16 && size&(size-1) == 0 && blocks == (k+size-1)/size && scales.shape.Equal(Dims(n*blocks)) && b.shape.Equal(Dims(n))
	if !g.check(ok, name, op, "%v by weights %v with scales %v and bias %v", x.shape, w.shape, scales.shape, b.shape) {
		return Value{}
	}
	m := node{op: op, domain: microsoft, attrs: []attr{{"K", k}, {"N", n}, {"bits", int64(8)}, {"block_size", size},
		{"accuracy_level", int64(4)}, // bytes by bytes: without it, weights would be multiplied as float32
	}}
	none := Value{} // zero points, and an order of columns
	return g.add(name, m, []Value{x, w, scales, none, none, b}, Float, Shape{x.shape[0], w.shape[0]})
}
