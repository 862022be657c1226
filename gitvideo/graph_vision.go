package gitvideo

import (
	"videoqa/internal/nn/layers"
	"videoqa/internal/onnx"
)

// A size is a vision graph's: so many pictures, each so many patches high and wide.
type size struct{ frames, high, wide int }

// tokens is how many tokens a picture becomes: its class and its patches.
func (z size) tokens() int { return z.high*z.wide + 1 }

// visionGraph builds the CLIP vision tower for one size of input.
//
//	pixels [F, high*patch, wide*patch, 3] uint8  ->  features [F, N, width] float32, float16 of a half graph
//
// The embedding e brings normalisation and positions. All layers are run, and
// the last norm is applied to every token. g is empty.
func visionGraph(g *onnx.Graph, s spec, l *layout, frames int, e layers.PatchEmbedding) (onnx.Model, error) {
	v, b := s.vision, l.overPictures()
	x := b.Patches(g.In("patches"), e, frames)
	x = b.LayerNorm(g, "vision.pre", g.Real("real", x), v.Eps)
	x = g.Reshape("flat", x, frames*e.Tokens(), v.Width)
	x = b.PreNormEncoder(g, "vision", "vision.post", x, v, frames, e.Tokens())
	g.Output("features", g.Reshape("frames", x, frames, e.Tokens(), v.Width))
	return g.Model()
}
