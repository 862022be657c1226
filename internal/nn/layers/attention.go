package layers

import (
	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
)

// A QKV is the queries, keys and values of a layer's batch·tokens rows: in one value
// where the form is panelled, else in three.
type QKV struct {
	all, q, k, v  onnx.Value
	batch, tokens int
	stack         Stack
}

// project is the query (0), key (1) or value (2) of what name's attention looks at.
func (b Builder) project(g *onnx.Graph, name string, x onnx.Value, s Stack, which int64) onnx.Value {
	part := [3]string{"query", "key", "value"}[which]
	from := which * int64(s.Width)
	return b.multiply(g, part, x, b.matrix(name+".qkv").Part(name+"."+part, from, from+int64(s.Width)), onnx.NoActivation)
}

// QKV makes queries, keys and values of x [batch·tokens, width] with name.qkv.
func (b Builder) QKV(g *onnx.Graph, name string, x onnx.Value, s Stack, batch, tokens int) QKV {
	qkv := QKV{batch: batch, tokens: tokens, stack: s}
	if b.Form.Panelled() {
		qkv.all = b.Linear(g, name+".qkv", x)
	} else {
		qkv.q, qkv.k, qkv.v = b.project(g, name, x, s, 0), b.project(g, name, x, s, 1), b.project(g, name, x, s, 2)
	}
	return qkv
}

// SelfAttention is that of every token of a batch's entry to every other, without the
// projection behind it.
//
//	-> [batch·tokens, width]
func (b Builder) SelfAttention(g *onnx.Graph, x QKV) onnx.Value {
	s := x.stack
	var read onnx.Value
	if b.Form.Panelled() {
		read = g.SelfAttention("attention", g.Reshape("by picture", x.all, x.batch, x.tokens, 3*s.Width), s.Heads, b.Form != weights.Float32Panels && onnx.Multiplies(onnx.BFloat16))
	} else {
		read = g.MultiHeadAttention("attention",
			g.Reshape("queries", x.q, x.batch, x.tokens, s.Width),
			g.Reshape("keys", x.k, x.batch, x.tokens, s.Width),
			g.Reshape("values", x.v, x.batch, x.tokens, s.Width), s.Heads)
	}
	return g.Reshape("heads", read, x.batch*x.tokens, s.Width)
}

// KeysAndValues are those of x, as [onnx.Graph.PackKeys] and [onnx.Graph.PackValues]
// take them: [batch·tokens, parts, heads, head].
func (b Builder) KeysAndValues(g *onnx.Graph, x QKV) (keys, values onnx.Value) {
	rows, s := x.batch*x.tokens, x.stack
	if b.Form.Panelled() {
		all := g.Reshape("apart", x.all, rows, 3, s.Heads, s.Head())
		return all, all
	}
	return g.Reshape("keys apart", x.k, rows, 1, s.Heads, s.Head()), g.Reshape("values apart", x.v, rows, 1, s.Heads, s.Head())
}

// OnlyKeysAndValues are those of a layer that makes no queries, of x [rows, width].
func (b Builder) OnlyKeysAndValues(g *onnx.Graph, name string, x onnx.Value, s Stack, rows int) (keys, values onnx.Value) {
	if !b.Form.Panelled() {
		return b.KeysAndValues(g, QKV{batch: 1, tokens: rows, stack: s, k: b.project(g, name, x, s, 1), v: b.project(g, name, x, s, 2)})
	}
	m, parts, w := b.matrix(name+".qkv"), 3, int64(s.Width)
	if w%onnx.KeyLanes == 0 { // else a panel has queries and keys
		m, parts = m.Part(name+".keys and values", w, 3*w), 2
	}
	all := g.Reshape("apart", b.multiply(g, "keys and values", x, m, onnx.NoActivation), rows, parts, s.Heads, s.Head())
	return all, all
}
