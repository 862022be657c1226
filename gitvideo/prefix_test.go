package gitvideo

import "videoqa/internal/onnx"

// keysOf are a layer's keys [heads, tokens, head] in float32.
func keysOf(p *Prefix, layer int) []float32 {
	packed := onnx.Widened(p.keys[layer])
	heads, blocks, head := int(p.keys[layer].Shape()[0]), int(p.keys[layer].Shape()[1]), int(p.keys[layer].Shape()[2])
	out := make([]float32, heads*p.tokens*head)
	for i := range out {
		h, t, d := i/(p.tokens*head), i/head%p.tokens, i%head
		out[i] = packed[((h*blocks+t/onnx.KeyLanes)*head+d)*onnx.KeyLanes+t%onnx.KeyLanes]
	}
	return out
}

// valuesOf are a layer's values [heads, tokens, head] in float32.
func valuesOf(p *Prefix, layer int) []float32 {
	packed := onnx.Widened(p.values[layer])
	head, stride := int(p.keys[layer].Shape()[2]), int(p.values[layer].Shape()[2])
	out := make([]float32, 0, len(packed))
	for row := 0; row < len(packed); row += stride {
		out = append(out, packed[row:row+head]...)
	}
	return out
}
