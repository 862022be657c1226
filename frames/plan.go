package frames

import (
	"fmt"
	"slices"
	"time"

	"videoqa/internal/fault"
	"videoqa/temporal"
)

// A Plan says which pictures are wanted: Count of them, in the middle of as many
// equal slices of [From, To), both counted from the first shown picture. A To of
// zero, or beyond the end, is the end.
type Plan struct {
	Count    int
	From, To time.Duration
}

// Revision names the rules by which pictures are chosen, decoded and converted.
// It belongs into the key of whatever remembers a plan's pictures.
const Revision = "frames-1"

// span returns plan's span in ticks, or [fault.BadRequest] if it makes no sense
// for this video.
func (x *Index) span(plan Plan) (from, to int64, err error) {
	from, to = x.ticks(plan.From), x.end
	if plan.To > 0 {
		to = min(to, x.ticks(plan.To))
	}
	switch {
	case plan.Count < 1:
		return 0, 0, fmt.Errorf("frames: plan: %d pictures asked for: %w", plan.Count, fault.BadRequest)
	case plan.From < 0 || plan.To < 0 || plan.To > 0 && plan.To <= plan.From:
		return 0, 0, fmt.Errorf("frames: plan: from %v to %v is no span of time: %w", plan.From, plan.To, fault.BadRequest)
	case from >= to:
		return 0, 0, fmt.Errorf("frames: plan: from %v lies after the end, %v: %w", plan.From, x.Duration(), fault.BadRequest)
	}
	return from, to, nil
}

// pick returns which shown pictures stand for plan, among those not left out.
func (x *Index) pick(plan Plan, leftOut func(int) bool) ([]int, error) {
	from, to, err := x.span(plan)
	if err != nil {
		return nil, err
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

// anyIn tells whether plan's span shows a picture of bad.
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

// mergeGap is how many packets are cheaper to decode than a decoder is to open.
const mergeGap = 4

// runs groups the shown pictures ks into stretches that can be decoded alone.
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
		first := max(0, x.start(i))
		if n := len(runs) - 1; n >= 0 && first <= runs[n].last+mergeGap {
			runs[n].last, runs[n].want[i] = i, rows[i]
			continue
		}
		runs = append(runs, run{first, i, map[int]int{i: rows[i]}})
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

// skips tells whether row i of a run need not be decoded: nothing refers to its
// picture, and nobody wants it.
func (x *Index) skips(r run, i int) bool {
	if x.counted || x.rows[i].roles&disposable == 0 || x.rows[i].layer != x.topLayer {
		return false
	}
	_, wanted := r.want[i]
	return !wanted
}

// tainted returns the rows that damage at row i may have reached: all up to the
// next point of access, and the pictures leading that.
func (x *Index) tainted(i int) (first, last int) {
	next := i + 1
	for next < len(x.rows) && x.rows[next].roles&clean == 0 {
		next++
	}
	if next == len(x.rows) {
		return i, next - 1
	}
	last = next - 1
	for j := next + 1; j < len(x.rows) && x.rows[j].roles&clean == 0; j++ {
		if x.rows[j].pts < x.rows[next].pts {
			last = j
		}
	}
	return i, last
}
