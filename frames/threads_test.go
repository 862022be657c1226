package frames_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"videoqa/frames"
)

// Pictures that are decoded several at a time may come out before libavcodec knows
// that they are damaged. Where they claim to be whole, so must one at a time, and
// each that this gives as it was encoded must be the same. (Damage that still
// parses is noticed by neither, and may look different in each.)
func TestSeveralPicturesAtATimeHideNoDamage(t *testing.T) {
	r, all := rand.New(rand.NewPCG(5, 8)), goldens(t)
	for _, name := range []string{"cfr.mp4", "b-pyramid.mp4", "one-gop.mkv", "open-gop-h264.ts", "hevc.mkv", "hevc.ts", "open-gop-hevc.mp4", "interlaced.mp4", "intra-refresh.mp4"} {
		t.Run(name, func(t *testing.T) {
			for range 40 {
				data := flipped(clip(t, name), r)
				x, err := frames.Open(t.Context(), bytes.NewReader(data), int64(len(data)), frames.Upload())
				if err != nil {
					continue
				}
				ks := some(x.Frames(), r)
				several, one := sums{of: map[int]string{}}, sums{of: map[int]string{}}
				if ok, err := x.Whole(t.Context(), bytes.NewReader(data), ks, true, several.see); err != nil || !ok {
					continue
				}
				if ok, err := x.Whole(t.Context(), bytes.NewReader(data), ks, false, one.see); err != nil || !ok {
					t.Errorf("frames %v are whole only if several are decoded at a time; %v", ks, err)
				}
				for _, k := range ks {
					if want := all[name].Frames[k].sum; one.of[k] == want && several.of[k] != want {
						t.Errorf("frame %d has planes %s; want %s", k, several.of[k], want)
					}
				}
			}
		})
	}
}

// flipped returns data with a few bits of its middle the other way round.
func flipped(data []byte, r *rand.Rand) []byte {
	data = bytes.Clone(data)
	for range 1 + r.IntN(4) {
		data[len(data)/8+r.IntN(len(data)*3/4)] ^= byte(1 << r.IntN(8))
	}
	return data
}

// some returns about a quarter of the numbers below n.
func some(n int, r *rand.Rand) (ks []int) {
	for k := range n {
		if r.IntN(4) == 0 {
			ks = append(ks, k)
		}
	}
	return ks
}
