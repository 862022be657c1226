package onnx

import "math"

// LayerNorm normalises the last axis: gamma·(x-mean)/sqrt(variance+eps) + beta.
func (g *Graph) LayerNorm(name string, x, gamma, beta Value, eps float32) Value {
	if !g.normFits(name, "LayerNormalization", x, gamma, beta) {
		return Value{}
	}
	n := node{op: "LayerNormalization", attrs: []attr{{"axis", int64(-1)}, {"epsilon", eps}}}
	return g.add(name, n, []Value{x, g.like(x, gamma), g.like(x, beta)}, x.dtype, x.shape)
}

// A Norm is the layer norm of what is computed and Skip, of the same shape.
type Norm struct {
	Skip, Gamma, Beta Value
	Epsilon           float32
}

// SkipLayerNorm is n of x, and the sum that it is of.
func (g *Graph) SkipLayerNorm(name string, x Value, n Norm) (norm, sum Value) {
	const op = "SkipLayerNormalization"
	if !g.normFits(name, op, x, n.Gamma, n.Beta) ||
		!g.check(x.shape.Equal(n.Skip.shape) && len(x.shape) <= 3, name, op, "%v beside skip %v", x.shape, n.Skip.shape) {
		return Value{}, Value{}
	}
	if g.plain {
		sum = g.Add(name+".sum", x, n.Skip)
		return g.LayerNorm(name, sum, n.Gamma, n.Beta, n.Epsilon), sum
	}
	gamma, beta := g.like(x, n.Gamma), g.like(x, n.Beta)
	if g.err != nil || !g.claim(g.scope+name) {
		return Value{}, Value{}
	}
	at := g.scope + name
	norm, sum = Value{at, x.dtype, x.shape}, Value{at + ":sum", x.dtype, x.shape}
	g.nodes = append(g.nodes, node{
		name: at, op: op, domain: microsoft, attrs: []attr{{"epsilon", n.Epsilon}},
		in:  []string{x.name, n.Skip.name, gamma.name, beta.name},
		out: []string{at, "", "", sum.name}, // 1 and 2, mean and inverse deviation, exist in training only
	})
	return norm, sum
}

func (g *Graph) normFits(name, op string, x, gamma, beta Value) bool {
	r := len(x.shape)
	return g.check(r > 0 && gamma.shape.Equal(x.shape[r-1:]) && beta.shape.Equal(gamma.shape), name, op, "%v with weights %v and bias %v", x.shape, gamma.shape, beta.shape)
}

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
