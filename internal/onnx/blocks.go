package onnx

import "math"

// MultiHeadAttention is softmax(q·kᵀ/sqrt(D/heads))·v by heads, every query
// seeing every key. Without mask and without past, as here, ONNX Runtime's CPU
// kernel is its flash attention.
//
//	q [B, S, D]  k, v [B, T, D]  ->  [B, S, D]
func (g *Graph) MultiHeadAttention(name string, q, k, v Value, heads int) Value {
	const op = "MultiHeadAttention"
	if !g.check(len(q.shape) == 3 && len(k.shape) == 3 && k.shape.Equal(v.shape) && q.shape[0] == k.shape[0] && q.shape[2] == k.shape[2], name, op, "queries %v, keys %v, values %v", q.shape, k.shape, v.shape) {
		return Value{}
	}
	width, ok := q.shape[2].Static()
	if !g.check(ok && heads > 0 && width%int64(heads) == 0, name, op, "%d heads of %v", heads, q.shape[2]) {
		return Value{}
	}
	if g.plain {
		return g.In(name).attention(q, k, v, heads, int(width))
	}
	n := node{op: op, domain: microsoft, attrs: []attr{{"num_heads", int64(heads)}}}
	return g.add(name, n, []Value{q, k, v}, q.dtype, q.shape)
}

// attention is MultiHeadAttention by standard operators; lengths are known.
func (g *Graph) attention(q, k, v Value, heads, width int) Value {
	head := width / heads
	apart := func(name string, x Value, perm ...int64) Value {
		return g.Transpose(name+" by head", g.Reshape(name, x, x.shape[0], x.shape[1], heads, head), perm...)
	}
	scale := g.number("scale", 1/math.Sqrt(float64(head)))
	scores := g.MatMul("scores", g.Mul("scaled", apart("queries", q, 0, 2, 1, 3), scale), apart("keys", k, 0, 2, 3, 1))
	read := g.MatMul("read", g.Softmax("weights", scores), apart("values", v, 0, 2, 1, 3))
	return g.Reshape("joined", g.Transpose("by token", read, 0, 2, 1, 3), q.shape[0], q.shape[1], width)
}

// Gelu is x·Φ(x), by the error function.
func (g *Graph) Gelu(name string, x Value) Value {
	if g.plain {
		g := g.In(name)
		erf := g.add("erf", node{op: "Erf"}, []Value{g.Mul("slope", x, g.number("1/√2", 1/math.Sqrt2))}, Float, x.shape)
		return g.half(x, erf)
	}
	return g.add(name, node{op: "Gelu", domain: microsoft}, []Value{x}, x.dtype, x.shape)
}

// FastGelu is Gelu by its approximation with tanh.
func (g *Graph) FastGelu(name string, x Value) Value {
	if g.plain {
		g := g.In(name)
		cube := g.Mul("cube", g.Mul("square", x, x), x)
		inner := g.Add("inner", x, g.Mul("term", cube, g.number("0.044715", 0.044715)))
		tanh := g.add("tanh", node{op: "Tanh"}, []Value{g.Mul("slope", inner, g.number("√(2/π)", math.Sqrt(2/math.Pi)))}, Float, x.shape)
		return g.half(x, tanh)
	}
	return g.add(name, node{op: "FastGelu", domain: microsoft}, []Value{x}, x.dtype, x.shape)
}

// Relu is max(x, 0).
func (g *Graph) Relu(name string, x Value) Value {
	return g.add(name, node{op: "Relu"}, []Value{x}, x.dtype, x.shape)
}

// half is x/2·(1 + y).
func (g *Graph) half(x, y Value) Value {
	return g.Mul("product", g.Mul("half", x, g.number("0.5", 0.5)), g.Add("one more", y, g.number("1", 1)))
}

// QuickGelu is x·sigmoid(alpha·x).
func (g *Graph) QuickGelu(name string, x Value, alpha float32) Value {
	if g.plain {
		g, slope := g.In(name), x
		if alpha != 1 {
			slope = g.Mul("slope", x, g.number("alpha", float64(alpha)))
		}
		return g.Mul("product", x, g.add("sigmoid", node{op: "Sigmoid"}, []Value{slope}, Float, x.shape))
	}
	n := node{op: "QuickGelu", domain: microsoft, attrs: []attr{{"alpha", alpha}}}
	return g.add(name, n, []Value{x}, x.dtype, x.shape)
}

// number is a constant of one value.
func (g *Graph) number(name string, value float64) Value {
	return g.Constant(name, []float32{float32(value)}, 1)
}
