package gitvideo

import (
	"fmt"
	"slices"

	"videoqa/internal/checkpoint"
	"videoqa/internal/onnx"
)

// weightsFile is the base name of the converted weights beside the graphs.
const weightsFile = "weights.bin"

// quick is the slope within quick_gelu. It is folded into the weights around it:
// with fc1 times quick and fc2 divided by it, x·sigmoid(quick·x) becomes
// y·sigmoid(y), for which ONNX Runtime's CPU provider has one pass instead of
// three.
const quick = 1.702

// A layout plans the converted weights, shared by all graphs of a model. It is
// known from the spec alone; the checkpoint is read only to write the file.
type layout struct {
	data    *onnx.Data
	refs    map[string]onnx.Ref
	recipes map[string]recipe
	tied    bool // the head's matrix is the word embeddings, whole

	pictures, words form // of matrices in the graphs over pictures and in the text step
	form            form // that a graph being built reads
	few             bool // that graph has few rows: whole matrices are read where they lie, which ONNX Runtime would pack
}

// A recipe makes one converted tensor: the checkpoint's parts one after the
// other, times scale, then that many zeros, and what round makes of rows of in such
// numbers.
type recipe struct {
	parts []string
	scale float64
	zeros int
	in    int
	round func(w []float32, in int) []byte // nil: float32
}

// newLayout plans the weights of s.
func newLayout(s spec, tied bool, pictures, words form) *layout {
	l := &layout{
		data: onnx.NewData(weightsFile), refs: map[string]onnx.Ref{}, recipes: map[string]recipe{}, tied: tied && words != blocks,
		pictures: pictures, words: words, form: pictures,
	}
	l.planVision(s)
	l.planPrefix(s)
	l.planText(s)
	return l
}

const visionPrefix = "git.image_encoder.vision_model."

func (l *layout) planVision(s spec) {
	v := s.vision
	l.norm("vision.pre", v.width, visionPrefix+"pre_layrnorm") // misspelt in every checkpoint
	for i := range v.layers {
		to, from := fmt.Sprintf("vision.%d.", i), fmt.Sprintf("%sencoder.layers.%d.", visionPrefix, i)
		l.norm(to+"norm1", v.width, from+"layer_norm1")
		l.attention(to, v, [3]string{from + "self_attn.q_proj", from + "self_attn.k_proj", from + "self_attn.v_proj"}, l.pictures)
		l.linear(to+"out", v.width, v.width, 1, from+"self_attn.out_proj", l.pictures)
		l.norm(to+"norm2", v.width, from+"layer_norm2")
		l.perceptron(to, v, from+"mlp.fc1", from+"mlp.fc2", l.pictures)
	}
	l.norm("vision.post", v.width, visionPrefix+"post_layernorm")
}

func (l *layout) planPrefix(s spec) {
	slots := recipe{scale: 1, zeros: s.vision.width} // the last row is for "no embedding"
	for i := range s.frames {
		slots.parts = append(slots.parts, fmt.Sprintf("git.img_temperal_embedding.%d", i))
	}
	l.plan("prefix.slots", slots, s.frames+1, s.vision.width)
	l.linear("prefix.projection", s.vision.width, s.text.width, 1, "git.visual_projection.visual_projection.0", l.pictures)
	l.norm("prefix.norm", s.text.width, "git.visual_projection.visual_projection.1")
}

func (l *layout) planText(s spec) {
	t := s.text
	const word = "git.embeddings.word_embeddings.weight"
	l.plan("text.words", recipe{parts: []string{word}, scale: 1}, s.vocab, t.width)
	l.plan("text.positions", recipe{parts: []string{"git.embeddings.position_embeddings.weight"}, scale: 1}, s.places, t.width)
	l.norm("text.norm", t.width, "git.embeddings.LayerNorm")
	for i := range t.layers {
		to, from := fmt.Sprintf("text.%d.", i), fmt.Sprintf("git.encoder.layer.%d.", i)
		self := from + "attention.self."
		l.attention(to, t, [3]string{self + "query", self + "key", self + "value"}, l.pictures, l.words)
		both := []form{l.pictures, l.words}
		if i+1 == t.layers {
			both = both[1:] // the prefix ends before
		}
		l.linear(to+"out", t.width, t.width, 1, from+"attention.output.dense", both...)
		l.norm(to+"norm1", t.width, from+"attention.output.LayerNorm")
		l.perceptron(to, t, from+"intermediate.dense", from+"output.dense", both...)
		l.norm(to+"norm2", t.width, from+"output.LayerNorm")
	}
	if l.tied {
		l.refs["text.head.weight"] = l.refs["text.words"]
	} else {
		l.weight("text.head", t.width, s.vocab, recipe{parts: []string{"output.weight"}, scale: 1}, l.head())
	}
	l.plan("text.head.bias", recipe{parts: []string{"output.bias"}, scale: 1}, s.vocab)
}

// head is the form of the head's matrix. If it is the word embeddings', it is read by
// rows as well.
func (l *layout) head() form {
	if l.tied {
		return whole
	}
	return l.words
}

// plan adds one tensor of float32, or of what its recipe rounds to.
func (l *layout) plan(name string, r recipe, shape ...int) { l.planAs(onnx.Float, name, r, shape...) }

func (l *layout) planAs(t onnx.DType, name string, r recipe, shape ...int) {
	dims := make([]int64, len(shape))
	for i, n := range shape {
		dims[i] = int64(n)
	}
	l.refs[name] = l.data.Add(name, t, dims...)
	l.recipes[name] = r
}

// weight adds a matrix [out, in] in each of forms.
func (l *layout) weight(name string, in, out int, r recipe, forms ...form) {
	for i, f := range forms {
		if slices.Contains(forms[:i], f) {
			continue
		}
		at := name + f.suffix()
		rounded := func(round func([]float32, int) []byte) recipe { return recipe{r.parts, r.scale, 0, in, round} }
		switch f {
		case whole:
			l.plan(at, r, out, in)
		case panels, pairs, quads:
			shape := make([]int, 0, 4)
			for _, n := range onnx.PanelShape(f.panelled(), out, in) {
				shape = append(shape, int(n))
			}
			l.planAs(f.panelled(), at, rounded(func(w []float32, in int) []byte { return inPanels(f, w, in) }), shape...)
			if f == quads {
				l.plan(at+".scales", rounded(rowScales), out)
			}
		case blocks:
			l.planAs(onnx.Uint8, at, rounded(blockBytes), out, blocksOf(in), blockSize(in))
			l.plan(at+".scales", rounded(blockScales), out*blocksOf(in))
		}
	}
}

// linear adds a layer's matrix, in each of forms, and its bias.
func (l *layout) linear(name string, in, out int, scale float64, from string, forms ...form) {
	l.weight(name, in, out, recipe{parts: []string{from + ".weight"}, scale: scale}, forms...)
	l.plan(name+".bias", recipe{parts: []string{from + ".bias"}, scale: scale}, out)
}

// attention adds query, key and value, one below the other.
func (l *layout) attention(to string, t tower, from [3]string, forms ...form) {
	w, b := recipe{scale: 1}, recipe{scale: 1}
	for _, f := range from {
		w.parts, b.parts = append(w.parts, f+".weight"), append(b.parts, f+".bias")
	}
	l.weight(to+"qkv", t.width, 3*t.width, w, forms...)
	l.plan(to+"qkv.bias", b, 3*t.width)
}

// perceptron adds the two layers around an activation, with quick folded in.
func (l *layout) perceptron(to string, t tower, fc1, fc2 string, forms ...form) {
	up, down := 1.0, 1.0
	if t.act == checkpoint.QuickGELU {
		up, down = quick, 1/quick
	}
	l.linear(to+"fc1", t.width, t.hidden, up, fc1, forms...)
	l.weight(to+"fc2", t.hidden, t.width, recipe{parts: []string{fc2 + ".weight"}, scale: down}, forms...)
	l.plan(to+"fc2.bias", recipe{parts: []string{fc2 + ".bias"}, scale: 1}, t.width)
}

func (l *layout) norm(name string, width int, from string) {
	l.plan(name+".weight", recipe{parts: []string{from + ".weight"}, scale: 1}, width)
	l.plan(name+".bias", recipe{parts: []string{from + ".bias"}, scale: 1}, width)
}

// convert makes r's bytes, little-endian, from a checkpoint. They may be the
// checkpoint's own, and are not to be changed.
func (l *layout) convert(r onnx.Ref, c *checkpoint.Checkpoint) ([]byte, error) {
	how := l.recipes[r.Name]
	values, err := how.numbers(c)
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
func (r recipe) numbers(c *checkpoint.Checkpoint) ([]float32, error) {
	var parts [][]float32
	n := r.zeros
	for _, p := range r.parts {
		t, err := c.Tensor(p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, t.Float32())
		n += t.Len()
	}
	if len(parts) == 1 && r.scale == 1 && r.zeros == 0 {
		return parts[0], nil
	}
	all := make([]float32, 0, n)
	for _, p := range parts {
		all = append(all, p...)
	}
	if r.scale != 1 {
		for i, v := range all {
			all[i] = float32(float64(v) * r.scale)
		}
	}
	return all[:n], nil
}
