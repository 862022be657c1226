package frames

import (
	"slices"

	"videoqa/frames/bitstream"
)

// leaveOut adds to bad the pictures that out's damage may have reached, and
// those that were wanted and never came out; where nothing was damaged these go
// to absent: no linear decode shows them either.
func (x *Index) leaveOut(r run, out decoded, bad, absent map[int]bool) {
	for _, k := range r.want {
		if _, ok := out.pictures[k]; ok {
			continue
		}
		if len(out.damage) > 0 {
			bad[k] = true
		} else {
			absent[k] = true
		}
	}
	if x.counted {
		if len(out.damage) > 0 {
			for k := out.damage[0]; k < len(x.pts); k++ {
				bad[k] = true
			}
		}
		return
	}
	x.mark(out.damage, bad)
}

// harmed returns the pictures that the container or the pictures' own numbers say
// something is missing of, and those that may depend on them.
func (x *Index) harmed() map[int]bool {
	bad, reached := map[int]bool{}, map[int]bool{}
	if x.counted {
		return bad
	}
	trusted, key := x.trustsNumbers(), 0
	for i, r := range x.rows {
		if r.roles&bitstream.Clean != 0 {
			key = i
		}
		switch leads := i > key && r.pts < x.rows[key].pts; {
		case r.corrupt, r.lost && trusted && i > key && !leads:
			x.taint(i, reached)
		case r.lost && trusted:
			x.taintLeading(key, i, reached)
		}
	}
	x.bring(reached, bad)
	return bad
}

// trustsNumbers reports whether the pictures' numbers are to be trusted: some encoders
// count as they please, and then most pictures seem to have a hole before them.
func (x *Index) trustsNumbers() bool {
	lost := 0
	for _, r := range x.rows {
		if r.lost {
			lost++
		}
	}
	return lost <= max(8, len(x.rows)/2)
}

// taintLeading adds the rows from i on that lead the point of access key: pictures
// shown after that do not refer to any before it.
func (x *Index) taintLeading(key, i int, reached map[int]bool) {
	for j := max(i, key+1); j < len(x.rows) && x.rows[j].roles&bitstream.Clean == 0; j++ {
		if x.rows[j].pts < x.rows[key].pts {
			reached[j] = true
		}
	}
}

// mark adds to bad the pictures that damage at rows may have reached.
func (x *Index) mark(rows []int, bad map[int]bool) {
	if len(rows) == 0 {
		return
	}
	reached := map[int]bool{}
	for _, i := range rows {
		x.taint(i, reached)
	}
	x.bring(reached, bad)
}

// taint adds the rows that damage at row i may have reached: all up to the next
// point of access, and the pictures leading that.
func (x *Index) taint(i int, reached map[int]bool) {
	next := x.access(i + 1)
	for j := i; j < next; j++ {
		reached[j] = true
	}
	if next < len(x.rows) {
		x.taintLeading(next, next, reached)
	}
}

// bring adds to bad the shown pictures among the rows reached.
func (x *Index) bring(reached, bad map[int]bool) {
	for i := range reached {
		if k, ok := slices.BinarySearch(x.pts, x.rows[i].pts); ok && int(x.shown[k]) == i {
			bad[k] = true
		}
	}
}
