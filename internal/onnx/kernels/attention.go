package kernels

// #include "kernels.h"
import "C"

import "unsafe"

// A Bias is added to the scores of attention, before softmax. Data is [batch or 1, heads or
// 1, tokens or 1, tokens]: what an axis of 1 has is for all. -Inf hides a key; a row of
// which all keys are hidden has no result (NaN).
type Bias struct {
	Data                  []float32
	Batch, Heads, Queries bool // whether each axis is there, instead of 1
}

// A SelfAttention is softmax(q·kᵀ·scale + bias)·v by heads, every token of a sequence
// looking at all its tokens.
type SelfAttention struct {
	QKV                        []float32 // [Batch, Tokens, 3, Heads, Head], not scaled
	Out                        []float32 // [Batch, Tokens, Heads, Head]
	Bias                       Bias      // no Data: there is none
	Batch, Tokens, Heads, Head int
	Scale                      float32 // 0: 1/sqrt(Head)
	BFloat16                   bool    // queries, keys, values and the weights of values are rounded to bfloat16
}

// Run computes Out.
func (l SelfAttention) Run() error {
	var p pinner
	defer p.Unpin()
	c := C.struct_self_attention{
		qkv: p.floats("QKV", l.QKV, l.Batch, l.Tokens, 3, l.Heads, l.Head), out: p.floats("Out", l.Out, l.Batch, l.Tokens, l.Heads, l.Head),
		batch: C.int64_t(l.Batch), tokens: C.int64_t(l.Tokens), heads: C.int64_t(l.Heads), head: C.int64_t(l.Head), scale: C.float(l.Scale), format: C.FP32,
	}
	if l.BFloat16 {
		c.format = C.BF16
	}
	if l.Bias.Data != nil {
		c.bias = l.Bias.described(&p, l)
	}
	const line = 64 / 4 // floats, which panels are aligned to
	panels := make([]float32, C.self_attention_panels(&c)/4+line)
	panels = panels[-int(uintptr(unsafe.Pointer(&panels[0]))/4)&(line-1):]
	c.panels = slice(&p, "panels", panels, len(panels))
	if err := run(C.pack_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_pack_tokens(&c, task) }); err != nil {
		return err
	}
	return run(C.query_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_self_attention(&c, task) })
}

func (b Bias) described(p *pinner, l SelfAttention) C.struct_bias {
	var c C.struct_bias
	axis := func(there bool, n, each int, stride *C.int64_t) int {
		if !there {
			return each
		}
		*stride = C.int64_t(each)
		return n * each
	}
	n := axis(b.Batch, l.Batch, axis(b.Heads, l.Heads, axis(b.Queries, l.Tokens, l.Tokens, &c.query), &c.head), &c.batch)
	c.data = p.floats("Bias", b.Data, n)
	return c
}

// A CrossAttention is softmax(q·kᵀ·scale)·v by heads, of Rows rows to Tokens packed keys and
// values, of which there is at least one.
type CrossAttention[T Number] struct {
	Queries []float32 // [Rows, Heads, Head], not scaled
	Keys    []T       // [PackKeys] of [Tokens, Heads, Head]
	Values  []T       // [PackValues] of the same
	Out     []float32 // [Rows, Heads, Head]

	Rows, Tokens, Heads, Head int
	Scale                     float32 // 0: 1/sqrt(Head)
}

// Run computes Out.
func (l CrossAttention[T]) Run() error {
	var p pinner
	defer p.Unpin()
	if l.Tokens < 1 {
		panic("kernels: cross-attention to no tokens")
	}
	c := C.struct_cross_attention{
		queries: p.floats("Queries", l.Queries, l.Rows, l.Heads, l.Head), packed: packed(&p, l.Keys, l.Values, l.Tokens, l.Heads, l.Head),
		out: p.floats("Out", l.Out, l.Rows, l.Heads, l.Head), rows: C.int64_t(l.Rows), scale: C.float(l.Scale),
	}
	return run(C.cross_attention_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_cross_attention(&c, task) })
}

func packed[T Number](p *pinner, keys, values []T, tokens, heads, head int) C.struct_packed {
	return C.struct_packed{
		keys: slice(p, "Keys", keys, heads, Padded(tokens), head), values: slice(p, "Values", values, heads, tokens, Padded(head)),
		tokens: C.int64_t(tokens), heads: C.int64_t(heads), head: C.int64_t(head), half: half[T](),
	}
}

// A PrefixAttention is attention of Questions·Words rows to Tokens packed keys and values,
// which all rows share and of which there may be none, and to the Past+Words words of each
// question's own.
type PrefixAttention[T Number] struct {
	QKV        []float32 // [Questions, Words, 3, Heads, Head], not scaled
	Mask       []float32 // [Questions, Words, Past+Words], added to scores of words
	Keys       []T       // [PackKeys] of [Tokens, Heads, Head]
	Values     []T       // [PackValues] of the same
	PastKeys   []float32 // [Heads, Questions, Past, Head]
	PastValues []float32
	Out        []float32 // [Questions, Words, Heads, Head]
	NewKeys    []float32 // [Heads, Questions, Past+Words, Head]
	NewValues  []float32

	Questions, Words, Past, Tokens, Heads, Head int

	MaskByHead bool    // Mask is [Heads, Questions, Words, Past+Words]
	Scale      float32 // 0: 1/sqrt(Head)
}

// Run computes Out, NewKeys and NewValues.
func (l PrefixAttention[T]) Run() error {
	var p pinner
	defer p.Unpin()
	own, masks := l.Past+l.Words, 1
	if l.MaskByHead {
		masks = l.Heads
	}
	c := C.struct_prefix_attention{
		qkv: p.floats("QKV", l.QKV, l.Questions, l.Words, 3, l.Heads, l.Head), mask: p.floats("Mask", l.Mask, masks, l.Questions, l.Words, own),
		prefix:    packed(&p, l.Keys, l.Values, l.Tokens, l.Heads, l.Head),
		past_keys: p.floats("PastKeys", l.PastKeys, l.Heads, l.Questions, l.Past, l.Head), past_values: p.floats("PastValues", l.PastValues, l.Heads, l.Questions, l.Past, l.Head),
		out:      p.floats("Out", l.Out, l.Questions, l.Words, l.Heads, l.Head),
		new_keys: p.floats("NewKeys", l.NewKeys, l.Heads, l.Questions, own, l.Head), new_values: p.floats("NewValues", l.NewValues, l.Heads, l.Questions, own, l.Head),
		questions: C.int64_t(l.Questions), words: C.int64_t(l.Words), past: C.int64_t(l.Past), scale: C.float(l.Scale),
	}
	if l.MaskByHead {
		c.mask_head = C.int64_t(l.Questions * l.Words * own)
	}
	return run(C.prefix_attention_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_prefix_attention(&c, task) })
}
