package kernels

// #include "kernels.h"
import "C"

import "unsafe"

// Lanes is how many numbers are worked on at once: keys and weights are packed by so many.
const Lanes = C.LANES

// Padded is n rounded up to whole lanes.
func Padded(n int) int { return (n + Lanes - 1) / Lanes * Lanes }

// A Number is how packed keys and values are kept: as float32, or as the bits of float16.
type Number interface{ float32 | uint16 }

// PackKeys lays keys [tokens, heads, head] out as [heads, Padded(tokens)/Lanes, head,
// Lanes]: a block has the keys of 16 tokens, number by number, and zeros for tokens that
// are not there. What float16 cannot hold becomes its largest number.
func PackKeys[T Number](to []T, keys []float32, tokens, heads, head int) {
	var p pinner
	defer p.Unpin()
	c := packing(&p, to, keys, tokens, heads, head, Padded(tokens)*head)
	for h := range heads {
		C.videoqa_pack_keys(&c, C.int64_t(h))
	}
}

// PackValues lays values [tokens, heads, head] out as [heads, tokens, Padded(head)], with
// zeros behind each value.
func PackValues[T Number](to []T, values []float32, tokens, heads, head int) {
	var p pinner
	defer p.Unpin()
	c := packing(&p, to, values, tokens, heads, head, tokens*Padded(head))
	for h := range heads {
		C.videoqa_pack_values(&c, C.int64_t(h))
	}
}

// packing is what C needs to know, where each head of the result has so many numbers.
func packing[T Number](p *pinner, to []T, from []float32, tokens, heads, head, each int) C.struct_packing {
	return C.struct_packing{
		from: p.floats("from", from, tokens, heads, head), to: slice(p, "to", to, heads, each), stride: C.int64_t(heads * head),
		tokens: C.int64_t(tokens), heads: C.int64_t(heads), head: C.int64_t(head), half: half[T](),
	}
}

// half is 1 if T is float16.
func half[T Number]() C.int {
	if unsafe.Sizeof(*new(T)) == 2 {
		return 1
	}
	return 0
}
