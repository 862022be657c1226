package frames

import (
	"context"
	"slices"
)

// The two values that memory for pictures is set to where a run is decoded twice.
// No sample that a decoder made of one is likely to come out as of the other.
const (
	firstFill  = 0x33
	secondFill = 0xcc
)

// twice decodes a run, from its first row on, by one thread, in memory of two
// different contents. A decoder that meets damage may hand out a picture of which it
// wrote only a part, whatever it says of that; what the memory held before shows as a
// difference, in later pictures too that refer to it. Such pictures are damaged, and
// all others are the same each time. JPEG's decoder says least, and its pictures, each
// a run of its own, are always decoded so; others where something seems wrong.
func (s *sampling) twice(ctx context.Context, r run, from packetSource) (decoded, error) {
	alone := division{runs: 1, threads: 1, how: bySlice}
	first, err := s.attempt(ctx, r, from, alone, firstFill)
	if err != nil {
		return decoded{}, err
	}
	if err := from.rewind(ctx); err != nil {
		return decoded{}, err
	}
	again, err := s.attempt(ctx, r, from, alone, secondFill)
	if err != nil {
		return decoded{}, err
	}
	first.compare(again)
	return first, nil
}

// compare adds to d's damage what came out otherwise in another decoding.
func (d *decoded) compare(other decoded) {
	for row, sum := range d.digests {
		if s, ok := other.digests[row]; !ok || s != sum {
			d.damage = append(d.damage, row)
		}
	}
	d.damage = append(d.damage, other.damage...)
	slices.Sort(d.damage)
	d.damage = slices.Compact(d.damage)
}
