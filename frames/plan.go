package frames

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"videoqa/frames/bitstream"
	"videoqa/internal/fault"
	"videoqa/temporal"
)

// A Plan says which pictures are wanted, in one of two ways: Count of them, in the
// middle of as many equal slices of [From, To); or those shown at the times At,
// which ascend. All count from the first shown picture. A To of zero, or beyond
// the end, is the end; at a time beyond the end the last picture is shown.
type Plan struct {
	Count    int
	From, To time.Duration
	At       []time.Duration
}

// Revision names the rules by which pictures are chosen, decoded and converted.
// It belongs into the key of whatever remembers a plan's pictures.
const Revision = "frames-7"

// span returns plan's span in ticks, or [fault.BadRequest] if it makes no sense
// for this video.
func (x *Index) span(plan Plan) (from, to int64, err error) {
	if len(plan.At) > 0 {
		return x.spanAt(plan)
	}
	from, to = x.ticks(plan.From), x.end
	if plan.To > 0 {
		to = min(to, x.ticks(plan.To))
	}
	switch {
	case plan.Count < 1:
		return 0, 0, fmt.Errorf("frames: plan: %d pictures asked for: %w", plan.Count, fault.BadRequest)
	case plan.From < 0 || plan.To < 0 || plan.To > 0 && plan.To <= plan.From:
		return 0, 0, fmt.Errorf("frames: plan: from %v to %v is not a span of time: %w", plan.From, plan.To, fault.BadRequest)
	case from >= to:
		return 0, 0, fmt.Errorf("frames: plan: from %v lies after the end, %v: %w", plan.From, x.Duration(), fault.BadRequest)
	}
	return from, to, nil
}

// spanAt is span for a plan of times.
func (x *Index) spanAt(plan Plan) (from, to int64, err error) {
	switch {
	case plan.Count != 0 || plan.From != 0 || plan.To != 0:
		return 0, 0, fmt.Errorf("frames: plan: times, and a count or a span: %w", fault.BadRequest)
	case plan.At[0] < 0 || !slices.IsSorted(plan.At):
		return 0, 0, fmt.Errorf("frames: plan: the times %v do not ascend from 0: %w", plan.At, fault.BadRequest)
	}
	from, to = x.ticks(plan.At[0]), x.ticks(plan.At[len(plan.At)-1])
	return min(from, x.end-1), min(to, x.end-1) + 1, nil
}

// pickAt returns the picture shown at each of the times, among those not left
// out: the last before it where its own is, or the first of all.
func (x *Index) pickAt(at []time.Duration, leftOut func(int) bool) (picks []int) {
	for _, t := range at {
		k, found := slices.BinarySearch(x.pts, x.ticks(t))
		if !found {
			k--
		}
		for k >= 0 && leftOut(k) {
			k--
		}
		for k < 0 || k < len(x.pts) && leftOut(k) {
			if k++; k == len(x.pts) {
				return nil
			}
		}
		picks = append(picks, k)
	}
	return picks
}

// pick returns which shown pictures stand for plan, among those not left out.
func (x *Index) pick(plan Plan, leftOut func(int) bool) ([]int, error) {
	from, to, err := x.span(plan)
	if err != nil {
		return nil, err
	}
	if len(plan.At) > 0 {
		return slices.Compact(x.pickAt(plan.At, leftOut)), nil
	}
	good, pts := make([]int, 0, len(x.pts)), make([]int64, 0, len(x.pts))
	lo, hi := temporal.Window(x.pts, from, to)
	for k := lo; k < hi; k++ {
		if !leftOut(k) {
			good, pts = append(good, k), append(pts, x.pts[k])
		}
	}
	picks := temporal.Uniform(pts, from, to, plan.Count)
	for i, k := range picks {
		picks[i] = good[k]
	}
	return picks, nil
}

// anyIn reports whether plan's span shows a picture of bad.
func (x *Index) anyIn(plan Plan, bad map[int]bool) bool {
	from, to, err := x.span(plan)
	lo, hi := temporal.Window(x.pts, from, to)
	for k := lo; k < hi && err == nil; k++ {
		if bad[k] {
			return true
		}
	}
	return false
}

// A run is a stretch of packets that one decoder reads from start to end.
type run struct {
	first, last int         // rows
	want        map[int]int // row to shown picture; of a counted video: picture to itself
}

// runs groups the shown pictures ks into stretches that can be decoded alone. Only
// those that overlap become one: a decoder is open in a tenth of the time that one
// picture of 720p takes, and runs by themselves keep several cores at work.
func (x *Index) runs(ks []int) []run {
	if x.counted {
		want := map[int]int{}
		for _, k := range ks {
			want[k] = k
		}
		return []run{{0, len(x.rows) - 1, want}}
	}
	var runs []run
	rows := make(map[int]int, len(ks))
	for _, k := range ks {
		rows[int(x.shown[k])] = k
	}
	for _, i := range sortedKeys(rows) {
		r := run{max(0, x.start(i)), i, map[int]int{i: rows[i]}}
		// A picture that leads a point of access begins before that, and so maybe
		// before the runs that were there.
		for n := len(runs) - 1; n >= 0 && r.first <= runs[n].last; n-- {
			r.first = min(r.first, runs[n].first)
			maps.Copy(r.want, runs[n].want)
			runs = runs[:n]
		}
		runs = append(runs, r)
	}
	return runs
}

func sortedKeys(m map[int]int) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// skips reports whether row i of a run need not be decoded: nothing refers to its
// picture, and nobody wants it.
func (x *Index) skips(r run, i int) bool {
	if x.counted || x.rows[i].roles&bitstream.Disposable == 0 || x.rows[i].layer != x.topLayer {
		return false
	}
	_, wanted := r.want[i]
	return !wanted
}
