// Package layers builds the parts that transformers are made of: it plans their
// weights, and adds their operators to a graph. It knows no family of models.
//
// A Stack describes layers of one width. [PlanAttention] and [PlanMLP] plan a layer's
// weights under names; a [Builder] finds them again by these names when it builds the
// layer.
package layers

import (
	"videoqa/internal/nn/weights"
	"videoqa/internal/onnx"
)

// A Stack is a stack of transformer layers.
type Stack struct {
	Width, Layers, Heads int
	Hidden               int // width within the MLP
	Eps                  float32
	Act                  onnx.Activation
}

// Head is the width of one attention head.
func (s Stack) Head() int { return s.Width / s.Heads }

// quick is the slope within quick_gelu. It is folded into the weights around it:
// with fc1 times quick and fc2 divided by it, x·sigmoid(quick·x) becomes
// y·sigmoid(y), for which ONNX Runtime's CPU provider has one pass instead of
// three.
const quick = 1.702

// PlanAttention plans query, key and value, one below the other, as name.qkv. from are
// the checkpoint's names of the three linear layers.
func PlanAttention(p *weights.Plan, name string, s Stack, from [3]string, forms ...weights.Form) {
	w, b := weights.Recipe{Scale: 1}, weights.Recipe{Scale: 1}
	for _, f := range from {
		w.Parts, b.Parts = append(w.Parts, f+".weight"), append(b.Parts, f+".bias")
	}
	p.Matrix(name+".qkv", s.Width, 3*s.Width, w, forms...)
	p.Add(name+".qkv.bias", b, 3*s.Width)
}

// PlanMLP plans the two layers around an activation as name.fc1 and name.fc2, with the
// slope of quick_gelu folded in.
func PlanMLP(p *weights.Plan, name string, s Stack, fc1, fc2 string, forms ...weights.Form) {
	up, down := 1.0, 1.0
	if s.Act == onnx.QuickGELU {
		up, down = quick, 1/quick
	}
	p.Linear(name+".fc1", s.Width, s.Hidden, up, fc1, forms...)
	p.Matrix(name+".fc2", s.Hidden, s.Width, weights.Recipe{Parts: []string{fc2 + ".weight"}, Scale: down}, forms...)
	p.Add(name+".fc2.bias", weights.Recipe{Parts: []string{fc2 + ".bias"}, Scale: 1}, s.Width)
}
