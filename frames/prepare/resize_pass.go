package prepare

import (
	"encoding/binary"
	"runtime"
	"sync"
)

// Sums of bytes times weights fit 32 bits, so one 64-bit multiplication serves
// two of them: a pair holds one byte in each half, and the carry or borrow of the
// lower sum is undone by unpair.
const (
	pairHalf = uint64(1) << (weightBits - 1) // rounds the final shift to nearest
	pairInit = pairHalf | pairHalf<<32
	pairMask = uint64(0x000000ff_000000ff)
)

// unpair takes both sums of a pair back to bytes, clipped.
func unpair(sum uint64) (low, high byte) {
	l := int32(uint32(sum))
	h := int32(uint32((sum - uint64(int64(l))) >> 32))
	return clip(l >> weightBits), clip(h >> weightBits)
}

func clip(v int32) byte {
	return byte(min(max(v, 0), 255))
}

// resizeRows scales the rows top to bottom of p by k. Two rows go together, as the
// two halves of pairs.
func resizeRows(p Image, k kernel, top, bottom int) Image {
	out := Blank(len(k.first), bottom-top)
	stride, width := 3*p.Width, 3*out.Width
	left, right := k.span()
	if k.copies {
		for y := range out.Height {
			copy(out.Pix[y*width:][:width], p.Pix[(top+y)*stride+3*left:])
		}
		return out
	}
	k = k.from(left)
	inBands((out.Height+1)/2, 2*stride, func(from, to int) {
		pairs := make([][3]uint64, right-left)
		for y := 2 * from; y < min(2*to, out.Height); y += 2 {
			second := min(y+1, out.Height-1) // an odd last row is computed twice
			pairRows(pairs, p.Pix[(top+y)*stride+3*left:], p.Pix[(top+second)*stride+3*left:])
			resizeRowPair(out.Pix[y*width:][:width], out.Pix[second*width:][:width], pairs, k)
		}
	})
	return out
}

// pairRows fills pairs with the samples of two rows, three a column.
func pairRows(pairs [][3]uint64, low, high []byte) {
	low, high = low[:3*len(pairs)], high[:3*len(pairs)]
	for i := range pairs {
		a, b := low[3*i:3*i+3:3*i+3], high[3*i:3*i+3:3*i+3]
		pairs[i] = [3]uint64{
			uint64(a[0]) | uint64(b[0])<<32, uint64(a[1]) | uint64(b[1])<<32, uint64(a[2]) | uint64(b[2])<<32,
		}
	}
}

// resizeRowPair computes the two rows low and high from pairs.
func resizeRowPair(low, high []byte, pairs [][3]uint64, k kernel) {
	for i, weights := range k.weights {
		window := pairs[k.first[i]:][:len(weights)]
		r, g, b := pairInit, pairInit, pairInit
		for j, w := range weights {
			s := &window[j]
			r += s[0] * w
			g += s[1] * w
			b += s[2] * w
		}
		to, also := low[3*i:3*i+3:3*i+3], high[3*i:3*i+3:3*i+3]
		to[0], also[0] = unpair(r)
		to[1], also[1] = unpair(g)
		to[2], also[2] = unpair(b)
	}
}

// resizeColumns scales the columns left to right of p by k.
func resizeColumns(p Image, k kernel, left, right int) Image {
	out := Blank(right-left, len(k.first))
	stride, width := 3*p.Width, 3*out.Width
	inBands(out.Height, width*len(k.weights[0]), func(from, to int) {
		for y := from; y < to; y++ {
			row, src := out.Pix[y*width:][:width], p.Pix[k.first[y]*stride+3*left:]
			if k.copies {
				copy(row, src)
			} else {
				resizeColumn(row, src, stride, k.weights[y])
			}
		}
	})
	return out
}

// resizeColumn sets row to the weighted mean of the rows of src, which begin
// stride bytes apart, eight samples at a time where eight are left.
func resizeColumn(row, src []byte, stride int, weights []uint64) {
	x := 0
	for ; x+8 <= len(row); x += 8 {
		a, b, c, d := pairInit, pairInit, pairInit, pairInit
		at := x
		for _, w := range weights {
			v := binary.LittleEndian.Uint64(src[at:])
			a += (v & pairMask) * w
			b += (v >> 8 & pairMask) * w
			c += (v >> 16 & pairMask) * w
			d += (v >> 24 & pairMask) * w
			at += stride
		}
		to := row[x : x+8 : x+8]
		to[0], to[4] = unpair(a)
		to[1], to[5] = unpair(b)
		to[2], to[6] = unpair(c)
		to[3], to[7] = unpair(d)
	}
	for ; x < len(row); x++ {
		sum := pairInit
		for j, w := range weights {
			sum += uint64(src[j*stride+x]) * w
		}
		row[x], _ = unpair(sum)
	}
}

// inBands calls work on consecutive parts of 0..n, on several processors at once
// when n steps of the given cost, in samples, are worth a goroutine's start.
func inBands(n, cost int, work func(from, to int)) {
	const worthwhile = 1 << 17 // samples: some 100 µs
	parts := min(runtime.GOMAXPROCS(0), n, n*cost/worthwhile)
	if parts <= 1 {
		work(0, n)
		return
	}
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() { work(i*n/parts, (i+1)*n/parts) })
	}
	wg.Wait()
}
