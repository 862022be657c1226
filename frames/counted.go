package frames

import (
	"context"
	"io"
	"math"
	"slices"

	"github.com/asticode/go-astiav"
)

// count indexes a video whose pictures have no timestamps, as AVI's, by decoding
// all of it: the k-th picture that comes out is shown at the k-th decoding time.
func (x *Index) count(ctx context.Context, r io.ReaderAt) error {
	seen := 0
	if err := x.decodeAll(ctx, r, func(*astiav.Frame) error { seen++; return nil }); err != nil {
		return err
	}
	x.pts = x.times()
	x.pts = x.pts[:min(seen, len(x.pts))]
	if n := len(x.pts); n > 1 {
		x.end = 2*x.pts[n-1] - x.pts[n-2]
	} else if n == 1 {
		x.end = x.pts[0] + 1
	}
	return nil
}

// times returns the decoding times in order, or whole ticks if there are none.
func (x *Index) times() []int64 {
	times := make([]int64, 0, len(x.rows))
	for _, r := range x.rows {
		if r.dts != math.MinInt64 {
			times = append(times, r.dts)
		}
	}
	slices.Sort(times)
	if times = slices.Compact(times); len(times) < len(x.rows)/2 {
		times = times[:0]
		for i := range x.rows {
			times = append(times, int64(i))
		}
	}
	return times
}
