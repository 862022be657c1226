// Package detector tells pictures that are like those a model was trained on from others,
// for any family of models whose pictures become tokens.
//
//	d, err := detector.Read(tensors, width)
//	p := d.InDistribution(features) // of a clip's pictures
package detector

import (
	"encoding/binary"
	"fmt"
	"math"
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

// Digested lists what of d makes one model another, as part of the model's digest: its
// layers. Without a detector that is nothing.
func (d *Detector) Digested() [][]byte {
	if d == nil {
		return nil
	}
	var parts [][]byte
	for _, l := range []Layer{d.Token, d.Pooled, d.Output} {
		parts = append(parts, fmt.Appendf(nil, "layer %d %d", l.Out, l.In), bytesOf(l.Weight), bytesOf(l.Bias))
	}
	return parts
}

// bytesOf are x as little-endian float32.
func bytesOf(x []float32) []byte {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// InDistribution is the probability that a clip's pictures are like those that the model
// was trained on. pictures holds the tokens of each, [tokens, width] values. Without a
// detector it is 1.
func (d *Detector) InDistribution(pictures [][]float32) float64 {
	if d == nil {
		return 1
	}
	var sum float64
	for _, tokens := range pictures {
		sum += float64(d.detect(tokens))
	}
	return 1 / (1 + math.Exp(-sum/float64(len(pictures))))
}

// detect is the detector's z of one picture.
func (d *Detector) detect(tokens []float32) float32 {
	n, width := d.Token.Out, d.Token.In
	count := len(tokens) / width
	pooled, token := make([]float32, 2*n), make([]float32, n)
	mean, most := pooled[:n], pooled[n:]
	for i := range count {
		d.Token.apply(tokens[i*width:][:width], token)
		for k, t := range token {
			t = max(0, t)
			mean[k] += t / float32(count)
			most[k] = max(most[k], t) // which begins at 0, as small as t can be
		}
	}
	hidden, z := make([]float32, d.Pooled.Out), make([]float32, 1)
	d.Pooled.apply(pooled, hidden)
	for k, h := range hidden {
		hidden[k] = max(0, h)
	}
	d.Output.apply(hidden, z)
	return z[0]
}

// apply sets out to the layer's sums over in.
func (l Layer) apply(in, out []float32) {
	for o := range out {
		sum := l.Bias[o]
		for i, w := range l.Weight[o*l.In:][:l.In] {
			sum += w * in[i]
		}
		out[o] = sum
	}
}
