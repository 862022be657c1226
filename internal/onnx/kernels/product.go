package kernels

// #include "kernels.h"
import "C"

import "unsafe"

// An Activation is what is done to each number of a product.
type Activation int64

// The activations.
const (
	NoActivation Activation = C.NO_ACTIVATION
	QuickGELU    Activation = C.QUICK_GELU // x·sigmoid(x)
	GELU         Activation = C.GELU       // x·Φ(x), by the error function
	TanhGELU     Activation = C.TANH_GELU  // GELU by its approximation with tanh
	ReLU         Activation = C.RELU       // max(x, 0)
)

// A Product is y = act(x·weightᵀ + bias) for many rows. X is rounded as the weights are;
// to bytes, each row by itself.
type Product struct {
	X             []float32 // [Rows, In]
	Weight        []byte    // [Panels] of [Out, In]
	Bias          []float32 // [Out]
	Scales        []float32 // [Out], of Int8 only
	Y             []float32 // [Rows, Out]; not used with a Norm, whose Sum it is
	Rows, In, Out int
	Format        Format
	Act           Activation
	Norm          *Norm // of Y, unless nil
}

// A Norm is made of each row of a product's results and Skip, added up; the sum is left in
// Sum. It is LayerNorm, Gamma·(v - mean(v))/sqrt(variance(v) + Epsilon) + Beta, or RMSNorm.
type Norm struct {
	Skip, Sum, Y []float32 // [Rows, Out]
	Gamma, Beta  []float32 // [Out]
	Epsilon      float32
	RMS          bool // RMSNorm: Gamma·v/sqrt(mean(v²) + Epsilon), without Beta
}

// Run computes Y, or what Norm says.
func (l Product) Run() error {
	var p pinner
	defer p.Unpin()
	c := l.described(&p)
	c.x = slice(&p, "X", l.X, l.Rows, l.In)
	if l.Norm == nil {
		c.y = slice(&p, "Y", l.Y, l.Rows, l.Out)
	} else {
		c.norm = l.Norm.described(&p, l.Rows, l.Out)
		c.y = unsafe.Pointer(c.norm.sum)
	}
	return run(C.product_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_product(&c, task) })
}

// described is l for C, without X, Y and Norm.
func (l Product) described(p *pinner) C.struct_product {
	c := C.struct_product{
		bias: p.floats("Bias", l.Bias, l.Out), weight: slice(p, "Weight", l.Weight, Padded(l.Out), (l.In+l.Format.PerUnit()-1)/l.Format.PerUnit(), 4),
		rows: C.int64_t(l.Rows), in: C.int64_t(l.In), out: C.int64_t(l.Out), x_stride: C.int64_t(l.In), y_stride: C.int64_t(l.Out),
		format: C.int(l.Format), act: C.int(l.Act),
	}
	if l.Format == Int8 {
		c.scales = p.floats("Scales", l.Scales, l.Out)
	}
	return c
}

// described is n for C, pinned, of what a product leaves in Sum.
func (n *Norm) described(p *pinner, rows, width int) *C.struct_norm {
	c := &C.struct_norm{
		sum: p.floats("Norm.Sum", n.Sum, rows, width), skip: p.floats("Norm.Skip", n.Skip, rows, width), y: p.floats("Norm.Y", n.Y, rows, width),
		gamma: p.floats("Norm.Gamma", n.Gamma, width), width: C.int64_t(width), epsilon: C.float(n.Epsilon), kind: C.RMS_NORM,
	}
	c.x = c.sum
	if !n.RMS {
		c.kind, c.beta = C.LAYER_NORM, p.floats("Norm.Beta", n.Beta, width)
	}
	p.Pin(c)
	return c
}

// A Gated is a gated product, as T5's: y = act(x·gateᵀ + bias)·(x·linearᵀ + bias), number
// by number. Gate has X, Y and the activation; neither has a Norm.
type Gated struct{ Gate, Linear Product }

// Run computes Gate.Y.
func (l Gated) Run() error {
	var p pinner
	defer p.Unpin()
	c := l.described(&p)
	c.gate.y = slice(&p, "Gate.Y", l.Gate.Y, l.Gate.Rows, l.Gate.Out)
	return run(C.gated_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_gated(&c, task) })
}

func (l Gated) described(p *pinner) C.struct_gated {
	c := C.struct_gated{gate: l.Gate.described(p), linear: l.Linear.described(p)}
	c.gate.x = slice(p, "Gate.X", l.Gate.X, l.Gate.Rows, l.Gate.In)
	c.linear.x = c.gate.x
	return c
}

// An MLP is two layers, Down behind Up, and the norm of Down: a task has few enough rows to
// keep what lies between the two in its caches. Up.Y and Down.X are not used.
type MLP struct {
	Up, Down Product
	Gate     *Product // of a gated MLP, whose Up is the linear half; nil: there is none
}

// Run computes what Down.Norm says, which must not be nil.
func (l MLP) Run() error {
	var p pinner
	defer p.Unpin()
	c := C.struct_mlp{down: l.Down.described(&p)}
	if l.Gate == nil {
		c.up.gate = l.Up.described(&p)
		c.up.gate.x = slice(&p, "Up.X", l.Up.X, l.Up.Rows, l.Up.In)
	} else {
		c.gated, c.up = 1, Gated{*l.Gate, l.Up}.described(&p)
	}
	c.down.norm = l.Down.Norm.described(&p, l.Down.Rows, l.Down.Out)
	c.down.y = unsafe.Pointer(c.down.norm.sum)
	return run(C.mlp_tasks(&c), func(task C.int64_t) C.int { return C.videoqa_mlp(&c, task) })
}
