package onnx

import "slices"

// Gemm is x·wᵀ + b.
//
//	x [M, K]  w [N, K]  b [N], or the zero Value for none  ->  [M, N]
func (g *Graph) Gemm(name string, x, w, b Value) Value {
	if !g.check(len(x.shape) == 2 && len(w.shape) == 2 && x.shape[1] == w.shape[1], name, "Gemm", "%v does not fit weights %v", x.shape, w.shape) {
		return Value{}
	}
	in := []Value{x, g.like(x, w)}
	if b.name != "" {
		if !g.check(b.shape.Equal(Shape{w.shape[0]}), name, "Gemm", "bias %v does not fit weights %v", b.shape, w.shape) {
			return Value{}
		}
		in = append(in, g.like(x, b))
	}
	return g.add(name, node{op: "Gemm", attrs: []attr{{"transB", int64(1)}}}, in, x.dtype, Shape{x.shape[0], w.shape[0]})
}

// MatMul is a·b over the last two axes; the axes before them must be equal.
func (g *Graph) MatMul(name string, a, b Value) Value {
	r := len(a.shape)
	if !g.check(r >= 2 && len(b.shape) == r && a.shape[:r-2].Equal(b.shape[:r-2]) && a.shape[r-1] == b.shape[r-2], name, "MatMul", "%v does not fit %v", a.shape, b.shape) {
		return Value{}
	}
	out := append(slices.Clone(a.shape[:r-1]), b.shape[r-1])
	return g.add(name, node{op: "MatMul"}, []Value{a, b}, Float, out)
}

// Add is a + b, broadcast.
func (g *Graph) Add(name string, a, b Value) Value {
	out, ok := broadcast(a.shape, b.shape)
	if !g.check(ok && a.dtype == b.dtype, name, "Add", "%v of %v does not fit %v of %v", a.shape, a.dtype, b.shape, b.dtype) {
		return Value{}
	}
	return g.add(name, node{op: "Add"}, []Value{a, b}, a.dtype, out)
}

// Mul is a · b, element by element, broadcast.
func (g *Graph) Mul(name string, a, b Value) Value {
	out, ok := broadcast(a.shape, b.shape)
	if !g.check(ok && a.dtype == Float && b.dtype == Float, name, "Mul", "%v of %v does not fit %v of %v", a.shape, a.dtype, b.shape, b.dtype) {
		return Value{}
	}
	return g.add(name, node{op: "Mul"}, []Value{a, b}, Float, out)
}

// Softmax is over the last axis.
func (g *Graph) Softmax(name string, x Value) Value {
	if !g.check(len(x.shape) > 0, name, "Softmax", "of a scalar") {
		return Value{}
	}
	return g.add(name, node{op: "Softmax", attrs: []attr{{"axis", int64(-1)}}}, []Value{x}, Float, x.shape)
}

// Gather takes rows of table's first axis by index.
//
//	table [N, ...]  index int64 [...]  ->  index's axes, then table's without the first
func (g *Graph) Gather(name string, table, index Value) Value {
	if !g.check(len(table.shape) > 0 && index.dtype == Int64, name, "Gather", "index of %v into %v", index.dtype, table.shape) {
		return Value{}
	}
	out := append(slices.Clone(index.shape), table.shape[1:]...)
	return g.add(name, node{op: "Gather", attrs: []attr{{"axis", int64(0)}}}, []Value{table, index}, table.dtype, out)
}

// Concat joins values along an axis; all other axes must be equal.
func (g *Graph) Concat(name string, axis int, values ...Value) Value {
	first := values[0]
	if !g.check(axis < len(first.shape), name, "Concat", "axis %d of %v", axis, first.shape) {
		return Value{}
	}
	out := slices.Clone(first.shape)
	for _, v := range values[1:] {
		rest := slices.Clone(v.shape)
		if len(rest) == len(out) {
			rest[axis] = out[axis]
		}
		if !g.check(rest.Equal(out) && v.dtype == first.dtype, name, "Concat", "%v of %v beside %v of %v", v.shape, v.dtype, first.shape, first.dtype) {
			return Value{}
		}
		out[axis] = out[axis].Plus(v.shape[axis])
	}
	return g.add(name, node{op: "Concat", attrs: []attr{{"axis", int64(axis)}}}, values, first.dtype, out)
}

// Reshape gives x another shape of as many elements, one length of which may be
// unknown until run time.
func (g *Graph) Reshape(name string, x Value, dims ...any) Value {
	shape := Dims(dims...)
	lengths, unknown := make([]int64, len(shape)), 0
	for i, d := range shape {
		n, ok := d.Static()
		if lengths[i] = n; !ok {
			lengths[i] = -1
			unknown++
		}
	}
	if !g.check(unknown <= 1 && shape.Count() == x.shape.Count(), name, "Reshape", "%v cannot become %v, of which %d lengths are unknown", x.shape, shape, unknown) {
		return Value{}
	}
	return g.add(name, node{op: "Reshape"}, []Value{x, g.Integers(name+".shape", lengths...)}, x.dtype, shape)
}

// Transpose puts axis perm[i] of x into place i.
func (g *Graph) Transpose(name string, x Value, perm ...int64) Value {
	sorted := slices.Sorted(slices.Values(perm))
	ok := len(perm) == len(x.shape)
	out := make(Shape, len(perm))
	for i := range sorted {
		if ok = ok && sorted[i] == int64(i); ok {
			out[i] = x.shape[perm[i]]
		}
	}
	if !g.check(ok, name, "Transpose", "%v by %v", x.shape, perm) {
		return Value{}
	}
	return g.add(name, node{op: "Transpose", attrs: []attr{{"perm", perm}}}, []Value{x}, x.dtype, out)
}

// Cast converts x's elements.
func (g *Graph) Cast(name string, x Value, to DType) Value {
	return g.add(name, node{op: "Cast", attrs: []attr{{"to", int64(to)}}}, []Value{x}, to, x.shape)
}
