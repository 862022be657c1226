package onnx_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"videoqa/internal/onnx"
	"videoqa/internal/onnx/kernels"
)

// What an operator of opShapes gives by package kernels, of the same inputs: float32 as they
// are, bytes and float16 beside.
type fed struct {
	x     [][]float32
	bytes [][]byte
	half  [][]uint16
}

// layer is a layer of f's inputs from i on, over rows of input 0.
func (f fed) layer(i, rows, in, out int, act kernels.Activation) kernels.Product {
	return kernels.Product{X: f.x[0], Weight: onnx.Little(f.x[i]), Bias: f.x[i+1], Y: make([]float32, rows*out), Rows: rows, In: in, Out: out, Act: act}
}

// norm is a norm of f's inputs from i on.
func (f fed) norm(i int, rms bool) *kernels.Norm {
	n := &kernels.Norm{Skip: f.x[i], Gamma: f.x[i+1], Sum: make([]float32, len(f.x[i])), Y: make([]float32, len(f.x[i])), RMS: rms}
	if n.Epsilon = 1e-6; !rms {
		n.Beta, n.Epsilon = f.x[i+2], 0
	}
	return n
}

var byKernels = map[string]func(f fed) ([][]float32, error){
	"Linear": func(f fed) ([][]float32, error) {
		k := kernels.Linear{X: f.x[0], Weight: f.x[1], Bias: f.x[2], Y: make([]float32, 3*7), Rows: 3, In: 5, Out: 7}
		return [][]float32{k.Y}, k.Run()
	},
	"Product": func(f fed) ([][]float32, error) {
		k := f.layer(1, 3, 5, 20, kernels.ReLU)
		return [][]float32{k.Y}, k.Run()
	},
	"Product of bytes": func(f fed) ([][]float32, error) {
		k := kernels.Product{X: f.x[0], Weight: f.bytes[1], Bias: f.x[2], Scales: f.x[3], Y: make([]float32, 60), Rows: 3, In: 5, Out: 20, Format: kernels.Int8, Act: kernels.GELU}
		return [][]float32{k.Y}, k.Run()
	},
	"ProductNorm": func(f fed) ([][]float32, error) {
		k := f.layer(1, 3, 5, 20, kernels.NoActivation)
		k.Norm = f.norm(3, false)
		return [][]float32{k.Norm.Y, k.Norm.Sum}, k.Run()
	},
	"ProductRMSNorm": func(f fed) ([][]float32, error) {
		k := f.layer(1, 3, 5, 20, kernels.NoActivation)
		k.Norm = f.norm(3, true)
		return [][]float32{k.Norm.Y, k.Norm.Sum}, k.Run()
	},
	"GatedProduct": func(f fed) ([][]float32, error) {
		k := kernels.Gated{Gate: f.layer(1, 3, 5, 20, kernels.TanhGELU), Linear: f.layer(3, 3, 5, 20, kernels.NoActivation)}
		return [][]float32{k.Gate.Y}, k.Run()
	},
	"MLPNorm": func(f fed) ([][]float32, error) {
		k := kernels.MLP{Up: f.layer(1, 3, 5, 20, kernels.GELU), Down: f.layer(3, 3, 20, 7, kernels.NoActivation)}
		k.Down.Norm = f.norm(5, false)
		return [][]float32{k.Down.Norm.Y, k.Down.Norm.Sum}, k.Run()
	},
	"GatedMLPRMSNorm": func(f fed) ([][]float32, error) {
		gate := f.layer(1, 3, 5, 20, kernels.GELU)
		k := kernels.MLP{Gate: &gate, Up: f.layer(3, 3, 5, 20, kernels.NoActivation), Down: f.layer(5, 3, 20, 7, kernels.NoActivation)}
		k.Down.Norm = f.norm(7, true)
		return [][]float32{k.Down.Norm.Y, k.Down.Norm.Sum}, k.Run()
	},
	"RMSNorm": func(f fed) ([][]float32, error) {
		k := kernels.RMSNorm{X: f.x[0], Gamma: f.x[1], Y: make([]float32, 15), Rows: 3, Width: 5, Epsilon: 1e-6}
		return [][]float32{k.Y}, k.Run()
	},
	"SkipRMSNorm": func(f fed) ([][]float32, error) {
		k := kernels.RMSNorm{X: f.x[0], Skip: f.x[1], Gamma: f.x[2], Y: make([]float32, 15), Sum: make([]float32, 15), Rows: 3, Width: 5, Epsilon: 1e-6}
		return [][]float32{k.Y, k.Sum}, k.Run()
	},
	"SelfAttention": func(f fed) ([][]float32, error) {
		k := kernels.SelfAttention{QKV: f.x[0], Out: make([]float32, 2*3*8), Batch: 2, Tokens: 3, Heads: 2, Head: 4}
		return [][]float32{k.Out}, k.Run()
	},
	"BiasedSelfAttention": func(f fed) ([][]float32, error) {
		k := kernels.SelfAttention{QKV: f.x[0], Out: make([]float32, 2*3*8), Bias: kernels.Bias{Data: f.x[1], Batch: true, Heads: true, Queries: true}, Batch: 2, Tokens: 3, Heads: 2, Head: 4, Scale: 1, BFloat16: true}
		return [][]float32{k.Out}, k.Run()
	},
	"CrossAttention": func(f fed) ([][]float32, error) {
		k := kernels.CrossAttention[float32]{Queries: f.x[0], Keys: f.x[1], Values: f.x[2], Out: make([]float32, 30), Rows: 3, Tokens: 17, Heads: 2, Head: 5, Scale: 1}
		return [][]float32{k.Out}, k.Run()
	},
	"CrossAttention to float16": func(f fed) ([][]float32, error) {
		k := kernels.CrossAttention[uint16]{Queries: f.x[0], Keys: f.half[1], Values: f.half[2], Out: make([]float32, 30), Rows: 3, Tokens: 2, Heads: 2, Head: 5}
		return [][]float32{k.Out}, k.Run()
	},
	"PrefixAttention": func(f fed) ([][]float32, error) {
		k := kernels.PrefixAttention[float32]{
			QKV: f.x[0], Mask: f.x[1], MaskByHead: true, Keys: f.x[2], Values: f.x[3], PastKeys: f.x[4], PastValues: f.x[5], Out: make([]float32, 60), NewKeys: make([]float32, 180), NewValues: make([]float32, 180),
			Questions: 3, Words: 2, Past: 4, Tokens: 17, Heads: 2, Head: 5, Scale: 1,
		}
		return [][]float32{k.Out, k.NewKeys, k.NewValues}, k.Run()
	},
}

// feed is random inputs of o, and what a session is fed with them.
func (o opShape) feed(rng *rand.Rand) (f fed, in onnx.Feed) {
	in = onnx.Feed{}
	for i, dims := range o.lengths() {
		n := 1
		for _, length := range dims {
			n *= int(length)
		}
		x, bytes, half := randoms(rng, n), make([]byte, n), make([]uint16, n)
		for at := range n {
			bytes[at], half[at] = byte(rng.IntN(256)), uint16(rng.IntN(0x4000)) // below 2
		}
		t := onnx.Floats(x, dims...)
		switch o.in[i].DType {
		case onnx.Uint8:
			t = onnx.Bytes(bytes, dims...)
		case onnx.Half:
			t = onnx.Halves(half, dims...)
		}
		f.x, f.bytes, f.half = append(f.x, x), append(f.bytes, bytes), append(f.half, half)
		in[fmt.Sprint("i", i)] = t
	}
	return f, in
}

// An operator gives, to the bit, what its kernel gives: kernels are held to their definitions
// in their own package.
func TestOperatorsAreTheirKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	for _, o := range opShapes {
		compute := byKernels[o.name]
		if compute == nil {
			continue // packing: TestPackingIsAlikeInAGraph
		}
		t.Run(o.name, func(t *testing.T) {
			g, m, err := o.described(o.lengths())
			if err != nil {
				t.Fatal(err)
			}
			f, in := o.feed(rng)
			want, err := compute(f)
			if err != nil {
				t.Fatal(err)
			}
			out, got := onnx.Feed{}, make([][]float32, len(want))
			for i, p := range m.Ports.Outputs {
				var dims []int64
				for _, d := range p.Shape {
					n, _ := d.Static()
					dims = append(dims, n)
				}
				got[i] = make([]float32, len(want[i]))
				out[p.Name] = onnx.Floats(got[i], dims...)
			}
			if err := session(t, g, onnx.SessionConfig{Threads: 2}, func(*onnx.Graph) {}).Run(t.Context(), in, out); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("output %d is %v and on, and of the kernel %v", i, got[i][:3], want[i][:3])
				}
			}
		})
	}
}

// Norms and activations of plain graphs, of standard operators, are near those of our own.
func TestPlainRMSNormIsNearOurs(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	x, skip, gamma := randoms(rng, 3*40), randoms(rng, 3*40), randoms(rng, 40)
	var got [2][2][]float32
	for i, g := range []*onnx.Graph{onnx.NewGraph("ours"), onnx.NewPlainGraph("plain")} {
		s := session(t, g, onnx.SessionConfig{Threads: 1}, func(g *onnx.Graph) {
			w := g.Input("gamma", onnx.Float, 40)
			y, _ := g.SkipLayerNorm("skipped", g.Input("x", onnx.Float, 3, 40), onnx.Norm{Skip: g.Input("skip", onnx.Float, 3, 40), Gamma: w, RMS: true, Epsilon: 1e-6})
			g.Output("y", y)
			g.Output("z", g.RMSNorm("again", g.Relu("positive", y), w, 1e-6))
		})
		y, z := make([]float32, 120), make([]float32, 120)
		in := onnx.Feed{"x": onnx.Floats(x, 3, 40), "skip": onnx.Floats(skip, 3, 40), "gamma": onnx.Floats(gamma, 40)}
		if err := s.Run(t.Context(), in, onnx.Feed{"y": onnx.Floats(y, 3, 40), "z": onnx.Floats(z, 3, 40)}); err != nil {
			t.Fatal(err)
		}
		got[i] = [2][]float32{y, z}
	}
	for k := range 2 {
		for i, v := range got[0][k] {
			if d := v - got[1][k][i]; !(d < 1e-5 && d > -1e-5) {
				t.Fatalf("output %d, number %d: %g by our own operator, %g by standard ones", k, i, v, got[1][k][i])
			}
		}
	}
}
