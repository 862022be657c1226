// Package temporal decides about time: which instants of a clip are looked at,
// which frame is shown at each, and which temporal embedding a frame gets.
//
//	picks := temporal.Uniform(pts, pts[0], end, 6) // indices into pts, ascending
//	slots, err := temporal.Slots(len(picks), 6, true)
//	at := temporal.NewSeconds(pts[picks[0]]-pts[0], 1, 90000)
//
// It is pure arithmetic on integers: no clocks, no media, nothing of ours below
// it. Ticks are a stream's own time base, so nothing is rounded before a
// decision is made; [Seconds] is the one rounding, at the very end.
package temporal
