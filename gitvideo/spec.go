package gitvideo

import "videoqa/internal/checkpoint"

// A spec is the shape of one GIT: all that its graphs depend on besides weights.
type spec struct {
	vision tower
	text   tower
	patch  int // side of a patch in pixels
	grid   int // patches side by side in the picture that the positions are for
	frames int // temporal embeddings; 0 for an image model
	vocab  int
	places int // text positions
}

// A tower is a stack of transformer layers.
type tower struct {
	width, layers, heads, hidden int // hidden is the width within the perceptron
	eps                          float32
	act                          checkpoint.Activation
}

// specOf takes from a configuration, which has been validated, what graphs need.
func specOf(c checkpoint.Config) spec {
	v := c.Vision
	return spec{
		vision: tower{v.HiddenSize, v.Layers, v.Heads, v.IntermediateSize, float32(v.LayerNormEps), v.Activation},
		text:   tower{c.HiddenSize, c.Layers, c.Heads, c.IntermediateSize, float32(c.LayerNormEps), c.Activation},
		patch:  v.PatchSize,
		grid:   v.Grid(),
		frames: c.TemporalEmbeddings,
		vocab:  c.VocabSize,
		places: c.MaxPositions,
	}
}

// head is the width of one attention head.
func (t tower) head() int { return t.width / t.heads }
