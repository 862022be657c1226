package temporal_test

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"videoqa/temporal"
)

func steps(first, step int64, n int) []int64 {
	pts := make([]int64, n)
	for i := range pts {
		pts[i] = first + int64(i)*step
	}
	return pts
}

func TestUniform(t *testing.T) {
	for _, tc := range []struct {
		name     string
		pts      []int64
		from, to int64
		n        int
		want     []int
	}{
		{"instants sit mid-slice, never at the ends", steps(0, 1, 12), 0, 12, 3, []int{2, 6, 10}},
		{"a start other than zero moves nothing", steps(900, 1, 12), 900, 912, 3, []int{2, 6, 10}},
		{"one frame is the middle one", steps(0, 10, 5), 0, 50, 1, []int{2}},
		{"an instant on a frame's first tick shows that frame", []int64{0, 5, 6, 7}, 0, 10, 1, []int{1}},
		{"a frame held long is not taken twice", []int64{0, 90, 95}, 0, 100, 2, []int{0, 1}},
		{"a repeat is replaced by the nearest free frame, here a later one", []int64{0, 2, 60, 61, 62}, 0, 100, 3, []int{1, 2, 4}},
		{"and here an earlier one first", []int64{0, 10, 15, 99}, 0, 100, 3, []int{1, 2, 3}},
		{"fewer frames than asked gives them all", steps(0, 1, 4), 0, 4, 6, []int{0, 1, 2, 3}},
		{"a window shows the frame already on screen at its start", steps(0, 10, 10), 25, 35, 2, []int{2, 3}},
		{"a window before the first frame shows nothing", steps(100, 10, 10), 0, 50, 2, nil},
		{"a window after the last frame shows the last", steps(0, 10, 10), 500, 600, 2, []int{9}},
		{"no frames", nil, 0, 100, 6, nil},
		{"none asked for", steps(0, 1, 4), 0, 4, 0, nil},
		{"an empty span", steps(0, 1, 4), 2, 2, 3, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := temporal.Uniform(tc.pts, tc.from, tc.to, tc.n); !slices.Equal(got, tc.want) {
				t.Errorf("Uniform(%v, %d, %d, %d) = %v; want %v", tc.pts, tc.from, tc.to, tc.n, got, tc.want)
			}
		})
	}
}

// The definition again, in rational numbers and by looking at every frame.
func byDefinition(pts []int64, from, to int64, n int) []int {
	first, last := -1, -1
	for k, p := range pts {
		if p < to && (k == len(pts)-1 || pts[k+1] > from) {
			if first < 0 {
				first = k
			}
			last = k
		}
	}
	if first < 0 || n < 1 {
		return nil
	}
	used := map[int]bool{}
	var again []*big.Rat
	for i := range n {
		at := new(big.Rat).SetFrac64((2*int64(i)+1)*(to-from), 2*int64(n))
		at.Add(at, new(big.Rat).SetInt64(from))
		shown := first
		for k := first; k <= last; k++ {
			if new(big.Rat).SetInt64(pts[k]).Cmp(at) <= 0 {
				shown = k
			}
		}
		if used[shown] {
			again = append(again, at)
		}
		used[shown] = true
	}
	for _, at := range again {
		best, away := -1, new(big.Rat)
		for k := first; k <= last; k++ {
			d := new(big.Rat).Sub(new(big.Rat).SetInt64(pts[k]), at)
			if d.Abs(d); !used[k] && (best < 0 || d.Cmp(away) < 0) {
				best, away = k, d
			}
		}
		if best >= 0 {
			used[best] = true
		}
	}
	var picks []int
	for k := range pts {
		if used[k] {
			picks = append(picks, k)
		}
	}
	return picks
}

func TestUniformEqualsItsDefinitionOnRandomClips(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		pts := []int64{rng.Int64N(50)}
		for range rng.IntN(30) {
			pts = append(pts, pts[len(pts)-1]+1+rng.Int64N(12)*rng.Int64N(12))
		}
		from, to := pts[0], pts[len(pts)-1]+1+rng.Int64N(20)
		if rng.IntN(2) == 0 {
			from += rng.Int64N(to - from)
			to = from + 1 + rng.Int64N(to-from)
		}
		n := 1 + rng.IntN(12)
		if got, want := temporal.Uniform(pts, from, to, n), byDefinition(pts, from, to, n); !slices.Equal(got, want) {
			t.Fatalf("Uniform(%v, %d, %d, %d) = %v; by definition %v", pts, from, to, n, got, want)
		}
	}
}

func TestUniformIsExactWhereProductsOverflow64Bits(t *testing.T) {
	const tick = int64(1) << 58
	pts := []int64{0, tick, 2 * tick, 3 * tick, 4 * tick, 5 * tick}
	want := []int{0, 2, 4}
	if got := temporal.Uniform(pts, 0, 5*tick+tick/2, 3); !slices.Equal(got, want) {
		t.Errorf("Uniform over %v = %v; want %v", pts, got, want)
	}
}
