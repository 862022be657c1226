// Package weights plans how a checkpoint's tensors become the converted weights that
// all graphs of a model share, and converts them. It knows no family of models: a
// family names the tensors.
//
//	p := weights.NewPlan("weights.bin")
//	p.Linear("text.0.out", 768, 768, 1, "encoder.layer.0.attention.output.dense", weights.Float32Panels)
//	err := p.Write(w, source)
package weights

import (
	"io"
	"slices"

	"videoqa/internal/onnx"
)

// A Source gives a checkpoint's tensor of that name as float32. The memory is
// borrowed: it is not to be changed.
type Source func(name string) ([]float32, error)

// A Plan is the converted weights, tensor by tensor. It is known from the model's
// configuration alone; the checkpoint is read only to write the file.
type Plan struct {
	data    *onnx.Data
	refs    map[string]onnx.Ref
	recipes map[string]made
}

// A Recipe makes one converted tensor: Parts, the names of tensors, one after the
// other, times Scale, then that many Zeros.
type Recipe struct {
	Parts []string
	Scale float64
	Zeros int
}

// made is a recipe, and what is made of rows of in such numbers.
type made struct {
	Recipe
	in    int
	round func(w []float32, in int) []byte // nil: float32
}

// NewPlan returns an empty plan of a file with that base name.
func NewPlan(file string) *Plan {
	return &Plan{data: onnx.NewData(file), refs: map[string]onnx.Ref{}, recipes: map[string]made{}}
}

// Size is how many bytes the file has.
func (p *Plan) Size() int64 { return p.data.Size() }

// Refs are the converted tensors in the order of the file.
func (p *Plan) Refs() []onnx.Ref { return p.data.Refs() }

// Recipe is how the converted tensor called name is made.
func (p *Plan) Recipe(name string) Recipe { return p.recipes[name].Recipe }

// Ref is the converted tensor called name, for graphs to read.
func (p *Plan) Ref(name string) onnx.Ref { return p.refs[name] }

// Alias makes the converted tensor called of known by a second name as well.
func (p *Plan) Alias(name, of string) { p.refs[name] = p.refs[of] }

// Add plans a tensor of float32.
func (p *Plan) Add(name string, r Recipe, shape ...int) {
	p.add(onnx.Float, name, made{Recipe: r}, shape...)
}

func (p *Plan) add(t onnx.DType, name string, how made, shape ...int) {
	dims := make([]int64, len(shape))
	for i, n := range shape {
		dims[i] = int64(n)
	}
	p.refs[name] = p.data.Add(name, t, dims...)
	p.recipes[name] = how
}

// Matrix plans a matrix [out, in] in each of forms.
func (p *Plan) Matrix(name string, in, out int, r Recipe, forms ...Form) {
	for i, f := range forms {
		if slices.Contains(forms[:i], f) {
			continue
		}
		at := name + f.suffix()
		rounded := func(round func([]float32, int) []byte) made {
			return made{Recipe{r.Parts, r.Scale, 0}, in, round}
		}
		switch f {
		case Plain:
			p.Add(at, r, out, in)
		case Float32Panels, BFloat16Panels, Int8Panels:
			shape := make([]int, 0, 4)
			for _, n := range onnx.PanelShape(f.panelled(), out, in) {
				shape = append(shape, int(n))
			}
			p.add(f.panelled(), at, rounded(func(w []float32, in int) []byte { return inPanels(f, w, in) }), shape...)
			if f == Int8Panels {
				p.add(onnx.Float, at+".scales", rounded(rowScales), out)
			}
		case Int8Blocks:
			p.add(onnx.Uint8, at, rounded(blockBytes), out, blocksOf(in), blockSize(in))
			p.add(onnx.Float, at+".scales", rounded(blockScales), out*blocksOf(in))
		}
	}
}

// Linear plans the matrix of a linear layer [out, in], in each of forms, and its bias,
// both times scale, from the tensors from.weight and from.bias.
func (p *Plan) Linear(name string, in, out int, scale float64, from string, forms ...Form) {
	p.Matrix(name, in, out, Recipe{Parts: []string{from + ".weight"}, Scale: scale}, forms...)
	p.Add(name+".bias", Recipe{Parts: []string{from + ".bias"}, Scale: scale}, out)
}

// Norm plans weight and bias of a layer norm.
func (p *Plan) Norm(name string, width int, from string) {
	p.Add(name+".weight", Recipe{Parts: []string{from + ".weight"}, Scale: 1}, width)
	p.Add(name+".bias", Recipe{Parts: []string{from + ".bias"}, Scale: 1}, width)
}

// Write converts the tensors of source and writes them to w. before is called before
// each, and ends the writing with its error.
func (p *Plan) Write(w io.Writer, source Source, before func() error) error {
	return p.data.Write(w, func(r onnx.Ref) ([]byte, error) {
		if err := before(); err != nil {
			return nil, err
		}
		return p.convert(r, source)
	})
}

// convert makes r's bytes, little-endian. They may be the checkpoint's own, and are
// not to be changed.
func (p *Plan) convert(r onnx.Ref, source Source) ([]byte, error) {
	how := p.recipes[r.Name]
	values, err := how.numbers(source)
	if err != nil {
		return nil, err
	}
	if how.round != nil {
		return how.round(values, how.in), nil
	}
	return onnx.Little(values), nil
}

// numbers are r's before they are rounded: its parts, one after the other, scaled, and
// its zeros. Those of one part as it is are the checkpoint's own memory.
func (r Recipe) numbers(source Source) ([]float32, error) {
	var parts [][]float32
	n := r.Zeros
	for _, p := range r.Parts {
		t, err := source(p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, t)
		n += len(t)
	}
	if len(parts) == 1 && r.Scale == 1 && r.Zeros == 0 {
		return parts[0], nil
	}
	all := make([]float32, 0, n)
	for _, p := range parts {
		all = append(all, p...)
	}
	if r.Scale != 1 {
		for i, v := range all {
			all[i] = float32(float64(v) * r.Scale)
		}
	}
	return all[:n], nil
}
