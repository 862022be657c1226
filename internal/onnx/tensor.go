package onnx

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"
)

// A Tensor is a slice of Go memory with a shape. It holds nothing outside Go:
// the maker of the slice owns it and may change it between runs.
type Tensor struct {
	dtype DType
	shape []int64
	size  int // elements that the slice has
	data  any // []float32, []uint8, []uint16 or []int64
	first any // pointer to the first element, to pin; nil if there is none
}

// A Feed gives a session's inputs or outputs by name.
type Feed map[string]Tensor

// Floats is data as float32 of that shape; data may be longer than needed.
func Floats(data []float32, shape ...int64) Tensor { return tensor(Float, data, shape) }

// Bytes is data as uint8 of that shape; data may be longer than needed.
func Bytes(data []uint8, shape ...int64) Tensor { return tensor(Uint8, data, shape) }

// Halves is data as float16 of that shape, its bits in each number; data may be longer
// than needed.
func Halves(data []uint16, shape ...int64) Tensor { return tensor(Half, data, shape) }

// Ints is data as int64 of that shape; data may be longer than needed.
func Ints(data []int64, shape ...int64) Tensor { return tensor(Int64, data, shape) }

func tensor[T float32 | uint8 | uint16 | int64](t DType, data []T, shape []int64) Tensor {
	r := Tensor{dtype: t, shape: slices.Clone(shape), size: len(data), data: data}
	if len(data) > 0 {
		r.first = &data[0]
	}
	return r
}

// fits checks t against the port that it is for, binding the port's named
// lengths in dims.
func (t Tensor) fits(p Port, dims map[string]int64) error {
	if t.dtype != p.DType || len(t.shape) != len(p.Shape) {
		return fmt.Errorf("%s is %v of %v, want %v of %v", p.Name, t.shape, t.dtype, p.Shape, p.DType)
	}
	count := int64(1)
	for i, d := range p.Shape {
		want, static := d.Static()
		bound, known := dims[d.String()]
		switch {
		case static && t.shape[i] != want, !static && known && t.shape[i] != bound, t.shape[i] < 0:
			return fmt.Errorf("%s is %v, want %v with %v", p.Name, t.shape, p.Shape, dims)
		case !static && !known:
			dims[d.String()] = t.shape[i]
		}
		count *= t.shape[i]
	}
	if count > int64(t.size) {
		return fmt.Errorf("%s is %v but its slice has %d elements", p.Name, t.shape, t.size)
	}
	return nil
}

// value makes ONNX Runtime's handle on t's memory; the caller destroys it.
func (t Tensor) value() (ort.Value, error) {
	switch d := t.data.(type) {
	case []float32:
		return ort.NewTensor(t.shape, d)
	case []uint8:
		return ort.NewTensor(t.shape, d)
	case []int64:
		return ort.NewTensor(t.shape, d)
	case []uint16:
		n := 2 * int64(1)
		for _, length := range t.shape {
			n *= length
		}
		bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), n) // checked to be there
		return ort.NewCustomDataTensor(t.shape, bytes, ort.TensorElementDataTypeFloat16)
	}
	return nil, fmt.Errorf("no tensor was given") // the zero Tensor
}

// newTensor makes a float32 or float16 tensor of zeros.
func newTensor(t DType, dims ...int) Tensor {
	n, shape := 1, make([]int64, len(dims))
	for i, d := range dims {
		n, shape[i] = n*d, int64(d)
	}
	if t == Half {
		return Halves(make([]uint16, n), shape...)
	}
	return Floats(make([]float32, n), shape...)
}

// DType returns the type of t's elements.
func (t Tensor) DType() DType { return t.dtype }

// Shape returns t's shape; the caller must not change it.
func (t Tensor) Shape() []int64 { return t.shape }

// Bytes returns how much memory t's slice takes.
func (t Tensor) Bytes() int64 { return int64(t.size) * t.dtype.size() }

// Widened is a copy of t, float32 or float16, in float32.
func Widened(t Tensor) []float32 {
	halves, ok := t.data.([]uint16)
	if !ok {
		return slices.Clone(t.data.([]float32))
	}
	out := make([]float32, len(halves))
	for i, h := range halves {
		// The exponent is moved by a product, which is right for subnormal numbers too.
		out[i] = math.Float32frombits(uint32(h&0x7fff)<<13) * 0x1p112
		if h&0x7c00 == 0x7c00 {
			out[i] = math.Float32frombits(0x7f800000 | uint32(h&0x3ff)<<13)
		}
		if h&0x8000 != 0 {
			out[i] = -out[i]
		}
	}
	return out
}
