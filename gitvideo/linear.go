package gitvideo

import "videoqa/internal/onnx"

// A form is how the matrices of linear layers are kept for a graph.
type form int

const (
	whole   form = iota // float32 [out, in]
	columns             // int8 [in, out], a scale an output
	blocks              // bytes [out, blocks, size], a scale a block
)

// suffix is that of a matrix's name in the form; its scales' has ".scales" behind.
func (f form) suffix() string { return [...]string{".weight", ".columns", ".blocks"}[f] }

// forms are those of a precision: of the graphs over pictures, and of the text
// step. exact says that the processor adds up bytes without saturating
// ([onnx.ByteProducts]).
//
// Over pictures a weight meets hundreds of rows: columns take two thirds of the time
// of blocks there, if they may be used. The text step is bound by how many bytes are
// read, and blocks are nearer to the weights.
func (p Precision) forms(exact bool) (pictures, words form) {
	if p.Pictures() == INT8 {
		pictures = blocks
		if exact {
			pictures = columns
		}
	}
	if p.words() == INT8 {
		words = blocks
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

// part is outputs [from, to) of m, which is not kept in columns.
func (m matrix) part(name string, from, to int64) matrix {
	out := m.weight.Shape[0]
	p := matrix{weight: m.weight.Rows(name+".weight", from, to), bias: m.bias.Rows(name+".bias", from, to)}
	if len(m.scales.Shape) > 0 {
		each := m.scales.Shape[0] / out
		p.scales = m.scales.Rows(name+".scales", from*each, to*each)
	}
	return p
}

// An operand is what is multiplied by matrices, rounded once for all of them.
type operand struct{ x, rows, scales onnx.Value }

func (l *layout) operand(g *onnx.Graph, name string, x onnx.Value) operand {
	o := operand{x: x}
	if l.form == columns {
		o.rows, o.scales = g.QuantizeRows(name+".bytes", x)
	}
	return o
}

// multiply is a linear layer.
func (l *layout) multiply(g *onnx.Graph, name string, o operand, m matrix) onnx.Value {
	switch l.form {
	case columns:
		return g.MatMulBytes(name, o.rows, o.scales, g.Weight(m.weight), g.Weight(m.scales), g.Weight(m.bias))
	case blocks:
		return g.MatMulBlocks(name, o.x, g.Weight(m.weight), g.Weight(m.scales), g.Weight(m.bias))
	}
	if l.few {
		return g.Linear(name, o.x, g.Weight(m.weight), g.Weight(m.bias))
	}
	return g.Gemm(name, o.x, g.Weight(m.weight), g.Weight(m.bias))
}

// apply is a planned linear layer.
func (l *layout) apply(g *onnx.Graph, name string, x onnx.Value) onnx.Value {
	return l.multiply(g, name, l.operand(g, name, x), l.matrix(name))
}

// project is the query (0), key (1) or value (2) of what name's attention looks at.
func (l *layout) project(g *onnx.Graph, name string, o operand, t tower, which int64) onnx.Value {
	part := thirds[which]
	if l.form == columns {
		m := l.matrix(name + "." + part)
		m.bias = l.refs[name+".qkv.bias"].Rows(name+"."+part+".bias", which*int64(t.width), (which+1)*int64(t.width))
		return l.multiply(g, part, o, m)
	}
	from := which * int64(t.width)
	return l.multiply(g, part, o, l.matrix(name+".qkv").part(name+"."+part, from, from+int64(t.width)))
}

// thirds are the parts of a layer's qkv, in order.
var thirds = [3]string{"query", "key", "value"}
