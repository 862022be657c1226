package layers

import (
	"fmt"

	"videoqa/internal/onnx"
)

// PreNormEncoder is a stack of layers with their norms in front (CLIP's and ViT's
// order) over x [batch·tokens, width]: name.0, name.1 and so on, and the norm last
// behind them. Each layer is norm1, attention qkv, out, norm2, fc1, fc2.
//
//	-> [batch·tokens, width]
func (b Builder) PreNormEncoder(g *onnx.Graph, name, last string, x onnx.Value, s Stack, batch, tokens int) onnx.Value {
	h := b.LayerNorm(g, name+".0.norm1", x, s.Eps)
	for i := range s.Layers {
		at, after := fmt.Sprintf("%s.%d", name, i), last
		if i+1 < s.Layers {
			after = fmt.Sprintf("%s.%d.norm1", name, i+1)
		}
		layer := g.In(fmt.Sprintf("layer.%d", i))
		a := b.SelfAttention(layer, b.QKV(layer, at, h, s, batch, tokens))
		h, x = b.LinearNorm(layer, at+".out", a, b.SkipNorm(layer, at+".norm2", x, s.Eps))
		h, x = b.MLPNorm(layer, at, h, s.Act, b.SkipNorm(layer, after, x, s.Eps))
	}
	return h
}
