package gitvideo

import (
	"fmt"

	"videoqa/internal/nn/layers"
	"videoqa/internal/nn/weights"
)

// weightsFile is the base name of the converted weights beside the graphs.
const weightsFile = "weights.bin"

// A layout is the converted weights of a GIT, and the forms that graphs read them in.
type layout struct {
	plan *weights.Plan
	tied bool // the head's matrix is the word embeddings, whole

	pictures, words weights.Form // of matrices in the graphs over pictures and in the text step
}

// newLayout plans the weights of s.
func newLayout(s spec, tied bool, pictures, words weights.Form) *layout {
	l := &layout{plan: weights.NewPlan(weightsFile), tied: tied && words != weights.Int8Blocks, pictures: pictures, words: words}
	l.planVision(s)
	l.planPrefix(s)
	l.planText(s)
	return l
}

// overPictures builds layers of the graphs over pictures.
func (l *layout) overPictures() layers.Builder { return layers.Builder{Plan: l.plan, Form: l.pictures} }

// overWords builds layers of the text step.
func (l *layout) overWords() layers.Builder {
	return layers.Builder{Plan: l.plan, Form: l.words, FewRows: true}
}

const visionPrefix = "git.image_encoder.vision_model."

func (l *layout) planVision(s spec) {
	v, p := s.vision, l.plan
	p.Norm("vision.pre", v.Width, visionPrefix+"pre_layrnorm") // misspelt in every checkpoint
	for i := range v.Layers {
		to, from := fmt.Sprintf("vision.%d", i), fmt.Sprintf("%sencoder.layers.%d.", visionPrefix, i)
		p.Norm(to+".norm1", v.Width, from+"layer_norm1")
		layers.PlanAttention(p, to, v, [3]string{from + "self_attn.q_proj", from + "self_attn.k_proj", from + "self_attn.v_proj"}, l.pictures)
		p.Linear(to+".out", v.Width, v.Width, 1, from+"self_attn.out_proj", l.pictures)
		p.Norm(to+".norm2", v.Width, from+"layer_norm2")
		layers.PlanMLP(p, to, v, from+"mlp.fc1", from+"mlp.fc2", l.pictures)
	}
	p.Norm("vision.post", v.Width, visionPrefix+"post_layernorm")
}

func (l *layout) planPrefix(s spec) {
	slots := weights.Recipe{Scale: 1, Zeros: s.vision.Width} // the last row is for "no embedding"
	for i := range s.frames {
		slots.Parts = append(slots.Parts, fmt.Sprintf("git.img_temperal_embedding.%d", i))
	}
	l.plan.Add("prefix.slots", slots, s.frames+1, s.vision.Width)
	l.plan.Linear("prefix.projection", s.vision.Width, s.text.Width, 1, "git.visual_projection.visual_projection.0", l.pictures)
	l.plan.Norm("prefix.norm", s.text.Width, "git.visual_projection.visual_projection.1")
}

func (l *layout) planText(s spec) {
	t, p := s.text, l.plan
	const word = "git.embeddings.word_embeddings.weight"
	p.Add("text.words", weights.Recipe{Parts: []string{word}, Scale: 1}, s.vocab, t.Width)
	p.Add("text.positions", weights.Recipe{Parts: []string{"git.embeddings.position_embeddings.weight"}, Scale: 1}, s.places, t.Width)
	p.Norm("text.norm", t.Width, "git.embeddings.LayerNorm")
	for i := range t.Layers {
		to, from := fmt.Sprintf("text.%d", i), fmt.Sprintf("git.encoder.layer.%d.", i)
		self := from + "attention.self."
		layers.PlanAttention(p, to, t, [3]string{self + "query", self + "key", self + "value"}, l.pictures, l.words)
		both := []weights.Form{l.pictures, l.words}
		if i+1 == t.Layers {
			both = both[1:] // the prefix ends before
		}
		p.Linear(to+".out", t.Width, t.Width, 1, from+"attention.output.dense", both...)
		p.Norm(to+".norm1", t.Width, from+"attention.output.LayerNorm")
		layers.PlanMLP(p, to, t, from+"intermediate.dense", from+"output.dense", both...)
		p.Norm(to+".norm2", t.Width, from+"output.LayerNorm")
	}
	if l.tied {
		p.Alias("text.head.weight", "text.words")
	} else {
		p.Matrix("text.head", t.Width, s.vocab, weights.Recipe{Parts: []string{"output.weight"}, Scale: 1}, l.head())
	}
	p.Add("text.head.bias", weights.Recipe{Parts: []string{"output.bias"}, Scale: 1}, s.vocab)
}

// head is the form of the head's matrix. If it is the word embeddings', it is read by
// rows as well.
func (l *layout) head() weights.Form {
	if l.tied {
		return weights.Plain
	}
	return l.words
}
