package temporal_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"videoqa/temporal"
)

// ten is a multiple of 4.096 s since 1970, some minutes before ten.
var ten = time.UnixMilli(1788256014336 / 4096 * 4096)

func after(seconds float64) time.Time { return ten.Add(time.Duration(seconds * float64(time.Second))) }

func stretch(from, to float64) temporal.Stretch {
	return temporal.Stretch{Start: after(from), End: after(to)}
}

// told writes moments as seconds after ten and the stretch that shows them.
func told(moments []temporal.Moment) (list []string) {
	for _, m := range moments {
		list = append(list, fmt.Sprintf("%.3f/%d+%.3f", m.Time.Sub(ten).Seconds(), m.Stretch, m.At.Seconds()))
	}
	return list
}

func TestGrid(t *testing.T) {
	for _, tc := range []struct {
		name      string
		stretches []temporal.Stretch
		from, to  float64
		n         int
		step      time.Duration
		want      []string
	}{
		{"a range within one clip", []temporal.Stretch{stretch(0, 60)}, 8.192, 16.384, 4, 2048 * time.Millisecond, []string{"8.192/0+8.192", "10.240/0+10.240", "12.288/0+12.288", "14.336/0+14.336"}},
		{"a length that differs by little has the same step", []temporal.Stretch{stretch(0, 60)}, 8, 16.3, 4, 2048 * time.Millisecond, []string{"8.192/0+8.192", "10.240/0+10.240", "12.288/0+12.288", "14.336/0+14.336"}},
		{"of one moment too many the last is left out", []temporal.Stretch{stretch(0, 60)}, 8, 16.5, 4, 2048 * time.Millisecond, []string{"8.192/0+8.192", "10.240/0+10.240", "12.288/0+12.288", "14.336/0+14.336"}},
		{"unless the first is nearer to the edge", []temporal.Stretch{stretch(0, 60)}, 8.1, 16.7, 4, 2048 * time.Millisecond, []string{"10.240/0+10.240", "12.288/0+12.288", "14.336/0+14.336", "16.384/0+16.384"}},
		{"two clips one after the other", []temporal.Stretch{stretch(0, 2), stretch(2, 5)}, 0, 4.096, 4, 1024 * time.Millisecond, []string{"0.000/0+0.000", "1.024/0+1.024", "2.048/1+0.048", "3.072/1+1.072"}},
		{"what nobody recorded is left out", []temporal.Stretch{stretch(0, 2), stretch(3, 5)}, 0, 4.096, 4, 1024 * time.Millisecond, []string{"0.000/0+0.000", "1.024/0+1.024", "3.072/1+0.072"}},
		{"of clips that overlap the later one is looked at", []temporal.Stretch{stretch(1, 5), stretch(0, 5), stretch(1, 4)}, 0, 4.096, 4, 1024 * time.Millisecond, []string{"0.000/1+0.000", "1.024/0+0.024", "2.048/0+1.048", "3.072/0+2.072"}},
		{"little footage is looked at more closely", []temporal.Stretch{stretch(1, 2.1)}, 0, 4.096, 4, 512 * time.Millisecond, []string{"1.024/0+0.024", "1.536/0+0.536", "2.048/0+1.048"}},
		{"footage between two moments of the finest grid", []temporal.Stretch{{Start: ten.Add(100 * time.Microsecond), End: ten.Add(200 * time.Microsecond)}}, 0, 4.096, 4, time.Millisecond, []string{"0.000/0+0.000"}},
		{"no footage", []temporal.Stretch{stretch(5, 9)}, 0, 4, 4, 0, nil},
		{"an empty stretch", []temporal.Stretch{stretch(2, 2)}, 0, 4, 4, 0, nil},
		{"an empty range", []temporal.Stretch{stretch(0, 9)}, 4, 4, 4, 0, nil},
		{"no frames wanted", []temporal.Stretch{stretch(0, 9)}, 0, 4, 0, 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			step, moments := temporal.Grid(tc.stretches, after(tc.from), after(tc.to), tc.n)
			if got := told(moments); step != tc.step || !slices.Equal(got, tc.want) {
				t.Errorf("Grid(%v to %v s, %d) = step %v, %v; want %v, %v", tc.from, tc.to, tc.n, step, got, tc.step, tc.want)
			}
		})
	}
}

// shared counts the moments that two ranges have in common.
func shared(a, b []temporal.Moment) (n int) {
	for _, m := range a {
		if slices.ContainsFunc(b, func(o temporal.Moment) bool { return o.Time.Equal(m.Time) }) {
			n++
		}
	}
	return n
}

func TestRangesThatOverlapShareTheirMoments(t *testing.T) {
	whole := []temporal.Stretch{stretch(-1e6, 1e6)}
	r := rand.New(rand.NewPCG(7, 7))
	for range 5000 {
		length := time.Duration(r.Int64N(int64(2*time.Hour))) + 50*time.Millisecond
		n := r.IntN(12) + 1
		from := ten.Add(time.Duration(r.Int64N(int64(24 * time.Hour))))
		step, moments := temporal.Grid(whole, from, from.Add(length), n)
		if len(moments) != n || step > length/time.Duration(n) || step < length/time.Duration(n)*15/16-time.Millisecond {
			t.Fatalf("%v for %d frames: %d moments, step %v", length, n, len(moments), step)
		}
		for i, m := range moments {
			if m.Time.Before(from) || !m.Time.Before(from.Add(length)) || m.Time.UnixNano()%int64(step) != 0 || i > 0 && m.Time.Sub(moments[i-1].Time) != step {
				t.Fatalf("%v for %d frames: moment %d at %v", length, n, i, m.Time)
			}
		}
		if _, next := temporal.Grid(whole, from.Add(step), from.Add(length+step), n); shared(moments, next) != n-1 {
			t.Fatalf("%v for %d frames, moved on by %v: %d moments are the same", length, n, step, shared(moments, next))
		}
		if wider, coarse := temporal.Grid(whole, from, from.Add(2*length), n); length > 160*time.Duration(n)*time.Millisecond && (wider != 2*step && wider != 2*step+step/8) && shared(moments, coarse) == 0 && n > 2 {
			t.Fatalf("%v and twice that share nothing: steps %v, %v", length, step, wider)
		}
	}
}

func TestARangeOfAFewSecondsIsLookedAtAllOver(t *testing.T) {
	for _, n := range []int{1, 3, 6, 32} {
		_, moments := temporal.Grid([]temporal.Stretch{stretch(0, 10)}, ten, after(10), n)
		edge := 10 * time.Second / time.Duration(n) * 5 / 4
		if first, last := moments[0].Time.Sub(ten), after(10).Sub(moments[len(moments)-1].Time); first > edge || last > edge {
			t.Errorf("%d moments begin %v after the start and end %v before the end", n, first, last)
		}
	}
}
