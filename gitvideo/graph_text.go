package gitvideo

import (
	"fmt"
	"math"
	"slices"

	"videoqa/internal/onnx"
)

// textGraph builds one step of Q rows of text, S new words each, over one
// clip's prefix of P tokens and T words that each row has had before.
//
//	ids, positions  int64 [Q, S]
//	mask            [1, Q, S, T+S]      0 where a word may look at a word, else very negative
//	rows            int64 [R]           which of the Q*S words to predict a successor of
//	prefix.key.i, prefix.value.i  [heads, P, head]     the clip's, read by all rows
//	past.key.i, past.value.i      [heads, Q, T, head]  each row's own
//	logits          [R, vocabulary]
//	key.i, value.i  [heads, Q, T+S, head]               past of the next step
//
// Attention is in two parts under one softmax: scores against the prefix are one
// product for all rows, which reads the prefix once and copies none of it, and
// scores against a row's own words are a small product a row.
func textGraph(s spec, l *layout) (onnx.Model, error) {
	g := onnx.NewGraph("text")
	t, l := s.text, l.as(l.words)
	ids := g.Input("ids", onnx.Int64, "Q", "S")
	places := g.Input("positions", onnx.Int64, "Q", "S")
	step := textStep{
		graph: g, tower: t, layout: l,
		mask: g.Input("mask", onnx.Float, 1, "Q", "S", "T+S"),
		rows: g.Input("rows", onnx.Int64, "R"),
	}
	for i := range t.layers {
		for _, kind := range []string{"key", "value"} {
			step.prefix = append(step.prefix, g.Input(fmt.Sprintf("prefix.%s.%d", kind, i), onnx.Float, t.heads, "P", t.head()))
			step.past = append(step.past, g.Input(fmt.Sprintf("past.%s.%d", kind, i), onnx.Float, t.heads, "Q", "T", t.head()))
		}
	}
	step.plan(ids)
	x := g.Add("embeddings", g.Gather("words", g.Weight(l.refs["text.words"]), ids), g.Gather("places", g.Weight(l.refs["text.positions"]), places))
	x = l.layerNorm(g, "text.norm", g.Reshape("flat", x, "Q*S", t.width), t.eps)
	for i := range t.layers {
		x = step.layer(i, x)
	}
	g.Output("logits", l.apply(g, "text.head", x))
	return g.Model()
}

// A textStep is the inputs of the text graph that every layer reads, and the
// vectors of lengths that every layer reshapes by.
type textStep struct {
	graph        *onnx.Graph
	tower        tower
	layout       *layout
	mask, rows   onnx.Value
	prefix, past []onnx.Value // keys at 2i, values at 2i+1

	apart  onnx.Value // [heads, Q, S, head]
	scores onnx.Value // [heads, Q, S, T+S]
	joined onnx.Value // [heads, Q*S, T+S]
	parts  onnx.Value // [P, T+S]
	thirds onnx.Value // [heads, heads, heads]
	scale  onnx.Value // [3*heads, 1, 1]: of queries, 1/√head; of keys and values, 1
}

func (s *textStep) plan(ids onnx.Value) {
	g, h := s.graph.In("lengths"), int64(s.tower.heads)
	heads, qs, t := g.Integers("heads", h), g.Lengths("Q,S", ids, 0, 2), g.Lengths("T+S", s.mask, 3, 4)
	s.apart = g.Concat("words apart", 0, heads, qs, g.Integers("head", int64(s.tower.head())))
	s.scores = g.Concat("scores apart", 0, heads, qs, t)
	s.joined = g.Concat("scores joined", 0, g.Integers("heads,rest", h, -1), t)
	s.parts = g.Concat("parts", 0, g.Lengths("P", s.prefix[0], 1, 2), t)
	s.thirds = g.Integers("thirds", h, h, h)
	// One number for the queries alone would be made alpha of the product again.
	scale := slices.Repeat([]float32{1}, 3*int(h))
	for i := range h {
		scale[i] = float32(1 / math.Sqrt(float64(s.tower.head())))
	}
	s.scale = g.Constant("scale", scale, 3*h, 1, 1)
}

// layer is decoder layer i over x [Q*S, width]. The last one goes on with the
// wanted rows only.
func (s *textStep) layer(i int, x onnx.Value) onnx.Value {
	g, name := s.graph.In(fmt.Sprintf("layer.%d", i)), fmt.Sprintf("text.%d", i)
	a := s.attend(g, i, s.layout.apply(g, name+".qkv", x))
	if i+1 == s.tower.layers {
		a, x = g.Gather("wanted heads", a, s.rows), g.Gather("wanted", x, s.rows)
	}
	return s.layout.finish(g, name, s.layout.apply(g, name+".out", a), x, s.tower)
}

// attend is attention of layer i; qkv is [Q*S, 3*width].
func (s *textStep) attend(g *onnx.Graph, i int, qkv onnx.Value) onnx.Value {
	t := s.tower
	h, d := t.heads, t.head()
	heads := g.Mul("scaled", g.Transpose("by head", g.Reshape("apart", qkv, "Q*S", 3*h, d), 1, 0, 2), s.scale)
	third := g.Split("query, key, value", heads, 0, s.thirds, h, h, h)
	own := func(name string, x onnx.Value) onnx.Value { return g.ReshapeTo(name, x, s.apart, h, "Q", "S", d) }

	keys := g.Concat("keys", 2, s.past[2*i], own("new keys", third[1]))
	values := g.Concat("values", 2, s.past[2*i+1], own("new values", third[2]))
	g.Output(fmt.Sprintf("key.%d", i), keys)
	g.Output(fmt.Sprintf("value.%d", i), values)

	clip := g.MatMulT("scores of the clip", third[0], s.prefix[2*i])
	words := g.Add("masked", g.MatMulT("scores of words", own("queries", third[0]), keys), s.mask)
	all := g.Concat("scores", 2, clip, g.ReshapeTo("scores joined", words, s.joined, h, "Q*S", "T+S"))
	part := g.Split("weights", g.Softmax("softmax", all), 2, s.parts, "P", "T+S")

	seen := g.MatMul("seen", part[0], s.prefix[2*i+1])
	read := g.MatMul("read", g.ReshapeTo("weights of words", part[1], s.scores, h, "Q", "S", "T+S"), values)
	sum := g.Add("sum", seen, g.Reshape("read joined", read, h, "Q*S", d))
	return g.Reshape("heads joined", g.Transpose("by word", sum, 1, 0, 2), "Q*S", t.width)
}
