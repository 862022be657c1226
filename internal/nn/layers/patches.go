package layers

import (
	"math"

	"videoqa/internal/onnx"
)

// A PatchEmbedding is how the pixels of pictures of one size become a vision tower's
// first tokens: a class token and the patches, row by row, with their positions. The
// normalisation of pixels is part of it. All of it goes into the graph itself.
type PatchEmbedding struct {
	side, high, wide, width int // side of a patch in pixels; patches of a picture; values of a token

	patch    []float32 // [width, side*side*3], for pixels 0..255 in rows of RGB
	position []float32 // [high*wide, width], with what normalisation subtracts
	class    []float32 // [width], class token and its position
}

// PatchWeights are a checkpoint's tensors for patches of Side pixels, in the position
// grid of Grid x Grid patches that the model was trained with.
//
//	Patch  [width, 3, Side, Side]   Bias  [width], nil for none   Positions  [1 + Grid*Grid, width]   Class  [width]
type PatchWeights struct {
	Side, Grid                    int
	Patch, Bias, Positions, Class []float32
}

// Embed prepares the embedding for pictures of high x wide patches.
//
// A byte b of channel c means b·scale[c] + shift[c], so a patch's embedding is
// sum w·(b·scale + shift) = sum (w·scale)·b + sum w·shift: the last term is the
// same for every patch and moves into the positions, as the bias does. Nothing is lost
// at the borders, because a patch has no padding.
func (p PatchWeights) Embed(scale, shift [3]float64, high, wide int) PatchEmbedding {
	width, area := len(p.Class), p.Side*p.Side
	e := PatchEmbedding{
		side: p.Side, high: high, wide: wide, width: width,
		patch:    make([]float32, len(p.Patch)),
		position: make([]float32, high*wide*width),
		class:    make([]float32, width),
	}
	offset := make([]float64, width)
	for o := range width {
		for c := range 3 {
			for i := range area {
				w := float64(p.Patch[(o*3+c)*area+i])
				e.patch[(o*area+i)*3+c] = float32(w * scale[c])
				offset[o] += w * shift[c]
			}
		}
		if p.Bias != nil {
			offset[o] += float64(p.Bias[o])
		}
		e.class[o] = p.Class[o] + p.Positions[o]
	}
	for i, v := range interpolate(p.Positions[width:], p.Grid, width, high, wide) {
		e.position[i] = float32(v + offset[i%width])
	}
	return e
}

// Tokens is how many tokens a picture becomes: its class and its patches.
func (e PatchEmbedding) Tokens() int { return e.high*e.wide + 1 }

// Patches cuts pictures into patches and embeds them with their positions.
//
//	pixels [pictures, high*side, wide*side, 3] uint8, an input  ->  [pictures, tokens, width]
func (b Builder) Patches(g *onnx.Graph, e PatchEmbedding, pictures int) onnx.Value {
	p, w := e.side, e.width
	x := g.Input("pixels", onnx.Uint8, pictures, e.high*p, e.wide*p, 3)
	x = g.Reshape("rows", x, pictures*e.high, p, e.wide, p*3)
	x = g.Transpose("side by side", x, 0, 2, 1, 3)
	x = g.Reshape("list", x, pictures*e.high*e.wide, p*p*3)
	x = g.Cast("float", x, onnx.Float)
	if b.Form.Panelled() {
		patch := onnx.Layer{Weight: g.ConstantPanels("weight", e.patch, p*p*3), Bias: g.Constant("none", make([]float32, w), int64(w))}
		x = g.Product("embed", x, patch, onnx.NoActivation)
	} else {
		x = g.Gemm("embed", x, g.Constant("weight", e.patch, int64(w), int64(p*p*3)), onnx.Value{})
	}
	x = g.Reshape("frames", x, pictures, e.high*e.wide, w)
	x = g.Add("positions", x, g.Constant("position", e.position, int64(e.high*e.wide), int64(w)))
	class := make([]float32, 0, pictures*w)
	for range pictures {
		class = append(class, e.class...)
	}
	return g.Concat("tokens", 1, g.Constant("class", class, int64(pictures), 1, int64(w)), x)
}

// interpolate resizes a square grid of position embeddings [grid*grid, width] to
// [high*wide, width] as torch's interpolate(mode="bicubic", align_corners=False)
// does: cubic convolution with a = -0.75, edges repeated, no antialiasing. The
// same size gives the same values.
func interpolate(from []float32, grid, width, high, wide int) []float64 {
	rows, columns := cubic(grid, high), cubic(grid, wide)
	out := make([]float64, high*wide*width)
	for y, r := range rows {
		for x, c := range columns {
			to := out[(y*wide+x)*width:][:width]
			for _, i := range r {
				for _, j := range c {
					w := i.weight * j.weight
					if w == 0 {
						continue
					}
					for k, v := range from[(i.at*grid+j.at)*width:][:width] {
						to[k] += w * float64(v)
					}
				}
			}
		}
	}
	return out
}

// A tap is one source sample of a resized one.
type tap struct {
	at     int
	weight float64
}

// cubic gives the four taps of each of n samples spread over m.
func cubic(m, n int) [][4]tap {
	const a = -0.75
	near := func(x float64) float64 { return ((a+2)*x-(a+3))*x*x + 1 }  // |x| <= 1
	far := func(x float64) float64 { return ((a*x-5*a)*x+8*a)*x - 4*a } // 1 < |x| < 2
	out := make([][4]tap, n)
	for i := range out {
		at := (float64(i)+0.5)*float64(m)/float64(n) - 0.5
		first := math.Floor(at)
		t := at - first
		for k, w := range [4]float64{far(t + 1), near(t), near(1 - t), far(2 - t)} {
			out[i][k] = tap{min(max(int(first)-1+k, 0), m-1), w}
		}
	}
	return out
}
