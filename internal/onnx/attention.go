package onnx

import "videoqa/internal/onnx/kernels"

// SelfAttention is softmax(q·kᵀ/sqrt(head))·v by heads, every token of a batch looking
// at all its tokens. With bf16, queries, keys, values and the weights of values are
// rounded to bfloat16.
//
//	qkv [B, T, 3·heads·head]  ->  [B, T, heads·head]
func (g *Graph) SelfAttention(name string, qkv Value, heads int, bf16 bool) Value {
	return g.selfAttention(name, "SelfAttention", []Value{qkv}, heads, 0, bf16)
}

// BiasedSelfAttention is [Graph.SelfAttention] with scores of scale·q·kᵀ + bias; scale 0
// is 1/sqrt(head), and T5's is 1. Along an axis of 1, a bias is for all. -Inf hides a key, but
// a row of which all keys are hidden has no result (NaN).
//
//	qkv [B, T, 3·heads·head]  bias [B or 1, heads or 1, T or 1, T]  ->  [B, T, heads·head]
func (g *Graph) BiasedSelfAttention(name string, qkv, bias Value, heads int, scale float32, bf16 bool) Value {
	const op = "BiasedSelfAttention"
	if !g.check(len(qkv.shape) == 3 && len(bias.shape) == 4 && bias.dtype == Float, name, op, "%v with bias %v of %v", qkv.shape, bias.shape, bias.dtype) {
		return Value{}
	}
	one, most := Fixed(1), Shape{qkv.shape[0], Fixed(int64(heads)), qkv.shape[1]}
	ok := bias.shape[3] == qkv.shape[1]
	for i, n := range most {
		ok = ok && (bias.shape[i] == n || bias.shape[i] == one)
	}
	if !g.check(ok, name, op, "%d heads of %v with bias %v", heads, qkv.shape, bias.shape) {
		return Value{}
	}
	return g.selfAttention(name, op, []Value{qkv, bias}, heads, scale, bf16)
}

func (g *Graph) selfAttention(name, op string, in []Value, heads int, scale float32, bf16 bool) Value {
	if bf16 {
		op = formatPrefix[BFloat16] + op
	}
	qkv := in[0]
	if !g.check(len(qkv.shape) == 3 && qkv.dtype == Float && heads > 0, name, op, "%d heads of %v", heads, qkv.shape) {
		return Value{}
	}
	width, ok := qkv.shape[2].Static()
	if !g.check(ok && width%int64(3*heads) == 0, name, op, "%d heads of %v", heads, qkv.shape) {
		return Value{}
	}
	n := node{op: op, domain: custom, attrs: []attr{{"heads", int64(heads)}, {"scale", scale}}}
	return g.add(name, n, in, Float, Shape{qkv.shape[0], qkv.shape[1], Fixed(width / 3)})
}

// CrossAttention is softmax(scale·q·kᵀ)·v by heads, of R rows to the P tokens, at least
// one, of one sequence, whose keys and values are read where they are; scale 0 is
// 1/sqrt(head). The rows have no words of their own, unlike those of
// [Graph.PrefixAttention].
//
//	queries [R, heads·head]  not scaled
//	keys, values             float32 or float16, as [PackKeys] and [PackValues] lay them out
//	->  [R, heads·head]
//
// A row's results do not depend on the rows beside it.
func (g *Graph) CrossAttention(name string, queries, keys, values Value, scale float32) Value {
	op := prefixed("CrossAttention", keys.dtype)
	width, ok := g.packed(name, op, keys, values)
	tokens, known := Dim{}, false
	if ok {
		tokens = values.shape[1]
		_, known = tokens.Static()
	}
	ok = ok && len(queries.shape) == 2 && queries.dtype == Float && queries.shape[1] == Fixed(width) && !(known && tokens.n < 1)
	if !g.check(ok, name, op, "queries %v of %v, keys %v, values %v", queries.shape, queries.dtype, keys.shape, values.shape) {
		return Value{}
	}
	n := node{op: op, domain: custom, attrs: []attr{{"scale", scale}}}
	return g.add(name, n, []Value{queries, keys, values}, Float, Shape{queries.shape[0], Fixed(width)})
}

// packed checks keys and values as [PackKeys] and [PackValues] lay them out, and says how
// many numbers all heads have.
func (g *Graph) packed(name, op string, keys, values Value) (width int64, ok bool) {
	k, v := keys.shape, values.shape
	ok = len(k) == 4 && len(v) == 3 && keys.dtype == values.dtype && (keys.dtype == Float || keys.dtype == Half)
	if ok {
		head, known := k[2].Static()
		tokens, all := v[1].Static()
		width, _ = (Shape{k[0], k[2]}).Count().Static()
		ok = known && k[0] == v[0] && k[3] == Fixed(KeyLanes) && v[2] == Fixed(int64(kernels.Padded(int(head)))) && (!all || k[1] == Fixed(int64(KeyBlocks(int(tokens)))))
	}
	return width, g.check(ok, name, op, "keys %v of %v, values %v of %v", k, keys.dtype, v, values.dtype)
}

// PrefixAttention is attention of Q rows of S words each to the P tokens of a clip, which
// all rows share and whose keys and values are read once and never copied, and to the T
// words that each row has had before and to its own.
//
//	qkv [Q·S, 3·heads·head]          queries, keys and values, not scaled
//	mask [1 or heads, Q, S, T+S]     is added to the scores of words
//	keys, values                     of the clip, float32 or float16, as [PackKeys] and [PackValues] lay them out
//	pastKeys, pastValues [heads, Q, T, head]
//	-> out [Q·S, heads·head]  newKeys, newValues [heads, Q, T+S, head]
//
// A row's results do not depend on the rows beside it.
func (g *Graph) PrefixAttention(name string, qkv, mask, keys, values, pastKeys, pastValues Value) (out, newKeys, newValues Value) {
	return g.ScaledPrefixAttention(name, qkv, mask, keys, values, pastKeys, pastValues, 0)
}

// ScaledPrefixAttention is [Graph.PrefixAttention] with scores of scale·q·kᵀ; scale 0 is
// 1/sqrt(head), and T5's is 1. A clip of no tokens leaves a decoder's self-attention to its
// words alone.
func (g *Graph) ScaledPrefixAttention(name string, qkv, mask, keys, values, pastKeys, pastValues Value, scale float32) (out, newKeys, newValues Value) {
	op := prefixed("PrefixAttention", keys.dtype)
	width, ok := g.packed(name, op, keys, values)
	ok = ok && len(qkv.shape) == 2 && len(mask.shape) == 4 && len(pastKeys.shape) == 4 && pastValues.shape.Equal(pastKeys.shape)
	for _, v := range []Value{qkv, mask, pastKeys, pastValues} {
		ok = ok && v.dtype == Float
	}
	if ok {
		heads, head, q, s := keys.shape[0], keys.shape[2], mask.shape[1], mask.shape[2]
		ok = qkv.shape.Equal(Shape{(Shape{q, s}).Count(), Fixed(3 * width)}) && pastKeys.shape[0] == heads && pastKeys.shape[1] == q && pastKeys.shape[3] == head &&
			mask.shape[3] == pastKeys.shape[2].Plus(s) && (mask.shape[0] == Fixed(1) || mask.shape[0] == heads)
	}
	if !g.check(ok, name, op, "qkv %v, mask %v, keys %v, values %v, past %v and %v", qkv.shape, mask.shape, keys.shape, values.shape, pastKeys.shape, pastValues.shape) {
		return Value{}, Value{}, Value{}
	}
	kept := Shape{keys.shape[0], mask.shape[1], mask.shape[3], keys.shape[2]}
	n := node{op: op, domain: custom, attrs: []attr{{"scale", scale}}}
	got := g.addAll(name, n, []Value{qkv, mask, keys, values, pastKeys, pastValues}, Float, Shape{qkv.shape[0], Fixed(width)}, kept, kept)
	return got[0], got[1], got[2]
}
