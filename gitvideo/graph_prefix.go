package gitvideo

import (
	"fmt"

	"videoqa/internal/onnx"
)

// prefixGraph builds the decoder's pass over a clip's visual tokens.
//
//	features [F, N, vision width]  slots int64 [F]  ->  key.i, value.i [F*N, heads, head], one pair a layer
//
// Slot i adds temporal embedding i to every token of a frame; a slot equal to
// the number of embeddings adds nothing. The last layer gives keys and values
// only: nothing reads what it would say about a visual token. g is empty. Where the
// CPU provider runs it, kept is what keys and values come out in, laid out for the text
// step; 0 elsewhere.
func prefixGraph(g *onnx.Graph, s spec, l *layout, frames, tokens int, kept onnx.DType) (onnx.Model, error) {
	t, total := s.text, frames*tokens
	x := g.Input("features", onnx.Float, frames, tokens, s.vision.width)
	slot := g.Gather("slot", g.Weight(l.refs["prefix.slots"]), g.Input("slots", onnx.Int64, frames))
	x = g.Add("timed", x, g.Reshape("slot per frame", slot, frames, 1, s.vision.width))
	x = g.Real("real", x)
	x = l.apply(g, "prefix.projection", g.Reshape("flat", x, total, s.vision.width))
	x = l.layerNorm(g, "prefix.norm", x, s.vision.eps)
	for i := range t.layers {
		layer, name := g.In(fmt.Sprintf("layer.%d", i)), fmt.Sprintf("text.%d", i)
		if i+1 == t.layers {
			keys, values := l.keysAndValues(layer, name, x, t, total)
			keep(g, layer, i, kept, keys, values, total, t)
			break
		}
		s := l.projectAll(layer, name, x, t, 1, total)
		keys, values := l.apart(layer, s)
		keep(g, layer, i, kept, keys, values, total, t)
		x = l.finish(layer, name, l.selfAttention(layer, s), x, t)
	}
	return g.Model()
}

// keep puts a layer's keys and values out.
func keep(g, layer *onnx.Graph, i int, kept onnx.DType, keys, values onnx.Value, total int, t tower) {
	keys, values = layer.Full("full keys", keys), layer.Full("full values", values)
	if kept != 0 {
		keys, values = layer.PackKeys("packed keys", keys, kept), layer.PackValues("packed values", values, kept)
	} else {
		keys, values = layer.Reshape("loose keys", keys, total, t.heads, t.head()), layer.Reshape("loose values", values, total, t.heads, t.head())
	}
	g.Output(fmt.Sprintf("key.%d", i), keys)
	g.Output(fmt.Sprintf("value.%d", i), values)
}

// finish is what a decoder layer does after attention: its projection, norm of the sum,
// the perceptron, norm of the sum (BERT's order).
func (l *layout) finish(g *onnx.Graph, name string, a, x onnx.Value, t tower) onnx.Value {
	y, _ := l.applyNorm(g, name+".out", a, l.skipNorm(g, name+".norm1", x, t.eps))
	z, _ := l.perceiveNorm(g, name, y, t.act, l.skipNorm(g, name+".norm2", y, t.eps))
	return z
}
