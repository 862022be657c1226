package prepare

import "math"

// weightBits is the fixed point of a weight: 32 bits less 8 for the sample and 2
// for the overshoot of a negative lobe and the sign.
const weightBits = 32 - 8 - 2

// A kernel holds, for each wanted output position along one axis, the source
// positions that it is the weighted mean of.
type kernel struct {
	first   []int      // the first source position of each output
	weights [][]uint64 // of each output, in order from first: signed, in units of 2^-weightBits
	copies  bool       // every output is one source position, unchanged
}

// newKernel gives the kernel of outputs lo to hi when an axis of in samples is
// resized to out. The order of the floating-point operations is Pillow's
// (src/libImaging/Resample.c, precompute_coeffs), and each product is rounded by
// itself on every architecture, because a last bit here can move a weight.
func newKernel(in, out, lo, hi int, f Filter) kernel {
	k := kernel{first: make([]int, hi-lo), weights: make([][]uint64, hi-lo), copies: in == out}
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	radius := float64(f.radius() * stretch)
	window := make([]float64, 0, 2*int(math.Ceil(radius))+1)
	slab := make([]uint64, (hi-lo)*cap(window)) // one allocation for all weights
	for i := range hi - lo {
		if k.copies {
			k.first[i], k.weights[i] = lo+i, slab[:1]
			continue
		}
		centre := float64((float64(lo+i) + 0.5) * scale)
		first := max(int(centre-radius+0.5), 0)
		last := min(int(centre+radius+0.5), in)
		window = window[:0]
		sum := 0.0
		for x := first; x < last; x++ {
			w := f.at(float64((float64(x) - centre + 0.5) * (1 / stretch)))
			window = append(window, w)
			sum += w
		}
		k.first[i], k.weights[i] = first, slab[:len(window):len(window)]
		slab = slab[len(window):]
		fix(k.weights[i], window, sum)
	}
	return k
}

// fix sets weights to the window's shares of sum in fixed point, rounded half
// away from zero.
func fix(weights []uint64, window []float64, sum float64) {
	for i, w := range window {
		if sum != 0 {
			w /= sum
		}
		weights[i] = uint64(int64(float64(w*(1<<weightBits)) + math.Copysign(0.5, w)))
	}
}

// span gives the source positions that the kernel reads: from top up to bottom.
func (k kernel) span() (top, bottom int) {
	last := len(k.first) - 1
	return k.first[0], k.first[last] + len(k.weights[last])
}

// from gives the kernel for a picture that begins at the source position origin.
func (k kernel) from(origin int) kernel {
	first := make([]int, len(k.first))
	for i, x := range k.first {
		first[i] = x - origin
	}
	k.first = first
	return k
}

// radius is the kernel's reach at scale 1, in source positions.
func (f Filter) radius() float64 {
	if f == Bicubic {
		return 2
	}
	return 1
}

// at is the kernel's value at distance x from its centre (R. Keys, "Cubic
// convolution interpolation for digital image processing", 1981, with a = -1/2).
func (f Filter) at(x float64) float64 {
	x = math.Abs(x)
	if f == Bilinear {
		return max(1-x, 0)
	}
	const a = -0.5
	switch {
	case x < 1:
		return float64(float64((float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return float64((float64((float64((x-5)*x)+8)*x) - 4) * a)
	}
	return 0
}
