package gitvideo

import (
	"fmt"

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
func visionGraph(g *onnx.Graph, s spec, l *layout, z size, e embedding) (onnx.Model, error) {
	v, b := s.vision, l.overPictures()
	x := embedPatches(b, g.In("patches"), s, z, e)
	x = b.LayerNorm(g, "vision.pre", g.Real("real", x), v.Eps)
	flat := g.Reshape("flat", x, z.frames*z.tokens(), v.Width)
	h := b.LayerNorm(g, "vision.0.norm1", flat, v.Eps)
	for i := range v.Layers {
		name := fmt.Sprintf("vision.%d", i)
		after := "vision.post"
		if i+1 < v.Layers {
			after = fmt.Sprintf("vision.%d.norm1", i+1)
		}
		layer := g.In(fmt.Sprintf("layer.%d", i))
		a := b.SelfAttention(layer, b.QKV(layer, name, h, v, z.frames, z.tokens()))
		h, flat = b.LinearNorm(layer, name+".out", a, b.SkipNorm(layer, name+".norm2", flat, v.Eps))
		h, flat = b.MLPNorm(layer, name, h, v.Act, b.SkipNorm(layer, after, flat, v.Eps))
	}
	g.Output("features", g.Reshape("frames", h, z.frames, z.tokens(), v.Width))
	return g.Model()
}

// embedPatches cuts pictures into patches and embeds them with their positions.
func embedPatches(b layers.Builder, g *onnx.Graph, s spec, z size, e embedding) onnx.Value {
	p, w := s.patch, s.vision.Width
	x := g.Input("pixels", onnx.Uint8, z.frames, z.high*p, z.wide*p, 3)
	x = g.Reshape("rows", x, z.frames*z.high, p, z.wide, p*3)
	x = g.Transpose("side by side", x, 0, 2, 1, 3)
	x = g.Reshape("list", x, z.frames*z.high*z.wide, p*p*3)
	x = g.Cast("float", x, onnx.Float)
	if b.Form.Panelled() {
		patch := onnx.Layer{Weight: g.ConstantPanels("weight", e.patch, p*p*3), Bias: g.Constant("none", make([]float32, w), int64(w))}
		x = g.Product("embed", x, patch, onnx.NoActivation)
	} else {
		x = g.Gemm("embed", x, g.Constant("weight", e.patch, int64(w), int64(p*p*3)), onnx.Value{})
	}
	x = g.Reshape("frames", x, z.frames, z.high*z.wide, w)
	x = g.Add("positions", x, g.Constant("position", e.position, int64(z.high*z.wide), int64(w)))
	class := make([]float32, 0, z.frames*w)
	for range z.frames {
		class = append(class, e.class...)
	}
	return g.Concat("tokens", 1, g.Constant("class", class, int64(z.frames), 1, int64(w)), x)
}
