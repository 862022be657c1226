package onnx

// #cgo CFLAGS: -O2 -I${SRCDIR}/kernels
// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "custom.h"
import "C"

import (
	"fmt"
	"reflect"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"videoqa/internal/onnx/kernels"
)

// Operators of our own: package kernels computes them, and custom.c is how ONNX Runtime
// calls it. They run on the CPU provider.

// custom is their domain.
const custom = "videoqa"

// KeyLanes is how many keys lie side by side in [Graph.PrefixAttention].
const KeyLanes = kernels.Lanes

// openDomain makes the process's domain in the library at path, which is loaded.
func openDomain(path string) (unsafe.Pointer, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var domain unsafe.Pointer
	if message := C.videoqa_domain(name, &domain); message != nil {
		return nil, fmt.Errorf("%s", C.GoString(message))
	}
	return domain, nil
}

// addDomain lets a session with these options run our operators.
func addDomain(o *ort.SessionOptions, domain unsafe.Pointer) error {
	options, err := pointer(o)
	if err != nil {
		return err
	}
	if err := taken(C.videoqa_add_domain(options, domain)); err != nil {
		return fmt.Errorf("add operators: %w", err)
	}
	return nil
}

// pointer is ONNX Runtime's own for o. The binding has neither custom operators nor
// weights in memory, and does not hand the pointer out, so that is read by its name.
func pointer(o *ort.SessionOptions) (unsafe.Pointer, error) {
	field := reflect.ValueOf(o).Elem().FieldByName("o")
	if field.Kind() != reflect.Pointer {
		return nil, fmt.Errorf("onnxruntime_go keeps session options elsewhere than in field o")
	}
	return field.UnsafePointer(), nil
}

// Linear is x·weightᵀ + bias for few rows: the weights are read as they lie in the data
// file, where [Graph.Gemm] has a packed copy of them.
//
//	x [M, K]  weight [N, K]  bias [N]  ->  [M, N]
func (g *Graph) Linear(name string, x, weight, bias Value) Value {
	ok := len(x.shape) == 2 && len(weight.shape) == 2 && x.shape[1] == weight.shape[1] && bias.shape.Equal(weight.shape[:1])
	if !g.check(ok && x.dtype == Float && weight.dtype == Float && bias.dtype == Float, name, "Linear", "%v of %v by weights %v of %v and bias %v", x.shape, x.dtype, weight.shape, weight.dtype, bias.shape) {
		return Value{}
	}
	return g.add(name, node{op: "Linear", domain: custom}, []Value{x, weight, bias}, Float, Shape{x.shape[0], weight.shape[0]})
}

// PrefixAttention is attention of Q rows of S words each to the P tokens of a clip, which
// all rows share and whose keys and values are read once and never copied, and to the T
// words that each row has had before and to its own.
//
//	qkv [Q·S, 3·heads·head]          queries, keys and values, not scaled
//	mask [1, Q, S, T+S]              is added to the scores of words
//	keys, values                     of the clip, float32 or float16, as [PackKeys] and [PackValues] lay them out
//	pastKeys, pastValues [heads, Q, T, head]
//	-> out [Q·S, heads·head]  newKeys, newValues [heads, Q, T+S, head]
//
// A row's results do not depend on the rows beside it.
func (g *Graph) PrefixAttention(name string, qkv, mask, keys, values, pastKeys, pastValues Value) (out, newKeys, newValues Value) {
	op := prefixed("PrefixAttention", keys.dtype)
	ok := len(qkv.shape) == 2 && len(mask.shape) == 4 && len(keys.shape) == 4 && len(values.shape) == 3 && len(pastKeys.shape) == 4 && pastValues.shape.Equal(pastKeys.shape)
	if !g.check(ok, name, op, "qkv %v, mask %v, keys %v, values %v, past %v and %v", qkv.shape, mask.shape, keys.shape, values.shape, pastKeys.shape, pastValues.shape) {
		return Value{}, Value{}, Value{}
	}
	heads, head, q, s := keys.shape[0], keys.shape[2], mask.shape[1], mask.shape[2]
	width, _ := (Shape{heads, head}).Count().Static()
	ok = qkv.shape.Equal(Shape{(Shape{q, s}).Count(), Fixed(3 * width)}) && keys.shape[3] == Fixed(KeyLanes) && values.shape[0] == heads && keys.dtype == values.dtype &&
		pastKeys.shape[0] == heads && pastKeys.shape[1] == q && pastKeys.shape[3] == head && mask.shape[3] == pastKeys.shape[2].Plus(s)
	if !g.check(ok, name, op, "qkv %v, mask %v, keys %v of %v, values %v of %v, past %v", qkv.shape, mask.shape, keys.shape, keys.dtype, values.shape, values.dtype, pastKeys.shape) {
		return Value{}, Value{}, Value{}
	}
	kept := Shape{heads, q, mask.shape[3], head}
	n := node{op: op, domain: custom}
	got := g.addAll(name, n, []Value{qkv, mask, keys, values, pastKeys, pastValues}, Float, Shape{qkv.shape[0], Fixed(width)}, kept, kept)
	return got[0], got[1], got[2]
}

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
