package onnx

import "videoqa/internal/onnx/kernels"

// Products and attention of many rows by kernels of our own, for graphs over pictures
// and prefixes.

// An Activation is what is done to each number of a product.
type Activation = kernels.Activation

// The activations.
const (
	NoActivation = kernels.NoActivation
	QuickGELU    = kernels.QuickGELU // x·sigmoid(x)
	GELU         = kernels.GELU      // x·Φ(x)
	TanhGELU     = kernels.TanhGELU  // GELU by its approximation with tanh
)

// formats are those of a product's weights, by their type.
var formats = map[DType]kernels.Format{Float: kernels.Float32, BFloat16: kernels.BFloat16, Uint8: kernels.Int8}

// PanelShape is the shape of a matrix [out, in] in panels, [ceil(out/16), units, 16]
// for [Float]; for [BFloat16] and [Uint8] a unit has two and four numbers, on a fourth
// axis.
func PanelShape(t DType, out, in int) []int64 { return kernels.PanelShape(formats[t], out, in) }

// Panels lays w [out, in] out for [Graph.Product], as [kernels.Panels] does.
func Panels(t DType, w []float32, in int, scales []float32) []byte {
	return kernels.Panels(formats[t], w, in, scales)
}

// A Layer is a linear layer's weights in [Panels], and the scales that they were made
// with if they are of [Uint8].
type Layer struct{ Weight, Bias, Scales Value }

// Product is act(x·wᵀ + b) with the layer's w and b. x is rounded as w is; of bytes, each
// row of x by itself.
//
//	x [M, K]  w of [PanelShape]  b [N]  scales [N]  ->  [M, N]
//
// A row's results do not depend on the rows beside it.
func (g *Graph) Product(name string, x Value, l Layer, act Activation) Value {
	op, in, shape := g.product(name, x, l)
	return g.add(name, wideNode(op, act), in, Float, shape)
}

// ProductNorm is [Graph.Product] without an activation and n of it, which each row goes
// through while it is in the caches; few rows keep few threads at work.
func (g *Graph) ProductNorm(name string, x Value, l Layer, n Norm) (norm, sum Value) {
	op, in, shape := g.product(name, x, l)
	return g.addNorm(name, wideNode(op, NoActivation), in, shape, n)
}

// product checks what a product needs, and orders it.
func (g *Graph) product(name string, x Value, l Layer) (op string, in []Value, shape Shape) {
	op = wideOps[l.Weight.dtype] + "Product"
	if !g.check(len(x.shape) == 2 && x.dtype == Float, name, op, "%v of %v", x.shape, x.dtype) || !g.checkPanels(name, op, x.shape[1], l) {
		return op, nil, nil
	}
	in = []Value{x, l.Weight, l.Bias}
	if l.Weight.dtype == Uint8 {
		in = append(in, l.Scales)
	}
	return op, in, Shape{x.shape[0], l.Bias.shape[0]}
}

// PerceptronNorm is n of what down makes of what up and act make of x. Its sum is to the
// bit that of two of [Graph.Product]: what is between them stays in the caches of whoever
// works on a few rows.
//
//	x [M, K]  up [H, K]  down [N, H]  ->  [M, N], twice
//
// Few rows keep few threads at work: it is for graphs over pictures.
func (g *Graph) PerceptronNorm(name string, x Value, up, down Layer, act Activation, n Norm) (norm, sum Value) {
	op := wideOps[up.Weight.dtype] + "Perceptron"
	if !g.check(len(x.shape) == 2 && x.dtype == Float && down.Weight.dtype == up.Weight.dtype, name, op, "%v of %v by weights of %v and %v", x.shape, x.dtype, up.Weight.dtype, down.Weight.dtype) ||
		!g.checkPanels(name, op, x.shape[1], up) || !g.checkPanels(name, op, up.Bias.shape[0], down) {
		return Value{}, Value{}
	}
	in := []Value{x, up.Weight, up.Bias, down.Weight, down.Bias}
	if up.Weight.dtype == Uint8 {
		in = append(in, up.Scales, down.Scales)
	}
	return g.addNorm(name, wideNode(op, act), in, Shape{x.shape[0], down.Bias.shape[0]}, n)
}

func wideNode(op string, act Activation) node {
	return node{op: op, domain: custom, attrs: []attr{{"activation", int64(act)}}}
}

// addNorm adds what n is computed of and n in one operator, whose results are n and the sum
// that it is of.
func (g *Graph) addNorm(name string, of node, in []Value, shape Shape, n Norm) (norm, sum Value) {
	of.op += "Norm"
	if !g.check(n.Skip.shape.Equal(shape) && n.Skip.dtype == Float, name, of.op, "%v beside skip %v of %v", shape, n.Skip.shape, n.Skip.dtype) ||
		!g.normFits(name, of.op, n.Skip, n.Gamma, n.Beta) {
		return Value{}, Value{}
	}
	of.attrs = append(of.attrs, attr{"epsilon", n.Epsilon})
	both := g.addAll(name, of, append(in, n.Skip, n.Gamma, n.Beta), Float, shape, shape)
	return both[0], both[1]
}

// wideOps is what the operators of a type of weights begin with.
var wideOps = map[DType]string{Float: "", BFloat16: "Pair", Uint8: "Quad"}

// checkPanels fails unless l's weights are panels of a matrix of k numbers a row, and its
// biases and, of bytes, scales fit it.
func (g *Graph) checkPanels(name, op string, k Dim, l Layer) bool {
	w, b, scales := l.Weight, l.Bias, l.Scales
	in, known := k.Static()
	_, ours := wideOps[w.dtype]
	if !g.check(ours && known && len(b.shape) == 1, name, op, "rows of %v by weights %v of %v and bias %v", k, w.shape, w.dtype, b.shape) {
		return false
	}
	n, all := b.shape[0].Static()
	ok := all && b.dtype == Float && w.shape.Equal(fixedShape(PanelShape(w.dtype, int(n), int(in)))) && (w.dtype != Uint8 || scales.shape.Equal(b.shape) && scales.dtype == Float)
	return g.check(ok, name, op, "rows of %v by weights %v of %v, bias %v and scales %v", k, w.shape, w.dtype, b.shape, scales.shape)
}

// SelfAttention is softmax(q·kᵀ/sqrt(head))·v by heads, every token of a batch looking
// at all its tokens. With pairs, queries, keys, values and the weights of values are
// rounded to bfloat16.
//
//	qkv [B, T, 3·heads·head]  ->  [B, T, heads·head]
func (g *Graph) SelfAttention(name string, qkv Value, heads int, pairs bool) Value {
	op := "SelfAttention"
	if pairs {
		op = "PairSelfAttention"
	}
	if !g.check(len(qkv.shape) == 3 && qkv.dtype == Float && heads > 0, name, op, "%d heads of %v", heads, qkv.shape) {
		return Value{}
	}
	width, ok := qkv.shape[2].Static()
	if !g.check(ok && width%int64(3*heads) == 0, name, op, "%d heads of %v", heads, qkv.shape) {
		return Value{}
	}
	n := node{op: op, domain: custom, attrs: []attr{{"heads", int64(heads)}}}
	return g.add(name, n, []Value{qkv}, Float, Shape{qkv.shape[0], qkv.shape[1], Fixed(width / 3)})
}

// ConstantPanels puts w [out, in] into the graph itself, in [Panels] of [Float].
func (g *Graph) ConstantPanels(name string, w []float32, in int) Value {
	return g.constant(name, Float, Panels(Float, w, in, nil), PanelShape(Float, len(w)/in, in))
}
