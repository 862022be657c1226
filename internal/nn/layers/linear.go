package layers

import (
	"fmt"

	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
)

// A Builder adds planned layers to graphs that read matrices in one form.
type Builder struct {
	Plan *weights.Plan
	Form weights.Form
	// FewRows says that the graph has few rows: plain matrices are read where they lie,
	// which ONNX Runtime would pack.
	FewRows bool
}

// As is b for a graph that reads matrices in that form.
func (b Builder) As(f weights.Form) Builder {
	b.Form = f
	return b
}

func (b Builder) matrix(name string) weights.Matrix { return b.Plan.In(b.Form, name) }

// Linear is a planned linear layer.
func (b Builder) Linear(g *onnx.Graph, name string, x onnx.Value) onnx.Value {
	return b.multiply(g, name, x, b.matrix(name), onnx.NoActivation)
}

// multiply is a linear layer and, behind it, an activation.
func (b Builder) multiply(g *onnx.Graph, name string, x onnx.Value, m weights.Matrix, act onnx.Activation) onnx.Value {
	switch {
	case b.Form.Panelled():
		return g.Product(name, x, b.panelled(g, m), act)
	case b.Form == weights.Int8Blocks:
		x = g.MatMulBlocks(name, x, g.Weight(m.Weight), g.Weight(m.Scales), g.Weight(m.Bias))
	case b.FewRows:
		x = g.Linear(name, x, g.Weight(m.Weight), g.Weight(m.Bias))
	default:
		x = g.Gemm(name, x, g.Weight(m.Weight), g.Weight(m.Bias))
	}
	return activate(g, name+".activation", x, act)
}

// panelled is m for a product of our own.
func (b Builder) panelled(g *onnx.Graph, m weights.Matrix) onnx.Layer {
	layer := onnx.Layer{Weight: g.Weight(m.Weight), Bias: g.Weight(m.Bias)}
	if b.Form == weights.Int8Panels {
		layer.Scales = g.Weight(m.Scales)
	}
	return layer
}

// activate is an activation by itself.
func activate(g *onnx.Graph, name string, x onnx.Value, act onnx.Activation) onnx.Value {
	switch act {
	case onnx.QuickGELU:
		return g.QuickGelu(name, x, 1)
	case onnx.TanhGELU:
		return g.FastGelu(name, x)
	case onnx.GELU:
		return g.Gelu(name, x)
	case onnx.ReLU:
		return g.Relu(name, x)
	case onnx.NoActivation:
		return x
	}
	panic(fmt.Sprintf("layers: %s: there is no operator for activation %v", name, act))
}

// LayerNorm is a planned layer norm.
func (b Builder) LayerNorm(g *onnx.Graph, name string, x onnx.Value, eps float32) onnx.Value {
	return g.LayerNorm(name, x, g.Weight(b.Plan.Ref(name+".weight")), g.Weight(b.Plan.Ref(name+".bias")), eps)
}

// SkipNorm is a planned layer norm of the sum of skip and what is computed beside it.
func (b Builder) SkipNorm(g *onnx.Graph, name string, skip onnx.Value, eps float32) onnx.Norm {
	return onnx.Norm{Skip: skip, Gamma: g.Weight(b.Plan.Ref(name + ".weight")), Beta: g.Weight(b.Plan.Ref(name + ".bias")), Epsilon: eps}
}

// LinearNorm is a planned linear layer and the norm n behind it: the norm, and the sum
// that it is of.
func (b Builder) LinearNorm(g *onnx.Graph, name string, x onnx.Value, n onnx.Norm) (norm, sum onnx.Value) {
	if b.Form.Panelled() && !b.FewRows {
		return g.ProductNorm(name, x, b.panelled(g, b.matrix(name)), n)
	}
	return g.SkipLayerNorm(name+".norm", b.Linear(g, name, x), n)
}

// MLPNorm is the planned MLP of a layer and the norm n behind it: the norm, and the
// sum that it is of.
func (b Builder) MLPNorm(g *onnx.Graph, name string, x onnx.Value, act onnx.Activation, n onnx.Norm) (norm, sum onnx.Value) {
	if b.Form.Panelled() && !b.FewRows {
		return g.MLPNorm(name, x, b.panelled(g, b.matrix(name+".fc1")), b.panelled(g, b.matrix(name+".fc2")), act, n)
	}
	return b.LinearNorm(g, name+".fc2", b.multiply(g, name+".fc1", x, b.matrix(name+".fc1"), act), n)
}

// AfterAttention is what a layer with its norms behind (BERT's order) does after
// attention a: its projection name.out, the norm name.norm1 of the sum with x, the
// MLP, the norm name.norm2 of the sum.
func (b Builder) AfterAttention(g *onnx.Graph, name string, a, x onnx.Value, s Stack) onnx.Value {
	y, _ := b.LinearNorm(g, name+".out", a, b.SkipNorm(g, name+".norm1", x, s.Eps))
	z, _ := b.MLPNorm(g, name, y, s.Act, b.SkipNorm(g, name+".norm2", y, s.Eps))
	return z
}
