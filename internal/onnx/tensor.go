package onnx

import (
	"fmt"
	"slices"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"
)

// A Tensor is a slice of Go memory with a shape. It holds nothing outside Go:
// whoever made the slice owns it and may change it between runs.
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
