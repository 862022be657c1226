package gitvideo

import "math"

// An embedding is how pixels become the vision tower's first tokens, for one
// normalisation and one grid. All of it goes into the graph itself.
type embedding struct {
	patch    []float32 // [width, patch*patch*3], for pixels 0..255 in rows of RGB
	position []float32 // [high*wide, width], with what normalisation subtracts
	class    []float32 // [width], class token and its position
}

// embed prepares the embedding for pictures of high x wide patches.
//
//	weights    [width, 3, patch, patch]   positions  [1 + grid*grid, width]   class  [width]
//
// A byte b of channel c means b·scale[c] + shift[c], so a patch's embedding is
// sum w·(b·scale + shift) = sum (w·scale)·b + sum w·shift: the last term is the
// same for every patch and moves into the positions. Nothing is lost at the
// borders, because a patch has no padding.
func embed(s spec, weights, positions, class []float32, scale, shift [3]float64, high, wide int) embedding {
	width, area := s.vision.Width, s.patch*s.patch
	e := embedding{
		patch:    make([]float32, len(weights)),
		position: make([]float32, high*wide*width),
		class:    make([]float32, width),
	}
	offset := make([]float64, width)
	for o := range width {
		for c := range 3 {
			for i := range area {
				w := float64(weights[(o*3+c)*area+i])
				e.patch[(o*area+i)*3+c] = float32(w * scale[c])
				offset[o] += w * shift[c]
			}
		}
		e.class[o] = class[o] + positions[o]
	}
	for i, v := range interpolate(positions[width:], s.grid, width, high, wide) {
		e.position[i] = float32(v + offset[i%width])
	}
	return e
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
