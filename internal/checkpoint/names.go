package checkpoint

import (
	"fmt"
	"strings"
)

// A Spec is one tensor that a configuration calls for.
type Spec struct {
	Name  string
	Shape []int64
}

// The parts of a GIT, as transformers names them.
const (
	vision   = "git.image_encoder.vision_model."
	decoder  = "git.encoder.layer."
	temporal = "git.img_temperal_embedding." // misspelt in every released file; from transformers 4.57 on spelt right
	respelt  = "git.img_temporal_embedding."
	words    = "git.embeddings.word_embeddings.weight"
	head     = "output.weight"
)

// Tensors lists every tensor that c calls for, in the order of the data's way
// through the model. Linear weights are [out, in].
func (c Config) Tensors() []Spec {
	var s specs
	s.visionTower(c.Vision)
	s.linear("git.visual_projection.visual_projection.0", c.HiddenSize, c.Vision.HiddenSize)
	s.norm("git.visual_projection.visual_projection.1", c.HiddenSize)
	for i := range c.TemporalEmbeddings {
		s.add(fmt.Sprintf("%s%d", temporal, i), 1, 1, c.Vision.HiddenSize)
	}
	s.add(words, c.VocabSize, c.HiddenSize)
	s.add("git.embeddings.position_embeddings.weight", c.MaxPositions, c.HiddenSize)
	s.norm("git.embeddings.LayerNorm", c.HiddenSize)
	for i := range c.Layers {
		s.decoderLayer(fmt.Sprintf("%s%d.", decoder, i), c.HiddenSize, c.IntermediateSize)
	}
	s.linear("output", c.VocabSize, c.HiddenSize)
	return s
}

type specs []Spec

func (s *specs) add(name string, shape ...int) {
	dims := make([]int64, len(shape))
	for i, d := range shape {
		dims[i] = int64(d)
	}
	*s = append(*s, Spec{name, dims})
}

func (s *specs) linear(name string, out, in int) {
	s.add(name+".weight", out, in)
	s.add(name+".bias", out)
}

func (s *specs) norm(name string, width int) {
	s.add(name+".weight", width)
	s.add(name+".bias", width)
}

func (s *specs) visionTower(v VisionConfig) {
	w := v.HiddenSize
	s.add(vision+"embeddings.class_embedding", w)
	s.add(vision+"embeddings.patch_embedding.weight", w, 3, v.PatchSize, v.PatchSize)
	s.add(vision+"embeddings.position_embedding.weight", v.Tokens(), w)
	s.norm(vision+"pre_layrnorm", w)
	for i := range v.Layers {
		layer := fmt.Sprintf("%sencoder.layers.%d.", vision, i)
		for _, p := range []string{"q", "k", "v", "out"} {
			s.linear(layer+"self_attn."+p+"_proj", w, w)
		}
		s.norm(layer+"layer_norm1", w)
		s.norm(layer+"layer_norm2", w)
		s.linear(layer+"mlp.fc1", v.IntermediateSize, w)
		s.linear(layer+"mlp.fc2", w, v.IntermediateSize)
	}
	s.norm(vision+"post_layernorm", w)
}

func (s *specs) decoderLayer(layer string, width, inner int) {
	for _, p := range []string{"query", "key", "value"} {
		s.linear(layer+"attention.self."+p, width, width)
	}
	s.linear(layer+"attention.output.dense", width, width)
	s.norm(layer+"attention.output.LayerNorm", width)
	s.linear(layer+"intermediate.dense", inner, width)
	s.linear(layer+"output.dense", width, inner)
	s.norm(layer+"output.LayerNorm", width)
}

// canonical gives both spellings of a temporal embedding one name.
func canonical(name string) string {
	if i, ok := strings.CutPrefix(name, respelt); ok {
		return temporal + i
	}
	return name
}

// ignored says whether name is a buffer that old files carry and no model reads:
// the numbers 0, 1, 2, … of the position ids.
func ignored(name string) bool {
	return name == "git.embeddings.position_ids" || name == vision+"embeddings.position_ids"
}
