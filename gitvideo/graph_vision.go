package gitvideo

import (
	"fmt"

	"videoqa/internal/checkpoint"
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
	v := s.vision
	x := l.embedPatches(g.In("patches"), s, z, e)
	x = l.layerNorm(g, "vision.pre", g.Real("real", x), v.eps)
	flat := g.Reshape("flat", x, z.frames*z.tokens(), v.width)
	h := l.layerNorm(g, "vision.0.norm1", flat, v.eps)
	for i := range v.layers {
		name := fmt.Sprintf("vision.%d", i)
		after := "vision.post"
		if i+1 < v.layers {
			after = fmt.Sprintf("vision.%d.norm1", i+1)
		}
		layer := g.In(fmt.Sprintf("layer.%d", i))
		a := l.selfAttention(layer, l.projectAll(layer, name, h, v, z.frames, z.tokens()))
		h, flat = l.applyNorm(layer, name+".out", a, l.skipNorm(layer, name+".norm2", flat, v.eps))
		h, flat = l.perceiveNorm(layer, name, h, v.act, l.skipNorm(layer, after, flat, v.eps))
	}
	g.Output("features", g.Reshape("frames", h, z.frames, z.tokens(), v.width))
	return g.Model()
}

// embedPatches cuts pictures into patches and embeds them with their positions.
func (l *layout) embedPatches(g *onnx.Graph, s spec, z size, e embedding) onnx.Value {
	p, w := s.patch, s.vision.width
	x := g.Input("pixels", onnx.Uint8, z.frames, z.high*p, z.wide*p, 3)
	x = g.Reshape("rows", x, z.frames*z.high, p, z.wide, p*3)
	x = g.Transpose("side by side", x, 0, 2, 1, 3)
	x = g.Reshape("list", x, z.frames*z.high*z.wide, p*p*3)
	x = g.Cast("float", x, onnx.Float)
	if l.form.own() {
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

// perceiveNorm is the two-layer perceptron of a layer, and the norm n behind it, with the
// sum that is of.
func (l *layout) perceiveNorm(g *onnx.Graph, name string, x onnx.Value, act checkpoint.Activation, n onnx.Norm) (norm, sum onnx.Value) {
	how := onnx.GELU
	switch act {
	case checkpoint.QuickGELU:
		how = onnx.QuickGELU // its slope is in the weights
	case checkpoint.GELUNew:
		how = onnx.TanhGELU
	}
	if l.form.own() && !l.few {
		return g.MLPNorm(name, x, l.own(g, l.matrix(name+".fc1")), l.own(g, l.matrix(name+".fc2")), how, n)
	}
	return l.applyNorm(g, name+".fc2", l.multiply(g, name+".fc1", x, l.matrix(name+".fc1"), how), n)
}

// layerNorm is a planned norm.
func (l *layout) layerNorm(g *onnx.Graph, name string, x onnx.Value, eps float32) onnx.Value {
	return g.LayerNorm(name, x, g.Weight(l.refs[name+".weight"]), g.Weight(l.refs[name+".bias"]), eps)
}

// skipNorm is a planned norm of skip and what is computed beside it.
func (l *layout) skipNorm(g *onnx.Graph, name string, skip onnx.Value, eps float32) onnx.Norm {
	return onnx.Norm{Skip: skip, Gamma: g.Weight(l.refs[name+".weight"]), Beta: g.Weight(l.refs[name+".bias"]), Epsilon: eps}
}

// applyNorm is a planned linear layer, and the norm n behind it, with the sum that is of.
func (l *layout) applyNorm(g *onnx.Graph, name string, x onnx.Value, n onnx.Norm) (norm, sum onnx.Value) {
	if l.form.own() && !l.few {
		return g.ProductNorm(name, x, l.own(g, l.matrix(name)), n)
	}
	return g.SkipLayerNorm(name+".norm", l.apply(g, name, x), n)
}
