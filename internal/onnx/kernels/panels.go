package kernels

// #include "kernels.h"
import "C"

import (
	"encoding/binary"
	"math"
)

// A Format is how the weights of a [Product] are kept, and what its rows are rounded to.
type Format int

// The formats.
const (
	Float32  Format = C.FP32
	BFloat16 Format = C.BF16
	Int8     Format = C.INT8 // as bytes around [ZeroPoint], a scale an output
)

// ZeroPoint is the byte that stands for 0 among weights of [Int8].
const ZeroPoint = 128

// PerUnit is how many numbers of a row are multiplied together, in a unit of 32 bits.
func (f Format) PerUnit() int { return [...]int{Float32: 1, BFloat16: 2, Int8: 4}[f] }

// PanelShape is the shape of a matrix [out, in] in panels, [ceil(out/16), units, 16] of
// [Float32]; of [BFloat16] and [Int8] a unit has two and four numbers, on a fourth axis.
func PanelShape(f Format, out, in int) []int64 {
	per := f.PerUnit()
	shape := []int64{int64(Padded(out) / Lanes), int64((in + per - 1) / per), Lanes}
	if per > 1 {
		shape = append(shape, int64(per))
	}
	return shape
}

// Panels lays w [out, in] out for a [Product], little-endian: a panel has 16 rows side by
// side, unit by unit, and zeros for rows and numbers that are not there. [Float32] keeps
// numbers as they are; [BFloat16] rounds them, to even between two. For [Int8], scales has
// one for each row, and a number becomes ZeroPoint and how many scales it is.
func Panels(f Format, w []float32, in int, scales []float32) []byte {
	out, per := 0, f.PerUnit()
	if in > 0 {
		out = len(w) / in
	}
	size := 4 / per
	unit := Lanes * 4
	deep := (in + per - 1) / per
	to := make([]byte, Padded(out)/Lanes*deep*unit)
	for o := range out {
		row, at := w[o*in:][:in], to[o/Lanes*deep*unit+o%Lanes*per*size:]
		switch f {
		case Float32:
			for i, v := range row {
				binary.LittleEndian.PutUint32(at[i*unit:], math.Float32bits(v))
			}
		case BFloat16:
			for i, v := range row {
				binary.LittleEndian.PutUint16(at[i/2*unit+i%2*2:], bfloat16(v))
			}
		case Int8:
			one := 0.0 // in scales
			if scales[o] > 0 {
				one = 1 / float64(scales[o])
			}
			for i, v := range row {
				const magic = 3 << 51 // added, it rounds to a whole number, to even between two
				at[i/4*unit+i%4] = byte(ZeroPoint + int64(float64(v)*one+magic-magic))
			}
		}
	}
	return to
}

// bfloat16 rounds v to the nearest, to even between two.
func bfloat16(v float32) uint16 {
	bits := math.Float32bits(v)
	if v != v {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
