package gitvideo

import (
	"videoqa/internal/onnx"
	"videoqa/internal/vlm"
)

// A form is how the matrices of linear layers are kept for a graph.
type form int

const (
	whole  form = iota // float32 [out, in], for providers that lay them out themselves
	panels             // float32 as [onnx.Panels] has them, for our own products
	pairs              // bfloat16, likewise
	quads              // bytes, likewise, with a scale an output
	blocks             // bytes [out, blocks, size], a scale a block
)

// suffix is that of a matrix's name in the form; its scales' has ".scales" behind.
func (f form) suffix() string {
	return [...]string{".weight", ".panels", ".pairs", ".quads", ".blocks"}[f]
}

// own says that products of the form are of our own kernels.
func (f form) own() bool { return f == panels || f == pairs || f == quads }

// panelled is the type of weights of a form of our own.
func (f form) panelled() onnx.DType {
	return map[form]onnx.DType{panels: onnx.Float, pairs: onnx.BFloat16, quads: onnx.Uint8}[f]
}

// forms are those of a precision on this processor: of the graphs over pictures, and
// of the text step. Both read one copy of a matrix where they can.
//
// Our own kernels are for processors that they are fast on ([onnx.Multiplies]); ONNX
// Runtime has the others' float32 and bytes, and OpenVINO bfloat16 where it is faster.
func formsOf(p vlm.Precision, openVINO bool) (pictures, words form) {
	switch {
	case p.Pictures() == vlm.INT8 && onnx.Multiplies(onnx.Uint8):
		pictures = quads
	case p.Pictures() == vlm.INT8:
		pictures = blocks
	case p.Pictures() == vlm.BF16 && !openVINO:
		pictures = pairs
	case p.Pictures() == vlm.FP32 && onnx.Multiplies(onnx.Float):
		pictures = panels
	}
	switch {
	case p.Words() == vlm.INT8:
		words = blocks
	case pictures != whole:
		words = panels
	}
	return pictures, words
}

// as is l for a graph that reads matrices in that form.
func (l *layout) as(f form) *layout {
	other := *l
	other.form = f
	return &other
}

// A matrix is a linear layer's weights as a graph reads them.
type matrix struct{ weight, scales, bias onnx.Ref }

func (l *layout) matrix(name string) matrix {
	at := name + l.form.suffix()
	return matrix{l.refs[at], l.refs[at+".scales"], l.refs[name+".bias"]}
}

// part is outputs [from, to) of m. Of a matrix of our own forms, which lies in panels of
// 16 outputs, it has whole ones.
func (m matrix) part(name string, f form, from, to int64) matrix {
	p := matrix{bias: m.bias.Rows(name+".bias", from, to)}
	if f.own() {
		p.weight = m.weight.Rows(name+f.suffix(), from/onnx.KeyLanes, to/onnx.KeyLanes)
	} else {
		p.weight = m.weight.Rows(name+f.suffix(), from, to)
	}
	if len(m.scales.Shape) > 0 {
		each := m.scales.Shape[0] / m.bias.Shape[0]
		p.scales = m.scales.Rows(name+".scales", from*each, to*each)
	}
	return p
}

// multiply is a linear layer and, behind it, an activation.
func (l *layout) multiply(g *onnx.Graph, name string, x onnx.Value, m matrix, act onnx.Activation) onnx.Value {
	switch {
	case l.form.own():
		return g.Product(name, x, l.own(g, m), act)
	case l.form == blocks:
		x = g.MatMulBlocks(name, x, g.Weight(m.weight), g.Weight(m.scales), g.Weight(m.bias))
	case l.few:
		x = g.Linear(name, x, g.Weight(m.weight), g.Weight(m.bias))
	default:
		x = g.Gemm(name, x, g.Weight(m.weight), g.Weight(m.bias))
	}
	return activate(g, name+".activation", x, act)
}

// own is m for a product of our own.
func (l *layout) own(g *onnx.Graph, m matrix) onnx.Layer {
	layer := onnx.Layer{Weight: g.Weight(m.weight), Bias: g.Weight(m.bias)}
	if l.form == quads {
		layer.Scales = g.Weight(m.scales)
	}
	return layer
}

// activate is an activation by itself.
func activate(g *onnx.Graph, name string, x onnx.Value, act onnx.Activation) onnx.Value {
	switch act {
	case onnx.QuickGELU:
		return g.QuickGelu(name, x, 1)
	case onnx.TanhGELU:
		return g.FastGelu(name, x)
	case onnx.GELU:
		return g.Gelu(name, x)
	}
	return x
}

// apply is a planned linear layer.
func (l *layout) apply(g *onnx.Graph, name string, x onnx.Value) onnx.Value {
	return l.multiply(g, name, x, l.matrix(name), onnx.NoActivation)
}

// project is the query (0), key (1) or value (2) of what name's attention looks at.
func (l *layout) project(g *onnx.Graph, name string, x onnx.Value, t tower, which int64) onnx.Value {
	part := [3]string{"query", "key", "value"}[which]
	from := which * int64(t.width)
	return l.multiply(g, part, x, l.matrix(name+".qkv").part(name+"."+part, l.form, from, from+int64(t.width)), onnx.NoActivation)
}

// A qkv is the queries, keys and values of a layer's batch·tokens rows, in one value, of
// own forms, or in three.
type qkv struct {
	all, q, k, v  onnx.Value
	batch, tokens int
	tower         tower
}

// projectAll makes them of x [batch·tokens, width].
func (l *layout) projectAll(g *onnx.Graph, name string, x onnx.Value, t tower, batch, tokens int) qkv {
	s := qkv{batch: batch, tokens: tokens, tower: t}
	if l.form.own() {
		s.all = l.apply(g, name+".qkv", x)
	} else {
		s.q, s.k, s.v = l.project(g, name, x, t, 0), l.project(g, name, x, t, 1), l.project(g, name, x, t, 2)
	}
	return s
}

// selfAttention is that of every token of a picture to every other, without the
// projection behind it.
//
//	-> [batch·tokens, width]
func (l *layout) selfAttention(g *onnx.Graph, s qkv) onnx.Value {
	t := s.tower
	var read onnx.Value
	if l.form.own() {
		read = g.SelfAttention("attention", g.Reshape("by picture", s.all, s.batch, s.tokens, 3*t.width), t.heads, l.form != panels && onnx.Multiplies(onnx.BFloat16))
	} else {
		read = g.MultiHeadAttention("attention",
			g.Reshape("queries", s.q, s.batch, s.tokens, t.width),
			g.Reshape("keys", s.k, s.batch, s.tokens, t.width),
			g.Reshape("values", s.v, s.batch, s.tokens, t.width), t.heads)
	}
	return g.Reshape("heads", read, s.batch*s.tokens, t.width)
}

// apart are keys and values as [onnx.Graph.PackKeys] and [onnx.Graph.PackValues] take them:
// [batch·tokens, parts, heads, head].
func (l *layout) apart(g *onnx.Graph, s qkv) (keys, values onnx.Value) {
	rows, t := s.batch*s.tokens, s.tower
	if l.form.own() {
		all := g.Reshape("apart", s.all, rows, 3, t.heads, t.head())
		return all, all
	}
	return g.Reshape("keys apart", s.k, rows, 1, t.heads, t.head()), g.Reshape("values apart", s.v, rows, 1, t.heads, t.head())
}

// keysAndValues are those of a layer without attention.
func (l *layout) keysAndValues(g *onnx.Graph, name string, x onnx.Value, t tower, rows int) (keys, values onnx.Value) {
	if !l.form.own() {
		return l.apart(g, qkv{batch: 1, tokens: rows, tower: t, k: l.project(g, name, x, t, 1), v: l.project(g, name, x, t, 2)})
	}
	m, parts, w := l.matrix(name+".qkv"), 3, int64(t.width)
	if w%onnx.KeyLanes == 0 { // else a panel has queries and keys
		m, parts = m.part(name+".keys and values", l.form, w, 3*w), 2
	}
	all := g.Reshape("apart", l.multiply(g, "keys and values", x, m, onnx.NoActivation), rows, parts, t.heads, t.head())
	return all, all
}
