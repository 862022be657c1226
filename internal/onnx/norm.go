package onnx

// LayerNorm normalises the last axis: gamma·(x-mean)/sqrt(variance+eps) + beta.
func (g *Graph) LayerNorm(name string, x, gamma, beta Value, eps float32) Value {
	if !g.normFits(name, "LayerNormalization", x, Norm{Gamma: gamma, Beta: beta}) {
		return Value{}
	}
	n := node{op: "LayerNormalization", attrs: []attr{{"axis", int64(-1)}, {"epsilon", eps}}}
	return g.add(name, n, []Value{x, g.like(x, gamma), g.like(x, beta)}, x.dtype, x.shape)
}

// A Norm is the norm of what is computed and Skip, of the same shape, added up.
type Norm struct {
	Skip, Gamma, Beta Value
	Epsilon           float32
	RMS               bool // RMS norm, which has no Beta, instead of layer norm
}

// suffix is what the names of operators end in that have a norm like n behind them.
func (n Norm) suffix() string {
	if n.RMS {
		return "RMSNorm"
	}
	return "Norm"
}

// SkipLayerNorm is n of x + n.Skip, layer norm or RMS norm, and the sum that it is of.
func (g *Graph) SkipLayerNorm(name string, x Value, n Norm) (norm, sum Value) {
	const op = "SkipLayerNormalization"
	if n.RMS {
		return g.skipRMSNorm(name, x, n)
	}
	if !g.normFits(name, op, x, n) ||
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

// normFits checks n's weights against rows of x.
func (g *Graph) normFits(name, op string, x Value, n Norm) bool {
	r := len(x.shape)
	ok := r > 0 && n.Gamma.shape.Equal(x.shape[r-1:]) && (n.RMS || n.Beta.shape.Equal(n.Gamma.shape)) && x.shape[r-1] != Fixed(0)
	return g.check(ok, name, op, "%v with weights %v and bias %v", x.shape, n.Gamma.shape, n.Beta.shape)
}

// RMSNorm is gamma·x/sqrt(mean(x²) + eps) of each row, as T5's norms.
//
//	x [M, W]  gamma [W]  ->  [M, W]
func (g *Graph) RMSNorm(name string, x, gamma Value, eps float32) Value {
	const op = "RMSNorm"
	if !g.check(len(x.shape) == 2, name, op, "%v", x.shape) || !g.normFits(name, op, x, Norm{Gamma: gamma, RMS: true}) {
		return Value{}
	}
	if g.plain || x.dtype != Float {
		return g.In(name).rmsNorm(x, gamma, eps)
	}
	return g.add(name, node{op: op, domain: custom, attrs: []attr{{"epsilon", eps}}}, []Value{x, gamma}, Float, x.shape)
}

// skipRMSNorm is SkipLayerNorm of an RMS norm.
func (g *Graph) skipRMSNorm(name string, x Value, n Norm) (norm, sum Value) {
	const op = "SkipRMSNorm"
	if !g.check(len(x.shape) == 2 && x.shape.Equal(n.Skip.shape) && x.dtype == n.Skip.dtype, name, op, "%v beside skip %v", x.shape, n.Skip.shape) || !g.normFits(name, op, x, n) {
		return Value{}, Value{}
	}
	if g.plain || x.dtype != Float {
		sum = g.Add(name+".sum", x, n.Skip)
		return g.In(name).rmsNorm(sum, n.Gamma, n.Epsilon), sum
	}
	both := g.addAll(name, node{op: op, domain: custom, attrs: []attr{{"epsilon", n.Epsilon}}}, []Value{x, n.Skip, n.Gamma}, Float, x.shape, x.shape)
	return both[0], both[1]
}

// rmsNorm is RMSNorm by standard operators, in float32.
func (g *Graph) rmsNorm(x, gamma Value, eps float32) Value {
	full := g.Full("full", x)
	mean := g.add("mean", node{op: "ReduceMean", attrs: []attr{{"axes", []int64{-1}}}}, []Value{g.Mul("squares", full, full)}, Float, Shape{x.shape[0], Fixed(1)})
	root := g.add("root", node{op: "Sqrt"}, []Value{g.Add("positive", mean, g.number("epsilon", float64(eps)))}, Float, mean.shape)
	y := g.Mul("norm", g.add("scaled", node{op: "Div"}, []Value{full, root}, Float, x.shape), gamma)
	if x.dtype == Half {
		return g.Cast("rounded", y, Half)
	}
	return y
}
