package onnx

// Products in 8 bits. Both forms scale each row of what comes in by itself, so a
// row's result never depends on the rows beside it; DynamicQuantizeMatMul, which is
// a little faster than either, has one scale for all rows.

// middle stands for 0 in the bytes of [Graph.QuantizeRows].
const middle = 128

// QuantizeRows rounds each row of x to bytes, its largest magnitude to 127 steps
// from the byte 128, which is 0.
//
//	x [M, K], M known  ->  rows uint8 [M, K], scales [M, 1]: x = (rows - 128)·scales
func (g *Graph) QuantizeRows(name string, x Value) (rows, scales Value) {
	if !g.check(len(x.shape) == 2 && x.dtype == Float, name, "QuantizeLinear", "%v of %v", x.shape, x.dtype) {
		return Value{}, Value{}
	}
	m, ok := x.shape[0].Static()
	if !g.check(ok, name, "QuantizeLinear", "%v has an unknown number of rows", x.shape) {
		return Value{}, Value{}
	}
	in := g.In(name)
	edge := func(op string) Value {
		return in.add(op, node{op: op, attrs: []attr{{"axes", []int64{-1}}}}, []Value{x}, Float, Shape{x.shape[0], Fixed(1)})
	}
	// A row of zeros gets a scale too: 0/0 is no byte.
	least := in.number("least", 1e-30)
	far := in.add("far", node{op: "Max"}, []Value{edge("ReduceMax"), in.Mul("minus", edge("ReduceMin"), in.number("-1", -1)), least}, Float, Shape{x.shape[0], Fixed(1)})
	scales = in.Mul("scales", far, in.number("1/127", 1.0/127))
	zeros := make([]byte, m)
	for i := range zeros {
		zeros[i] = middle
	}
	list := in.Reshape("list", scales, m)
	n := node{op: "QuantizeLinear", attrs: []attr{{"axis", int64(0)}}}
	rows = g.add(name, n, []Value{x, list, in.constant("zeros", Uint8, zeros, []int64{m})}, Uint8, x.shape)
	return rows, scales
}

// MatMulBytes is x·w + b of a quantised x and w, whose sums are exact where
// [ByteProducts] holds.
//
//	rows, scales of QuantizeRows  w int8 [K, N]  columns [N]: the scales of w's columns  b [N]  ->  [M, N]
func (g *Graph) MatMulBytes(name string, rows, scales, w, columns, b Value) Value {
	const op = "MatMulIntegerToFloat"
	ok := len(rows.shape) == 2 && len(w.shape) == 2 && rows.shape[1] == w.shape[0] && columns.shape.Equal(w.shape[1:]) && b.shape.Equal(columns.shape)
	if !g.check(ok && rows.dtype == Uint8 && w.dtype == Int8, name, op, "%v of %v by weights %v of %v with scales %v and bias %v", rows.shape, rows.dtype, w.shape, w.dtype, columns.shape, b.shape) {
		return Value{}
	}
	in := g.In(name)
	one, zero := in.Constant("one", []float32{1}), in.constant("zero", Uint8, []byte{middle}, nil)
	out := Shape{rows.shape[0], w.shape[1]}
	sums := in.add("sums", node{op: op, domain: microsoft}, []Value{rows, w, one, columns, zero}, Float, out)
	return g.Add(name, in.Mul("scaled", sums, scales), b)
}

// MatMulBlocks is x·wᵀ + b with w in blocks of size bytes along K, each with a scale
// of its own and 128 for 0; x is rounded to 8 bits likewise, a block at a time.
//
//	x [M, K]  w uint8 [N, ceil(K/size), size]  scales [N·ceil(K/size)]  b [N]  ->  [M, N]
//
// size is a power of two from 16 on; what of the last block lies beyond K is not
// looked at. It is ONNX Runtime's MatMulNBits, exact on every processor.
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
