// Package kernels is the arithmetic that the CPU's graphs spend their time on, in C,
// for several kinds of processor. It knows nothing of ONNX Runtime: package onnx
// makes operators of it.
//
//	w := kernels.Panels(kernels.Float32, weights, in, nil)
//	err := kernels.Product{X: x, Weight: w, Bias: b, Y: y, Rows: rows, In: in, Out: out, Act: kernels.GELU}.Run()
//
// A kernel set is all of it, compiled for one kind of processor ([Sets]); the best one
// that the processor has is in use. Two laws hold for every kernel: a row's numbers do
// not depend, to the bit, on the rows that are computed beside it, and what is not a
// number stays so in its row and reaches no other.
//
// Each kernel cuts its work into tasks, which threads take in any order. The types here
// run all tasks and wait; all lengths of their slices must be as documented, else Run
// panics. README.md says how the C is laid out and how a set is added.
package kernels
