package gitvideo

import (
	"encoding/json"
	"fmt"

	"videoqa/internal/checkpoint"
)

// The parts of a GIT, as transformers names them.
const (
	decoderLayers      = "git.encoder.layer."
	temporalEmbeddings = "git.img_temperal_embedding." // misspelt in every released file; from transformers 4.57 on spelt right
	respeltEmbeddings  = "git.img_temporal_embedding."
	wordEmbeddings     = "git.embeddings.word_embeddings.weight"
	headWeight         = "output.weight"
)

// tensors lists every tensor that c calls for, in the order of the data's way
// through the model. Linear weights are [out, in].
func (c modelConfig) tensors() []checkpoint.Spec {
	var s specs
	s.visionTower(c.Vision)
	s.linear("git.visual_projection.visual_projection.0", c.HiddenSize, c.Vision.HiddenSize)
	s.norm("git.visual_projection.visual_projection.1", c.HiddenSize)
	for i := range c.TemporalEmbeddings {
		s.add(fmt.Sprintf("%s%d", temporalEmbeddings, i), 1, 1, c.Vision.HiddenSize)
	}
	s.add(wordEmbeddings, c.VocabSize, c.HiddenSize)
	s.add("git.embeddings.position_embeddings.weight", c.MaxPositions, c.HiddenSize)
	s.norm("git.embeddings.LayerNorm", c.HiddenSize)
	for i := range c.Layers {
		s.decoderLayer(fmt.Sprintf("%s%d.", decoderLayers, i), c.HiddenSize, c.IntermediateSize)
	}
	s.linear("output", c.VocabSize, c.HiddenSize)
	return s
}

type specs []checkpoint.Spec

func (s *specs) add(name string, shape ...int) {
	dims := make([]int64, len(shape))
	for i, d := range shape {
		dims[i] = int64(d)
	}
	*s = append(*s, checkpoint.Spec{Name: name, Shape: dims})
}

func (s *specs) linear(name string, out, in int) {
	s.add(name+".weight", out, in)
	s.add(name+".bias", out)
}

func (s *specs) norm(name string, width int) {
	s.add(name+".weight", width)
	s.add(name+".bias", width)
}

func (s *specs) visionTower(v visionConfig) {
	w := v.HiddenSize
	s.add(visionPrefix+"embeddings.class_embedding", w)
	s.add(visionPrefix+"embeddings.patch_embedding.weight", w, 3, v.PatchSize, v.PatchSize)
	s.add(visionPrefix+"embeddings.position_embedding.weight", v.Tokens(), w)
	s.norm(visionPrefix+"pre_layrnorm", w)
	for i := range v.Layers {
		layer := fmt.Sprintf("%sencoder.layers.%d.", visionPrefix, i)
		for _, p := range []string{"q", "k", "v", "out"} {
			s.linear(layer+"self_attn."+p+"_proj", w, w)
		}
		s.norm(layer+"layer_norm1", w)
		s.norm(layer+"layer_norm2", w)
		s.linear(layer+"mlp.fc1", v.IntermediateSize, w)
		s.linear(layer+"mlp.fc2", w, v.IntermediateSize)
	}
	s.norm(visionPrefix+"post_layernorm", w)
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

// plan tells the reader of checkpoints what c calls for.
func (c modelConfig) plan() checkpoint.Plan {
	config, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("gitvideo: marshal config: %v", err)) // numbers and names only, validated to be finite
	}
	p := checkpoint.Plan{
		Config:  config,
		Tensors: c.tensors(),
		Aliases: []checkpoint.Alias{{Prefix: respeltEmbeddings, For: temporalEmbeddings}},
		// Buffers that old files carry: the numbers 0, 1, 2, … of the position ids.
		Unread: []string{"git.embeddings.position_ids", visionPrefix + "embeddings.position_ids"},
	}
	if c.TieWordEmbedding {
		p.Tied = map[string]string{headWeight: wordEmbeddings}
	}
	return p
}
