package gitvideo

import (
	"videoqa/internal/nn/layers"
	"videoqa/internal/onnx"
)

// A spec is the shape of one GIT: all that its graphs depend on besides weights.
type spec struct {
	vision layers.Stack
	text   layers.Stack
	patch  int // side of a patch in pixels
	grid   int // patches side by side in the picture that the positions are for
	frames int // temporal embeddings; 0 for an image model
	vocab  int
	places int // text positions
}

// specOf takes from a configuration, which has been validated, what graphs need.
func specOf(c modelConfig) spec {
	v := c.Vision
	return spec{
		vision: layers.Stack{Width: v.HiddenSize, Layers: v.Layers, Heads: v.Heads, Hidden: v.IntermediateSize, Eps: float32(v.LayerNormEps), Act: operator(v.Activation)},
		text:   layers.Stack{Width: c.HiddenSize, Layers: c.Layers, Heads: c.Heads, Hidden: c.IntermediateSize, Eps: float32(c.LayerNormEps), Act: operator(c.Activation)},
		patch:  v.PatchSize,
		grid:   v.Grid(),
		frames: c.TemporalEmbeddings,
		vocab:  c.VocabSize,
		places: c.MaxPositions,
	}
}

// operator is the one that computes an activation.
func operator(a activation) onnx.Activation {
	switch a {
	case quickGELU:
		return onnx.QuickGELU
	case geluNew:
		return onnx.TanhGELU
	}
	return onnx.GELU
}
