package temporal

import (
	"math/bits"
	"slices"
	"sort"
)

// Uniform returns which n frames stand for the span [from, to): with
// t_i = from + (i + 1/2) * (to - from) / n, the frame shown at t_i, which is the
// last that starts at or before it. A frame wanted twice is replaced by the
// nearest one still unused (the earlier of two equally near), so the result
// holds min(n, frames shown in the span) distinct indices in time order.
//
//	pts       start of each shown frame, ascending and distinct, in ticks
//	from, to  the span in the same ticks; a whole clip is pts[0] and the last pts + its duration
//
// It returns nil where nothing is shown: no frames, n < 1, an empty span, or a
// span that ends before the first frame. Comparisons are exact for any ticks.
func Uniform(pts []int64, from, to int64, n int) []int {
	lo, hi := Window(pts, from, to)
	if n < 1 || lo >= hi {
		return nil
	}
	if hi-lo <= n {
		return span(lo, hi)
	}
	used := make(map[int]bool, n)
	var repeats []int // the i whose frame was taken already
	for i := range n {
		k := shownAt(pts[lo:hi], from, to, i, n) + lo
		if used[k] {
			repeats = append(repeats, i)
			continue
		}
		used[k] = true
	}
	for _, i := range repeats {
		used[nearestUnused(pts, lo, hi, used, from, to, i, n)] = true
	}
	picks := make([]int, 0, n)
	for k := range used {
		picks = append(picks, k)
	}
	slices.Sort(picks)
	return picks
}

// Window returns the half-open range of the frames shown during [from, to): the
// one on screen at from, and those that start before to. pts are ascending.
func Window(pts []int64, from, to int64) (lo, hi int) {
	if from >= to {
		return 0, 0
	}
	hi = sort.Search(len(pts), func(k int) bool { return pts[k] >= to })
	lo = sort.Search(hi, func(k int) bool { return pts[k] > from })
	return max(0, lo-1), hi
}

func span(lo, hi int) []int {
	all := make([]int, hi-lo)
	for i := range all {
		all[i] = lo + i
	}
	return all
}

// shownAt returns the last frame that starts at or before t_i, or the first one
// if even that starts later.
func shownAt(pts []int64, from, to int64, i, n int) int {
	after := sort.Search(len(pts), func(k int) bool { return compare(pts[k], from, to, i, n) > 0 })
	return max(0, after-1)
}

// compare returns the sign of p - t_i, that is of 2n(p-from) - (2i+1)(to-from),
// in 128 bits.
func compare(p, from, to int64, i, n int) int {
	if p < from {
		return -1
	}
	ahi, alo := bits.Mul64(uint64(p-from), 2*uint64(n))
	bhi, blo := bits.Mul64(uint64(to-from), 2*uint64(i)+1)
	return compare128(ahi, alo, bhi, blo)
}

func compare128(ahi, alo, bhi, blo uint64) int {
	switch {
	case ahi != bhi && ahi < bhi, ahi == bhi && alo < blo:
		return -1
	case ahi == bhi && alo == blo:
		return 0
	}
	return 1
}

// nearestUnused looks outwards from t_i for the closest frame of [lo, hi) that is
// not in used. One exists, because fewer than hi-lo are.
func nearestUnused(pts []int64, lo, hi int, used map[int]bool, from, to int64, i, n int) int {
	right := shownAt(pts[lo:hi], from, to, i, n) + lo + 1
	left := right - 1
	for left >= lo && used[left] {
		left--
	}
	for right < hi && used[right] {
		right++
	}
	if left < lo || right < hi && nearer(pts[right], pts[left], from, to, i, n) {
		return right
	}
	return left
}

// nearer reports whether a, after t_i, is closer to t_i than b, before it: whether
// a + b - 2 t_i < 0, times n and shifted by from to stay in whole numbers.
func nearer(a, b, from, to int64, i, n int) bool {
	sum := a - from + b - from
	if sum < 0 {
		return true
	}
	ahi, alo := bits.Mul64(uint64(sum), uint64(n))
	bhi, blo := bits.Mul64(uint64(to-from), 2*uint64(i)+1)
	return compare128(ahi, alo, bhi, blo) < 0
}
