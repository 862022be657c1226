package weights

import "videoqa/internal/onnx"

// A Form is how the matrices of linear layers are kept for a graph.
type Form int

const (
	Plain          Form = iota // float32 [out, in], for providers that lay them out themselves
	Float32Panels              // float32 as [onnx.Panels] has them, for our own products
	BFloat16Panels             // bfloat16, likewise
	Int8Panels                 // bytes, likewise, with a scale an output
	Int8Blocks                 // bytes [out, blocks, size], a scale a block
)

// suffix is that of a matrix's name in the form; its scales' has ".scales" behind.
func (f Form) suffix() string {
	return [...]string{".weight", ".panels", ".pairs", ".quads", ".blocks"}[f]
}

// Panelled says that products of the form are of our own kernels.
func (f Form) Panelled() bool { return f == Float32Panels || f == BFloat16Panels || f == Int8Panels }

// panelled is the type of weights of a panelled form.
func (f Form) panelled() onnx.DType {
	return map[Form]onnx.DType{Float32Panels: onnx.Float, BFloat16Panels: onnx.BFloat16, Int8Panels: onnx.Uint8}[f]
}

// A Matrix is a linear layer's weights in one form.
type Matrix struct {
	Weight, Scales, Bias onnx.Ref

	form Form
}

// In is the linear layer called name in the form f, in which it was planned.
func (p *Plan) In(f Form, name string) Matrix {
	at := name + f.suffix()
	return Matrix{p.refs[at], p.refs[at+".scales"], p.refs[name+".bias"], f}
}

// Part is outputs [from, to) of m, called name. Of a panelled matrix, which lies in
// panels of 16 outputs, it has whole ones.
func (m Matrix) Part(name string, from, to int64) Matrix {
	p := Matrix{Bias: m.Bias.Rows(name+".bias", from, to), form: m.form}
	if m.form.Panelled() {
		p.Weight = m.Weight.Rows(name+m.form.suffix(), from/onnx.KeyLanes, to/onnx.KeyLanes)
	} else {
		p.Weight = m.Weight.Rows(name+m.form.suffix(), from, to)
	}
	if len(m.Scales.Shape) > 0 {
		each := m.Scales.Shape[0] / m.Bias.Shape[0]
		p.Scales = m.Scales.Rows(name+".scales", from*each, to*each)
	}
	return p
}
