package weights

import (
	"encoding/binary"
	"math"
	"slices"

	"videoqa/internal/onnx"
)

// farthest is the byte's step that the largest weight of a row or block is
// rounded to; -128 is not used, so that rounding is symmetric.
const farthest = 127

// middle is the byte that stands for 0 in blocks.
const middle = 128

// blockSize is how many weights of a row share a scale: the largest power of two
// from 16 to 128 that divides the row. Twice as many take 3 to 9 % less time at
// GIT-base's sizes, a quarter of them up to 35 % more.
func blockSize(in int) int {
	size := 128
	for size > 16 && in%size != 0 {
		size /= 2
	}
	return size
}

// blocksOf is how many blocks a row of in weights is, the last one filled up.
func blocksOf(in int) int { return (in + blockSize(in) - 1) / blockSize(in) }

// inPanels lays w [out, in] out in a form of our own products.
func inPanels(f Form, w []float32, in int) []byte {
	var scales []float32
	if f == Int8Panels {
		for row := range slices.Chunk(w, in) {
			scales = append(scales, scaleOf(row))
		}
	}
	return onnx.Panels(f.panelled(), w, in, scales)
}

// rowScales are those of w's rows in Int8Panels, little-endian float32.
func rowScales(w []float32, in int) []byte { return scalesOf(w, in, in) }

// blockBytes rounds w [out, in] to bytes [out, blocks, size] around middle, each block
// with its scale of blockScales. Beyond the end of a row lies 0.
func blockBytes(w []float32, in int) []byte {
	size, whole := blockSize(in), blocksOf(in)*blockSize(in)
	q := make([]byte, len(w)/in*whole)
	for to := q; len(w) > 0; w, to = w[in:], to[whole:] {
		for from := 0; from < whole; from += size {
			block, bytes := w[from:min(from+size, in)], to[from:][:size]
			one := steps(scaleOf(block))
			for i, v := range block {
				bytes[i] = byte(middle + int(step(v, one)))
			}
			for i := len(block); i < size; i++ {
				bytes[i] = middle
			}
		}
	}
	return q
}

// blockScales are those of w's blocks, little-endian float32.
func blockScales(w []float32, in int) []byte { return scalesOf(w, in, blockSize(in)) }

// scalesOf are the scales of every size weights of each row of w.
func scalesOf(w []float32, in, size int) []byte {
	var out []byte
	for ; len(w) > 0; w = w[in:] {
		for from := 0; from < in; from += size {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(scaleOf(w[from:min(from+size, in)])))
		}
	}
	return out
}

// scaleOf is what a step of one means among weights that share a scale; 0 if all
// of them are.
func scaleOf(w []float32) float32 {
	var most uint32 // magnitudes are ordered as their bits
	for _, v := range w {
		most = max(most, math.Float32bits(v)&^(1<<31))
	}
	return math.Float32frombits(most) / farthest
}

// steps is how many steps of scale 1 is, 0 if a step means nothing.
func steps(scale float32) float64 {
	if scale == 0 {
		return 0
	}
	return 1 / float64(scale)
}

// step is v in steps, of which 1 has so many, rounded to the nearest and ties to even.
// It is never farther than farthest, though a scale may itself be rounded down.
func step(v float32, one float64) int64 {
	const magic = 3 << 51 // added, it rounds to a whole number
	return min(max(int64(float64(v)*one+magic-magic), -farthest), farthest)
}
