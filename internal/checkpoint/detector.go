package checkpoint

import (
	"fmt"
	"io/fs"
	"math"
	"slices"
)

// A Detector tells pictures that are like those a model was trained on from others:
// a small network over one picture's features. With f the picture's visual tokens
// [tokens, V] and relu(x) = max(0, x):
//
//	t = relu(f · Tokenᵀ + its bias)             [tokens, H]
//	p = mean of t over tokens, maximum of t     [2 H]
//	h = relu(p · Pooledᵀ + its bias)            [K]
//	z = h · Outputᵀ + its bias                  [1]
//
// The mean of z over a clip's pictures, as 1/(1+exp(-z)), is the probability that
// they are like those trained on.
type Detector struct {
	Token  Layer // [H, V]
	Pooled Layer // [K, 2 H]
	Output Layer // [1, K]
}

// A Layer is a matrix [Out, In], row by row, and its bias [Out].
type Layer struct {
	Out, In int
	Weight  []float32
	Bias    []float32
}

// readDetector reads the detector in the safetensors file called name, for visual
// tokens of width values. Its tensors are token.weight, token.bias, pooled.weight,
// pooled.bias, output.weight, output.bias.
func readDetector(fsys fs.FS, name string, width int) (*Detector, error) {
	data, err := readSmall(fsys, name)
	if err != nil {
		return nil, err
	}
	tensors, err := parseSafetensors(name, data)
	if err != nil {
		return nil, err
	}
	found := map[string]Tensor{}
	for _, t := range tensors {
		found[t.Name] = t
	}
	hidden, pooled := found["token.bias"].Len(), found["pooled.bias"].Len()
	d, wrong := &Detector{}, problems{}
	for _, l := range []struct {
		name    string
		out, in int
		into    *Layer
	}{{"token", hidden, width, &d.Token}, {"pooled", pooled, 2 * hidden, &d.Pooled}, {"output", 1, pooled, &d.Output}} {
		*l.into = Layer{
			Out: l.out, In: l.in,
			Weight: wrong.take(found, l.name+".weight", int64(l.out), int64(l.in)), Bias: wrong.take(found, l.name+".bias", int64(l.out)),
		}
	}
	for _, t := range tensors {
		if _, left := found[t.Name]; left {
			wrong.add("%s is not part of a detector", t.Name)
		}
	}
	if err := wrong.err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return d, nil
}

// take moves the values of a tensor of that shape out of found.
func (p *problems) take(found map[string]Tensor, name string, shape ...int64) []float32 {
	t, ok := found[name]
	delete(found, name)
	switch {
	case !ok:
		p.add("%s is missing", name)
	case !slices.Equal(t.Shape, shape):
		p.add("%s has shape %v, want %v", name, t.Shape, shape)
	case !t.DType.weight():
		p.add("%s is of type %s, want F32, F16, BF16 or F64", name, t.DType)
	default:
		values := t.Float32() // of memory that readSmall made, so nothing is borrowed
		if slices.ContainsFunc(values, func(x float32) bool { return math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) }) {
			p.add("%s has a value that is not finite", name)
		}
		return values
	}
	return nil
}
