package kernels

// #include "kernels.h"
import "C"

// An RMSNorm is Gamma·v/sqrt(mean(v²) + Epsilon) of each row v of X + Skip, as T5's norms.
type RMSNorm struct {
	X           []float32 // [Rows, Width]
	Skip        []float32 // like X; nil: v is X
	Sum         []float32 // like X: becomes v; not used without Skip
	Y           []float32 // like X
	Gamma       []float32 // [Width]
	Rows, Width int
	Epsilon     float32
}

// Run computes Y, and Sum if there is a Skip.
func (l RMSNorm) Run() error {
	var p pinner
	defer p.Unpin()
	c := C.struct_norms{rows: C.int64_t(l.Rows), norm: C.struct_norm{
		x: p.floats("X", l.X, l.Rows, l.Width), y: p.floats("Y", l.Y, l.Rows, l.Width), gamma: p.floats("Gamma", l.Gamma, l.Width),
		width: C.int64_t(l.Width), epsilon: C.float(l.Epsilon), kind: C.RMS_NORM,
	}}
	if l.Skip != nil {
		c.norm.skip, c.norm.sum = p.floats("Skip", l.Skip, l.Rows, l.Width), p.floats("Sum", l.Sum, l.Rows, l.Width)
	}
	return run(C.norms_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_norms(&c, task) })
}
