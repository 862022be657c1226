package checkpoint

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// A DType names how a tensor's numbers are stored, as safetensors does.
type DType string

// The types a weight may have. Others are known to the readers, so that their
// sizes can be checked, and refused by name where a weight is wanted.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
)

// size returns the bytes of one number, 0 for a type that is not known.
func (d DType) size() int64 {
	switch d {
	case F64, "I64", "U64", "C64":
		return 8
	case F32, "I32", "U32":
		return 4
	case F16, BF16, "I16", "U16":
		return 2
	case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3":
		return 1
	}
	return 0
}

// Float reports whether d is a type that a weight may have.
func (d DType) Float() bool { return d == F64 || d == F32 || d == F16 || d == BF16 }

// A Tensor is one named array of a checkpoint, row-major, little-endian.
type Tensor struct {
	Name  string
	DType DType
	Shape []int64
	Bytes []byte // borrowed: read-only, valid until the checkpoint's Close, at any alignment
}

// Len returns the number of elements; a tensor without dimensions has one.
func (t Tensor) Len() int {
	n := int64(1)
	for _, d := range t.Shape {
		n *= d
	}
	return int(n)
}

// Float32 returns the values in the tensor's order. An F32 tensor that lies at an
// address divisible by 4 is returned as it lies, without a copy: the slice is
// then borrowed like Bytes and writing to it faults. Anything else is converted
// into new memory, F64 rounding to nearest even.
func (t Tensor) Float32() []float32 {
	n := t.Len()
	if n == 0 {
		return nil
	}
	if t.DType == F32 && uintptr(unsafe.Pointer(&t.Bytes[0]))%4 == 0 {
		return unsafe.Slice((*float32)(unsafe.Pointer(&t.Bytes[0])), n)
	}
	out := make([]float32, n)
	convert(out, t.DType, t.Bytes)
	return out
}

// convert decodes len(out) numbers of type d from b. b is long enough, as every
// reader has checked.
func convert(out []float32, d DType, b []byte) {
	le := binary.LittleEndian
	switch d {
	case F64:
		for i := range out {
			out[i] = float32(math.Float64frombits(le.Uint64(b[8*i:])))
		}
	case F32:
		for i := range out {
			out[i] = math.Float32frombits(le.Uint32(b[4*i:]))
		}
	case BF16:
		for i := range out {
			out[i] = math.Float32frombits(uint32(le.Uint16(b[2*i:])) << 16)
		}
	case F16:
		for i := range out {
			out[i] = half(le.Uint16(b[2*i:]))
		}
	}
}

// half widens an IEEE 754 binary16, subnormals, infinities and NaN included.
func half(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp, frac := uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exp {
	case 0:
		v := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(v))
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
