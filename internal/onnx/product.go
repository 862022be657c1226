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
	ReLU         = kernels.ReLU      // max(x, 0)
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

// formatPrefix is what the names of operators begin with, by the type of their weights.
var formatPrefix = map[DType]string{Float: "", BFloat16: "BFloat16", Uint8: "Int8"}

// Product is act(x·wᵀ + b) with the layer's w and b. x is rounded as w is; of bytes, each
// row of x by itself.
//
//	x [M, K]  w of [PanelShape]  b [N]  scales [N]  ->  [M, N]
//
// A row's results do not depend on the rows beside it.
func (g *Graph) Product(name string, x Value, l Layer, act Activation) Value {
	op, in, shape := g.layers(name, "Product", x, l)
	return g.add(name, productNode(op, act), in, Float, shape)
}

// ProductNorm is n of x·wᵀ + b, which is computed while the rows are in the caches: layer
// norm, or RMS norm, of Skip + x·wᵀ + b. A task has whole rows, so that few rows keep few
// threads busy.
//
//	x [M, K]  w of [PanelShape]  b [N]  ->  [M, N], twice
func (g *Graph) ProductNorm(name string, x Value, l Layer, n Norm) (norm, sum Value) {
	op, in, shape := g.layers(name, "Product", x, l)
	return g.addNorm(name, productNode(op, NoActivation), in, shape, n)
}

// GatedProduct is act(x·wᵀ + b) of the gate times x·wᵀ + b of the linear layer, number by
// number, as T5's gated GELU.
//
//	x [M, K]  gate, linear [N, K]  ->  [M, N]
func (g *Graph) GatedProduct(name string, x Value, gate, linear Layer, act Activation) Value {
	op, in, shape := g.layers(name, "GatedProduct", x, gate, linear)
	return g.add(name, productNode(op, act), in, Float, shape)
}

// MLPNorm is n of down(act(up(x))). Its sum is, bit for bit, that of two of
// [Graph.Product]: what lies between the layers stays in the caches of the thread that
// works on a few rows.
//
//	x [M, K]  up [H, K]  down [N, H]  ->  [M, N], twice
//
// Few rows keep few threads busy: it is for graphs over pictures.
func (g *Graph) MLPNorm(name string, x Value, up, down Layer, act Activation, n Norm) (norm, sum Value) {
	op, in, shape := g.layers(name, "MLP", x, up, down)
	return g.addNorm(name, productNode(op, act), in, shape, n)
}

// GatedMLPNorm is [Graph.MLPNorm] with a [Graph.GatedProduct] in place of act(up(x)).
//
//	x [M, K]  gate, linear [H, K]  down [N, H]  ->  [M, N], twice
func (g *Graph) GatedMLPNorm(name string, x Value, gate, linear, down Layer, act Activation, n Norm) (norm, sum Value) {
	op, in, shape := g.layers(name, "GatedMLP", x, gate, linear, down)
	return g.addNorm(name, productNode(op, act), in, shape, n)
}

// layers checks the layers of an operator against x and against each other, and orders
// what it reads: x, weight and bias of each layer, then the scales of bytes. All layers
// read x, but the last of an MLP.
func (g *Graph) layers(name, kind string, x Value, layers ...Layer) (op string, in []Value, shape Shape) {
	first, last := layers[0], layers[len(layers)-1]
	op = formatPrefix[first.Weight.dtype] + kind
	if !g.check(len(x.shape) == 2 && x.dtype == Float, name, op, "%v of %v", x.shape, x.dtype) {
		return op, nil, nil
	}
	in = []Value{x}
	var scales []Value
	for i, l := range layers {
		k := x.shape[1]
		if i > 0 && i+1 == len(layers) && kind != "GatedProduct" {
			k = first.Bias.shape[0]
		}
		if !g.check(l.Weight.dtype == first.Weight.dtype, name, op, "weights of %v and %v", first.Weight.dtype, l.Weight.dtype) || !g.checkPanels(name, op, k, l) {
			return op, nil, nil
		}
		in = append(in, l.Weight, l.Bias)
		if l.Weight.dtype == Uint8 {
			scales = append(scales, l.Scales)
		}
	}
	if gated := kind == "GatedProduct" || kind == "GatedMLP"; gated && !g.check(first.Bias.shape.Equal(layers[1].Bias.shape), name, op, "a gate of %v and a linear layer of %v", first.Bias.shape, layers[1].Bias.shape) {
		return op, nil, nil
	}
	return op, append(in, scales...), Shape{x.shape[0], last.Bias.shape[0]}
}

func productNode(op string, act Activation) node {
	return node{op: op, domain: custom, attrs: []attr{{"activation", int64(act)}}}
}

// addNorm adds what n is computed of and n in one operator, whose results are n and the sum
// that it is of.
func (g *Graph) addNorm(name string, of node, in []Value, shape Shape, n Norm) (norm, sum Value) {
	of.op += n.suffix()
	if !g.check(n.Skip.shape.Equal(shape) && n.Skip.dtype == Float, name, of.op, "%v beside skip %v of %v", shape, n.Skip.shape, n.Skip.dtype) || !g.normFits(name, of.op, n.Skip, n) {
		return Value{}, Value{}
	}
	of.attrs = append(of.attrs, attr{"epsilon", n.Epsilon})
	in = append(in, n.Skip, n.Gamma)
	if !n.RMS {
		in = append(in, n.Beta)
	}
	both := g.addAll(name, of, in, Float, shape, shape)
	return both[0], both[1]
}

// checkPanels fails unless l's weights are panels of a matrix of k numbers a row, and its
// biases and, of bytes, scales fit it.
func (g *Graph) checkPanels(name, op string, k Dim, l Layer) bool {
	w, b, scales := l.Weight, l.Bias, l.Scales
	in, known := k.Static()
	_, ours := formats[w.dtype]
	if !g.check(ours && known && len(b.shape) == 1, name, op, "rows of %v by weights %v of %v and bias %v", k, w.shape, w.dtype, b.shape) {
		return false
	}
	n, all := b.shape[0].Static()
	ok := all && b.dtype == Float && w.shape.Equal(fixedShape(PanelShape(w.dtype, int(n), int(in)))) && (w.dtype != Uint8 || scales.shape.Equal(b.shape) && scales.dtype == Float)
	return g.check(ok, name, op, "rows of %v by weights %v of %v, bias %v and scales %v", k, w.shape, w.dtype, b.shape, scales.shape)
}

// ConstantPanels puts w [out, in] into the graph itself, in [Panels] of [Float].
func (g *Graph) ConstantPanels(name string, w []float32, in int) Value {
	return g.constant(name, Float, Panels(Float, w, in, nil), PanelShape(Float, len(w)/in, in))
}
