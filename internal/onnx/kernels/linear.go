package kernels

// #include "kernels.h"
import "C"

// A Linear is y = x·weightᵀ + bias for few rows: the weights are read as they lie in a
// checkpoint.
type Linear struct {
	X, Weight, Bias, Y []float32 // [Rows, In], [Out, In], [Out], [Rows, Out]
	Rows, In, Out      int
}

// Run computes Y.
func (l Linear) Run() error {
	var p pinner
	defer p.Unpin()
	c := C.struct_linear{
		x: p.floats("X", l.X, l.Rows, l.In), weight: p.floats("Weight", l.Weight, l.Out, l.In), bias: p.floats("Bias", l.Bias, l.Out), y: p.floats("Y", l.Y, l.Rows, l.Out),
		rows: C.int64_t(l.Rows), in: C.int64_t(l.In), out: C.int64_t(l.Out),
	}
	return run(C.linear_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_linear(&c, task) })
}
