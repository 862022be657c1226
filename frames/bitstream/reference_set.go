package bitstream

import (
	"cmp"
	"slices"
)

// A referencePictures follows which pictures an HEVC decoder has. Every picture says
// which others it refers to (its reference picture set; ITU-T H.265, 8.3.2), so
// one that is missing is known, though the decoder makes up a grey one and says
// nothing.
type referencePictures struct {
	sequences map[uint32]hevcSequence
	pictures  map[uint32]hevcPictureSet
	have      map[int]bool // picture order counts that may be referred to
	anchor    int          // picture order count of the last picture that others count from
	known     bool         // a point of access was seen
	orphans   bool         // the pictures that lead the last one of these cannot be decoded, nor are they shown
}

type hevcSequence struct {
	orderBits      int
	separatePlanes bool
	sets           []referenceSet
	longTerm       bool
	longTermOrders []longTermReference
}

type hevcPictureSet struct {
	sequence   uint32
	outputFlag bool
	extraBits  int
}

// A referenceSet holds the pictures that may be referred to from here on, by
// how much their order counts differ from this one's.
type referenceSet []reference

type reference struct {
	delta int
	used  bool // by this very picture
}

type longTermReference struct {
	low  uint32 // bits of its order count
	used bool
}

// Types of NAL unit (table 7-1).
const (
	hevcRADLN     = 6
	hevcRASLN     = 8
	hevcRASLR     = 9
	hevcBLA       = 16 // to 18
	hevcIDRFirst  = 19
	hevcIDRLast   = 20
	hevcIRAPLast  = 23
	hevcSPS       = 33
	hevcPPS       = 34
	hevcEndOfSeq  = 36
	mostShortSets = 64
)

// unit takes note of one NAL unit, and tells whether a picture that this one
// refers to is missing. Only the first slice of a picture must be given.
func (d *referencePictures) unit(nal []byte) (lost bool) {
	switch kind := int(nal[0] >> 1 & 63); {
	case kind == hevcSPS:
		d.sequenceSet(&bitReader{data: unescaped(nal[2:], len(nal))})
	case kind == hevcPPS:
		d.pictureSet(&bitReader{data: unescaped(nal[2:], len(nal))})
	case kind == hevcEndOfSeq:
		d.known = false
	case kind <= hevcRASLR, kind >= hevcBLA && kind <= hevcIRAPLast:
		return d.slice(nal, kind)
	}
	return false
}

func (d *referencePictures) pictureSet(b *bitReader) {
	id := b.ue()
	p := hevcPictureSet{sequence: b.ue()}
	b.skip(1)
	p.outputFlag, p.extraBits = b.flag(), int(b.u(3))
	if d.pictures == nil {
		d.pictures = map[uint32]hevcPictureSet{}
	}
	if !b.over() && id < 64 {
		d.pictures[id] = p
	}
}

func (d *referencePictures) sequenceSet(b *bitReader) {
	var s hevcSequence
	b.skip(4)
	layers := int(b.u(3))
	b.skip(1)
	skipProfiles(b, layers)
	id := b.ue()
	if b.ue() == 3 {
		s.separatePlanes = b.flag()
	}
	b.ues(2) // size
	if b.flag() {
		b.ues(4)
	}
	b.ues(2) // bit depths
	s.orderBits = int(b.ue()) + 4
	first := ifElse(b.flag(), 0, layers)
	b.ues(3 * (layers + 1 - first))
	b.ues(6)
	skipTools(b)
	s.readSets(b)
	if b.over() || s.orderBits > 16 || id >= 16 {
		return
	}
	if d.sequences == nil {
		d.sequences = map[uint32]hevcSequence{}
	}
	d.sequences[id] = s
}

// skipProfiles is profile_tier_level, clause 7.3.3.
func skipProfiles(b *bitReader, layers int) {
	b.skip(88 + 8)
	var profile, level [8]bool
	for i := range layers {
		profile[i], level[i] = b.flag(), b.flag()
	}
	if layers > 0 {
		b.skip(2 * (8 - layers))
	}
	for i := range layers {
		if profile[i] {
			b.skip(88)
		}
		if level[i] {
			b.skip(8)
		}
	}
}

// skipTools skips scaling lists and coding tools, up to the reference picture sets.
func skipTools(b *bitReader) {
	if listed := b.flag(); listed && b.flag() { // enabled, and present
		for size := range 4 {
			for matrix := 0; matrix < 6; matrix += ifElse(size == 3, 3, 1) {
				skipHEVCScalingList(b, size)
			}
		}
	}
	b.skip(2)
	if b.flag() {
		b.skip(8)
		b.ues(2)
		b.skip(1)
	}
}

func skipHEVCScalingList(b *bitReader, size int) {
	if !b.flag() {
		b.ue()
		return
	}
	b.ues(min(64, 1<<(4+2*size)) + ifElse(size > 1, 1, 0))
}

func (s *hevcSequence) readSets(b *bitReader) {
	count := int(min(b.ue(), mostShortSets))
	for i := 0; i < count && !b.over(); i++ {
		s.sets = append(s.sets, s.readSet(b, i, count))
	}
	if s.longTerm = b.flag(); !s.longTerm {
		return
	}
	for n := min(b.ue(), 32); n > 0 && !b.over(); n-- {
		s.longTermOrders = append(s.longTermOrders, longTermReference{b.u(s.orderBits), b.flag()})
	}
}

// readSet is st_ref_pic_set, clauses 7.3.7 and 7.4.8; a slice's own has index
// count.
func (s *hevcSequence) readSet(b *bitReader, index, count int) referenceSet {
	if index > 0 && b.flag() {
		return s.predictedSet(b, index, count)
	}
	before, after := min(b.ue(), 16), min(b.ue(), 16)
	var set referenceSet
	for _, side := range []struct {
		n    uint32
		sign int
	}{{before, -1}, {after, 1}} {
		delta := 0
		for range side.n {
			delta += side.sign * int(b.ue()+1)
			set = append(set, reference{delta, b.flag()})
		}
	}
	return set
}

// predictedSet makes a set from an earlier one, member by member. Members stand
// in the order of their distance, those shown before first.
func (s *hevcSequence) predictedSet(b *bitReader, index, count int) referenceSet {
	from := index - 1
	if index == count {
		from -= int(b.ue())
	}
	sign := ifElse(b.flag(), -1, 1)
	shift := sign * int(b.ue()+1)
	if from < 0 || from >= len(s.sets) {
		b.at = 8*len(b.data) + 1
		return nil
	}
	var set referenceSet
	for _, r := range append(s.sets[from][:len(s.sets[from]):len(s.sets[from])], reference{}) { // the last is that picture itself
		used := b.flag()
		if kept := used || b.flag(); kept && r.delta+shift != 0 {
			set = append(set, reference{r.delta + shift, used})
		}
	}
	slices.SortFunc(set, func(a, b reference) int {
		if (a.delta < 0) != (b.delta < 0) {
			return cmp.Compare(a.delta, b.delta)
		}
		return cmp.Compare(max(a.delta, -a.delta), max(b.delta, -b.delta))
	})
	return set
}

// slice reads the header of a picture's first slice segment.
func (d *referencePictures) slice(nal []byte, kind int) (lost bool) {
	b := &bitReader{data: unescaped(nal[2:], headBytes)}
	if first := b.flag(); !first {
		return false
	}
	if kind >= hevcBLA {
		b.skip(1)
	}
	p, ok := d.pictures[b.ue()]
	s, found := d.sequences[p.sequence]
	if !ok || !found {
		d.known = false
		return false
	}
	b.skip(p.extraBits)
	b.ue() // slice type
	if p.outputFlag {
		b.skip(1)
	}
	if s.separatePlanes {
		b.skip(2)
	}
	return d.refer(b, s, nal, kind)
}

// refer compares what a picture refers to with what there is.
func (d *referencePictures) refer(b *bitReader, s hevcSequence, nal []byte, kind int) (lost bool) {
	order, next := 0, map[int]bool{}
	if d.orphans && (kind == hevcRASLN || kind == hevcRASLR) {
		return false
	}
	anew := kind >= hevcBLA && (kind <= hevcIDRLast || !d.known) // nothing before it may be referred to
	if kind < hevcIDRFirst || kind > hevcIDRLast {
		low := int(b.u(s.orderBits))
		order = d.orderCount(low, 1<<s.orderBits, anew)
		lost = d.follow(b, s, order, next)
	}
	if b.over() {
		d.known = false
		return false
	}
	lost = lost && d.known && !anew
	if kind >= hevcBLA {
		d.known, d.orphans = true, anew
	}
	next[order] = true
	d.have = next
	layer := nal[1]&7 - 1
	if leading := kind >= hevcRADLN && kind <= hevcRASLR; layer == 0 && !leading && (kind > 14 || kind%2 == 1) {
		d.anchor = order
	}
	return lost
}

// orderCount is clause 8.3.1.
func (d *referencePictures) orderCount(low, most int, anew bool) int {
	if anew {
		return low
	}
	high, before := d.anchor&^(most-1), d.anchor&(most-1)
	switch {
	case low < before && before-low >= most/2:
		high += most
	case low > before && low-before > most/2:
		high -= most
	}
	return high + low
}

// follow reads a picture's reference picture set, adds to next what of it there
// is, and tells whether something that this picture uses is not.
func (d *referencePictures) follow(b *bitReader, s hevcSequence, order int, next map[int]bool) (lost bool) {
	var set referenceSet
	if !b.flag() {
		set = s.readSet(b, len(s.sets), len(s.sets))
	} else if i := b.u(widthOf(len(s.sets))); int(i) < len(s.sets) {
		set = s.sets[i]
	}
	for _, r := range set {
		if d.have[order+r.delta] {
			next[order+r.delta] = true
		} else if r.used {
			lost = true
		}
	}
	if s.longTerm {
		lost = d.followLong(b, s, order, next) || lost
	}
	return lost
}

// widthOf is how many bits an index into n things takes up.
func widthOf(n int) (width int) {
	for 1<<width < n {
		width++
	}
	return width
}

func (d *referencePictures) followLong(b *bitReader, s hevcSequence, order int, next map[int]bool) (lost bool) {
	var listed uint32
	if len(s.longTermOrders) > 0 {
		listed = min(b.ue(), 32)
	}
	total := listed + min(b.ue(), 32)
	most, cycles := 1<<s.orderBits, 0
	for i := uint32(0); i < total && !b.over(); i++ {
		var r longTermReference
		if i >= listed {
			r = longTermReference{b.u(s.orderBits), b.flag()}
		} else if k := b.u(widthOf(len(s.longTermOrders))); int(k) < len(s.longTermOrders) {
			r = s.longTermOrders[k]
		}
		if i == 0 || i == listed {
			cycles = 0
		}
		whole := b.flag() // its full order count is given
		if whole {
			cycles += int(b.ue())
		}
		if !d.keepLong(r, order, most, cycles, whole, next) && r.used {
			lost = true
		}
	}
	return lost
}

// keepLong finds a long-term reference among the pictures there are.
func (d *referencePictures) keepLong(r longTermReference, order, most, cycles int, whole bool, next map[int]bool) bool {
	for have := range d.have {
		if whole && have == order-cycles*most-(order&(most-1))+int(r.low) || !whole && have&(most-1) == int(r.low) {
			next[have] = true
			return true
		}
	}
	return false
}
