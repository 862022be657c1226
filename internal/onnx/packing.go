package onnx

import "videoqa/internal/onnx/kernels"

// KeyLanes is how many keys lie side by side in [Graph.PrefixAttention].
const KeyLanes = kernels.Lanes

// KeyBlocks is how many blocks of keys that many tokens have.
func KeyBlocks(tokens int) int { return kernels.Padded(tokens) / KeyLanes }

// PackedHead is how many numbers a packed value of one head has, of which all behind
// the first head are 0.
func PackedHead(head int) int { return kernels.Padded(head) }

// PackKeys is [PackKeys] within a graph of the CPU provider.
//
//	x [P, parts, heads, head]  ->  [heads, ceil(P/16), head, 16] of t, float32 or float16
//
// Of several parts, keys are the last but one.
func (g *Graph) PackKeys(name string, x Value, t DType) Value {
	p, ok := packable(g, name, "PackKeys", x)
	if !ok {
		return Value{}
	}
	return g.add(name, node{op: prefixed("PackKeys", t), domain: custom}, []Value{x}, t, Shape{x.shape[2], Fixed(int64(KeyBlocks(p))), x.shape[3], Fixed(KeyLanes)})
}

// PackValues is [PackValues] within a graph of the CPU provider.
//
//	x [P, parts, heads, head]  ->  [heads, P, PackedHead] of t, float32 or float16
//
// Of several parts, values are the last.
func (g *Graph) PackValues(name string, x Value, t DType) Value {
	if _, ok := packable(g, name, "PackValues", x); !ok {
		return Value{}
	}
	head, _ := x.shape[3].Static()
	return g.add(name, node{op: prefixed("PackValues", t), domain: custom}, []Value{x}, t, Shape{x.shape[2], x.shape[0], Fixed(int64(PackedHead(int(head))))})
}

// packable says how many tokens x, which is to be packed, has.
func packable(g *Graph, name, op string, x Value) (tokens int, ok bool) {
	if !g.check(len(x.shape) == 4 && x.dtype == Float, name, op, "%v of %v", x.shape, x.dtype) {
		return 0, false
	}
	p, ok := x.shape[0].Static()
	return int(p), g.check(ok, name, op, "%v has an unknown number of tokens", x.shape)
}

// prefixed is op for t.
func prefixed(op string, t DType) string {
	if t == Half {
		return "Half" + op
	}
	return op
}

// NewPackedKeys makes room for what PackKeys lays out.
func NewPackedKeys(t DType, tokens, heads, head int) Tensor {
	return newTensor(t, heads, KeyBlocks(tokens), head, KeyLanes)
}

// NewPackedValues makes room for what PackValues lays out.
func NewPackedValues(t DType, tokens, heads, head int) Tensor {
	return newTensor(t, heads, tokens, PackedHead(head))
}

// PackKeys lays keys [tokens, heads, head] out as [heads, blocks, head, 16], as t says
// in float32 or float16: a block has the keys of 16 tokens, number by number, and zeros
// for tokens that are not there. What float16 cannot hold becomes its largest number.
func PackKeys(keys []float32, t DType, tokens, heads, head int) Tensor {
	to := NewPackedKeys(t, tokens, heads, head)
	switch d := to.data.(type) {
	case []float32:
		kernels.PackKeys(d, keys, tokens, heads, head)
	case []uint16:
		kernels.PackKeys(d, keys, tokens, heads, head)
	}
	return to
}

// PackValues lays values [tokens, heads, head] out as [heads, tokens, PackedHead].
func PackValues(values []float32, t DType, tokens, heads, head int) Tensor {
	to := NewPackedValues(t, tokens, heads, head)
	switch d := to.data.(type) {
	case []float32:
		kernels.PackValues(d, values, tokens, heads, head)
	case []uint16:
		kernels.PackValues(d, values, tokens, heads, head)
	}
	return to
}
