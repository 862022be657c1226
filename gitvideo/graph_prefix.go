package gitvideo

import (
	"fmt"

	"videoqa/internal/nn/layers"
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
	t, b, total := s.text, l.overPictures(), frames*tokens
	x := g.Input("features", onnx.Float, frames, tokens, s.vision.Width)
	slot := g.Gather("slot", g.Weight(l.plan.Ref("prefix.slots")), g.Input("slots", onnx.Int64, frames))
	x = g.Add("timed", x, g.Reshape("slot per frame", slot, frames, 1, s.vision.Width))
	x = g.Real("real", x)
	x = b.Linear(g, "prefix.projection", g.Reshape("flat", x, total, s.vision.Width))
	x = b.LayerNorm(g, "prefix.norm", x, s.vision.Eps)
	for i := range t.Layers {
		layer, name := g.In(fmt.Sprintf("layer.%d", i)), fmt.Sprintf("text.%d", i)
		if i+1 == t.Layers {
			keys, values := b.OnlyKeysAndValues(layer, name, x, t, total)
			keep(g, layer, i, kept, keys, values, total, t)
			break
		}
		qkv := b.QKV(layer, name, x, t, 1, total)
		keys, values := b.KeysAndValues(layer, qkv)
		keep(g, layer, i, kept, keys, values, total, t)
		x = b.AfterAttention(layer, name, b.SelfAttention(layer, qkv), x, t)
	}
	return g.Model()
}

// keep puts a layer's keys and values out.
func keep(g, layer *onnx.Graph, i int, kept onnx.DType, keys, values onnx.Value, total int, t layers.Stack) {
	keys, values = layer.Full("full keys", keys), layer.Full("full values", values)
	if kept != 0 {
		keys, values = layer.PackKeys("packed keys", keys, kept), layer.PackValues("packed values", values, kept)
	} else {
		keys, values = layer.Reshape("loose keys", keys, total, t.Heads, t.Head()), layer.Reshape("loose values", values, total, t.Heads, t.Head())
	}
	g.Output(fmt.Sprintf("key.%d", i), keys)
	g.Output(fmt.Sprintf("value.%d", i), values)
}
