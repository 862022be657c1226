package bitstream

import (
	"encoding/binary"
	"math/big"
)

// InvalidApertures finds the boxes clap of an MP4 file, which cut off what is not to be
// shown, that make no sense: FFmpeg 7.1 refuses the whole file for one, and later ones
// pass over it. The places are those of the boxes' kinds.
func (f File) InvalidApertures() (places []int64) {
	f.within(0, f.Size, []string{"moov", "trak", "mdia", "minf", "stbl", "stsd"}, func(from, to int64) {
		f.eachBox(from+8, to, func(_ string, from, to int64) bool { // after version, flags and count
			const visual = 78 // bytes of a sample entry before its boxes
			entry := make([]byte, visual)
			if to-from < visual || !f.read(entry, from) {
				return true
			}
			width, height := binary.BigEndian.Uint16(entry[24:]), binary.BigEndian.Uint16(entry[26:])
			f.eachBox(from+visual, to, func(kind string, from, to int64) bool {
				box := make([]byte, 32)
				if kind == "clap" && (to-from < 32 || !f.read(box, from) || !isAperture(box, width, height)) {
					places = append(places, from-4)
				}
				return true
			})
			return true
		})
	})
	return places
}

// isAperture reports whether a box clap (ISO/IEC 14496-12, 12.1.4) cuts a part out of a
// picture, as mov_read_clap of FFmpeg's later releases has it.
func isAperture(box []byte, width, height uint16) bool {
	var length, offset [2]*big.Rat
	for i := range 2 {
		var ok1, ok2 bool
		length[i], ok1 = ratio(box[8*i:])
		offset[i], ok2 = ratio(box[16+8*i:])
		if !ok1 || !ok2 || length[i].Sign() < 0 {
			return false
		}
	}
	return isPart(length[0], offset[0], int64(width)) && isPart(length[1], offset[1], int64(height))
}

// isPart reports whether a stretch of some length lies within size, where the middles of
// both are an offset apart, and has a whole pixel.
func isPart(length, offset *big.Rat, size int64) bool {
	if size == 0 || length.Cmp(big.NewRat(size, 1)) > 0 {
		return false
	}
	half := new(big.Rat).Mul(new(big.Rat).Sub(length, big.NewRat(1, 1)), big.NewRat(1, 2))
	middle := new(big.Rat).Add(big.NewRat(size-1, 2), offset)
	first, last := whole(new(big.Rat).Sub(middle, half)), whole(new(big.Rat).Add(middle, half))
	return first >= 0 && last >= 0 && last <= size-1 && first+size-1-last < size
}

// ratio reads two 32-bit numbers; it is not ok where they are no number.
func ratio(data []byte) (*big.Rat, bool) {
	n, d := int32(binary.BigEndian.Uint32(data)), int32(binary.BigEndian.Uint32(data[4:]))
	if d <= 0 {
		return nil, false
	}
	return big.NewRat(int64(n), int64(d)), true
}

// whole rounds towards zero, and to -1 what is -1 or less.
func whole(r *big.Rat) int64 {
	if r.Cmp(big.NewRat(-1, 1)) <= 0 {
		return -1
	}
	return new(big.Int).Quo(r.Num(), r.Denom()).Int64()
}
