package kernels

// #include "kernel.h"
import "C"

import "unsafe"

// A SelfAttention is softmax(q·kᵀ/sqrt(Head))·v by heads, every token of a batch looking at
// all its tokens.
type SelfAttention struct {
	QKV                        []float32 // [Batch, Tokens, 3, Heads, Head], not scaled
	Out                        []float32 // [Batch, Tokens, Heads, Head]
	Batch, Tokens, Heads, Head int
	BFloat16                   bool // queries, keys, values and the weights of values are rounded to bfloat16
}

// Run computes Out.
func (l SelfAttention) Run() error {
	var p pinner
	defer p.Unpin()
	c := C.struct_self_attention{
		qkv: p.floats("QKV", l.QKV, l.Batch, l.Tokens, 3, l.Heads, l.Head), out: p.floats("Out", l.Out, l.Batch, l.Tokens, l.Heads, l.Head),
		batch: C.int64_t(l.Batch), tokens: C.int64_t(l.Tokens), heads: C.int64_t(l.Heads), head: C.int64_t(l.Head), kind: C.FLOATS,
	}
	if l.BFloat16 {
		c.kind = C.PAIRS
	}
	const line = 64 / 4 // floats, which the workspace is aligned to
	room := make([]float32, C.self_attention_room(&c)/4+line)
	aligned := room[-int(uintptr(unsafe.Pointer(&room[0]))/4)&(line-1):]
	c.room = slice(&p, "workspace", aligned, len(aligned))
	if err := run(C.pack_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_pack_tokens(&c, task) }); err != nil {
		return err
	}
	return run(C.query_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_attend_self(&c, task) })
}

// A PrefixAttention is attention of Questions·Words rows to Tokens packed keys and values,
// which all rows share, and to the Past+Words words of each question's own.
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
}

// Run computes Out, NewKeys and NewValues.
func (l PrefixAttention[T]) Run() error {
	var p pinner
	defer p.Unpin()
	own := l.Past + l.Words
	c := C.struct_attention{
		qkv: p.floats("QKV", l.QKV, l.Questions, l.Words, 3, l.Heads, l.Head), mask: p.floats("Mask", l.Mask, l.Questions, l.Words, own),
		keys: slice(&p, "Keys", l.Keys, l.Heads, Padded(l.Tokens), l.Head), values: slice(&p, "Values", l.Values, l.Heads, l.Tokens, Padded(l.Head)),
		old_keys: p.floats("PastKeys", l.PastKeys, l.Heads, l.Questions, l.Past, l.Head), old_values: p.floats("PastValues", l.PastValues, l.Heads, l.Questions, l.Past, l.Head),
		out:      p.floats("Out", l.Out, l.Questions, l.Words, l.Heads, l.Head),
		new_keys: p.floats("NewKeys", l.NewKeys, l.Heads, l.Questions, own, l.Head), new_values: p.floats("NewValues", l.NewValues, l.Heads, l.Questions, own, l.Head),
		questions: C.int64_t(l.Questions), words: C.int64_t(l.Words), past: C.int64_t(l.Past), tokens: C.int64_t(l.Tokens), heads: C.int64_t(l.Heads), head: C.int64_t(l.Head),
		half: half[T](),
	}
	return run(C.videoqa_attention_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_attend(&c, task) })
}
