package temporal

import (
	"math/bits"
	"sort"
	"time"
)

// A Stretch is a recording's place in event time: it shows something from Start
// to before End.
type Stretch struct{ Start, End time.Time }

// A Moment is an instant of a grid and where it is shown: At after the start of
// one of the stretches.
type Moment struct {
	Time    time.Time
	Stretch int
	At      time.Duration
}

// Grid returns at most n moments that stand for the range [from, to) of event
// time, on a grid that does not depend on where the range begins: the whole
// multiples, since 1970, of a step that follows from the range's length and n. So
// ranges that overlap look at the same frames, and one of six frames that moves
// on by a step has five of them still.
//
//	10 s, 6 frames   step 1.664 s   10:00:00 to 10:00:10 and 10:00:01.664 to 10:00:11.664 share five moments
//	20 s, 6 frames   step 3.328 s   every second one of the grid above
//
// The step is (to - from)/n rounded down to five significant binary digits of a
// millisecond, so lengths that differ by little have the same, and those that
// differ by a power of two have nested ones. Moments that no stretch shows are
// left out; while twice as many as there are would still fit into n, the step is
// halved, down to a millisecond. If the grid misses what little footage there is,
// the first moment shown stands for it. Where stretches overlap, the one that
// starts last is looked at, and of equal ones the first in the list. If one moment
// more than n fits, the one nearer to the range's edges is left out, the last of
// two.
//
// It returns nil if n < 1 or nothing of the range is shown.
func Grid(stretches []Stretch, from, to time.Time, n int) (step time.Duration, moments []Moment) {
	if n < 1 || !from.Before(to) {
		return 0, nil
	}
	step = gridStep(to.Sub(from), n)
	moments = momentsOf(stretches, from, to, step, n)
	for step/2 >= time.Millisecond {
		finer := momentsOf(stretches, from, to, step/2, n)
		if len(finer) > n {
			break
		}
		step, moments = step/2, finer
	}
	switch {
	case len(moments) == 0:
		if first, ok := firstShown(stretches, from, to); ok {
			return step, []Moment{first}
		}
		return 0, nil
	case len(moments) > n && moments[0].Time.Sub(from) < to.Sub(moments[len(moments)-1].Time):
		return step, moments[len(moments)-n:]
	}
	return step, moments[:min(n, len(moments))]
}

// gridStep is length/n to five binary digits of a millisecond.
func gridStep(length time.Duration, n int) time.Duration {
	step := max(uint64(length/time.Duration(n)/time.Millisecond), 1)
	if spare := bits.Len64(step) - 5; spare > 0 {
		step = step >> spare << spare
	}
	return time.Duration(step) * time.Millisecond
}

// momentsOf returns what stretches show of the multiples of step in [from, to),
// and at most two more than n.
func momentsOf(stretches []Stretch, from, to time.Time, step time.Duration, n int) (moments []Moment) {
	for _, gap := range covered(stretches, from, to) {
		for t := upTo(gap.Start, step); t.Before(gap.End) && len(moments) < n+2; t = t.Add(step) {
			if m, ok := shownAtTime(stretches, t); ok {
				moments = append(moments, m)
			}
		}
	}
	return moments
}

// upTo rounds up to a multiple of step since 1970.
func upTo(t time.Time, step time.Duration) time.Time {
	into := time.Duration(t.UnixNano() % int64(step))
	if into < 0 {
		into += step
	}
	if into == 0 {
		return t
	}
	return t.Add(step - into)
}

// covered is what stretches show of [from, to), in order and without overlaps, so
// that an hour's range with a minute of footage is not walked through.
func covered(stretches []Stretch, from, to time.Time) (parts []Stretch) {
	byStart := append([]Stretch(nil), stretches...)
	sort.SliceStable(byStart, func(a, b int) bool { return byStart[a].Start.Before(byStart[b].Start) })
	for _, s := range byStart {
		if s.Start.Before(from) {
			s.Start = from
		}
		if s.End.After(to) {
			s.End = to
		}
		if last := len(parts) - 1; last >= 0 && !s.Start.After(parts[last].End) {
			if s.End.After(parts[last].End) {
				parts[last].End = s.End
			}
			continue
		}
		if s.Start.Before(s.End) {
			parts = append(parts, s)
		}
	}
	return parts
}

func shownAtTime(stretches []Stretch, t time.Time) (m Moment, ok bool) {
	best := -1
	for i, s := range stretches {
		if !t.Before(s.Start) && t.Before(s.End) && (best < 0 || s.Start.After(stretches[best].Start)) {
			best = i
		}
	}
	if best < 0 {
		return m, false
	}
	return Moment{t, best, t.Sub(stretches[best].Start)}, true
}

func firstShown(stretches []Stretch, from, to time.Time) (m Moment, ok bool) {
	parts := covered(stretches, from, to)
	if len(parts) == 0 {
		return m, false
	}
	return shownAtTime(stretches, parts[0].Start)
}
