package onnx

// LayerNorm normalises the last axis: gamma·(x-mean)/sqrt(variance+eps) + beta.
func (g *Graph) LayerNorm(name string, x, gamma, beta Value, eps float32) Value {
	if !g.normFits(name, "LayerNormalization", x, gamma, beta) {
		return Value{}
	}
	n := node{op: "LayerNormalization", attrs: []attr{{"axis", int64(-1)}, {"epsilon", eps}}}
	return g.add(name, n, []Value{x, gamma, beta}, Float, x.shape)
}

// SkipLayerNorm is LayerNorm of x + skip.
func (g *Graph) SkipLayerNorm(name string, x, skip, gamma, beta Value, eps float32) Value {
	out := g.skipLayerNorm(name, x, skip, gamma, beta, eps, false)
	return out[0]
}

// SkipLayerNormSum is LayerNorm of x + skip, and that sum itself.
func (g *Graph) SkipLayerNormSum(name string, x, skip, gamma, beta Value, eps float32) (norm, sum Value) {
	out := g.skipLayerNorm(name, x, skip, gamma, beta, eps, true)
	return out[0], out[1]
}

func (g *Graph) skipLayerNorm(name string, x, skip, gamma, beta Value, eps float32, sum bool) []Value {
	const op = "SkipLayerNormalization"
	out := []Value{{}, {}}
	if !g.normFits(name, op, x, gamma, beta) ||
		!g.check(x.shape.Equal(skip.shape) && len(x.shape) <= 3, name, op, "%v beside skip %v", x.shape, skip.shape) {
		return out
	}
	n := node{op: op, domain: microsoft, attrs: []attr{{"epsilon", eps}}}
	if !sum {
		out[0] = g.add(name, n, []Value{x, skip, gamma, beta}, Float, x.shape)
		return out
	}
	// Results 1 and 2, mean and inverse deviation, exist in training only.
	if g.err == nil && g.claim(g.scope+name) {
		n.name = g.scope + name
		out[0], out[1] = Value{n.name, Float, x.shape}, Value{n.name + ":sum", Float, x.shape}
		n.in = []string{x.name, skip.name, gamma.name, beta.name}
		n.out = []string{out[0].name, "", "", out[1].name}
		g.nodes = append(g.nodes, n)
	}
	return out
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
	n := node{op: op, domain: microsoft, attrs: []attr{{"num_heads", int64(heads)}}}
	return g.add(name, n, []Value{q, k, v}, Float, q.shape)
}

// Gelu is x·Φ(x), by the error function.
func (g *Graph) Gelu(name string, x Value) Value {
	return g.add(name, node{op: "Gelu", domain: microsoft}, []Value{x}, Float, x.shape)
}

// FastGelu is Gelu by its approximation with tanh.
func (g *Graph) FastGelu(name string, x Value) Value {
	return g.add(name, node{op: "FastGelu", domain: microsoft}, []Value{x}, Float, x.shape)
}

// QuickGelu is x·sigmoid(alpha·x).
func (g *Graph) QuickGelu(name string, x Value, alpha float32) Value {
	n := node{op: "QuickGelu", domain: microsoft, attrs: []attr{{"alpha", alpha}}}
	return g.add(name, n, []Value{x}, Float, x.shape)
}
