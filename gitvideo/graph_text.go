package gitvideo

import (
	"fmt"

	"videoqa/internal/nn/layers"
	"videoqa/internal/onnx"
)

// textGraph builds one step of Q rows of text, S new words each, over one
// clip's prefix of P tokens and T words that each row has had before.
//
//	ids, positions  int64 [Q, S]
//	mask            [1, Q, S, T+S]      0 where a word may look at a word, else very negative
//	rows            int64 [R]           which of the Q*S words to predict a successor of
//	prefix.key.i, prefix.value.i        the clip's, in kept, as [onnx.PackKeys] and [onnx.PackValues] lay them out
//	past.key.i, past.value.i      [heads, Q, T, head]  each row's own
//	logits          [R, vocabulary]
//	key.i, value.i  [heads, Q, T+S, head]               past of the next step
//
// All rows read the prefix, which is never copied.
func textGraph(s spec, l *layout, kept onnx.DType) (onnx.Model, error) {
	g := onnx.NewGraph("text")
	t, b := s.text, l.overWords()
	ids := g.Input("ids", onnx.Int64, "Q", "S")
	places := g.Input("positions", onnx.Int64, "Q", "S")
	step := textStep{
		graph: g, stack: t, build: b,
		mask: g.Input("mask", onnx.Float, 1, "Q", "S", "T+S"),
		rows: g.Input("rows", onnx.Int64, "R"),
	}
	for i := range t.Layers {
		step.keys = append(step.keys, g.Input(fmt.Sprintf("prefix.key.%d", i), kept, t.Heads, "B", t.Head(), onnx.KeyLanes))
		step.values = append(step.values, g.Input(fmt.Sprintf("prefix.value.%d", i), kept, t.Heads, "P", onnx.PackedHead(t.Head())))
		for _, kind := range []string{"key", "value"} {
			step.past = append(step.past, g.Input(fmt.Sprintf("past.%s.%d", kind, i), onnx.Float, t.Heads, "Q", "T", t.Head()))
		}
	}
	x := g.Add("embeddings", g.Gather("words", g.Weight(l.plan.Ref("text.words")), ids), g.Gather("places", g.Weight(l.plan.Ref("text.positions")), places))
	x = b.LayerNorm(g, "text.norm", g.Reshape("flat", x, "Q*S", t.Width), t.Eps)
	for i := range t.Layers {
		x = step.layer(i, x)
	}
	g.Output("logits", b.As(l.head()).Linear(g, "text.head", x))
	return g.Model()
}

// A textStep is the inputs of the text graph that every layer reads.
type textStep struct {
	graph        *onnx.Graph
	stack        layers.Stack
	build        layers.Builder
	mask, rows   onnx.Value
	keys, values []onnx.Value // of the clip, a layer each
	past         []onnx.Value // keys at 2i, values at 2i+1
}

// layer is decoder layer i over x [Q*S, width]. The last one goes on with the
// wanted rows only.
func (s *textStep) layer(i int, x onnx.Value) onnx.Value {
	g, name := s.graph.In(fmt.Sprintf("layer.%d", i)), fmt.Sprintf("text.%d", i)
	qkv := s.build.Linear(g, name+".qkv", x)
	a, key, value := g.PrefixAttention("attention", qkv, s.mask, s.keys[i], s.values[i], s.past[2*i], s.past[2*i+1])
	g.Output(fmt.Sprintf("key.%d", i), key)
	g.Output(fmt.Sprintf("value.%d", i), value)
	if i+1 == s.stack.Layers {
		a, x = g.Gather("wanted heads", a, s.rows), g.Gather("wanted", x, s.rows)
	}
	return s.build.AfterAttention(g, name, a, x, s.stack)
}
