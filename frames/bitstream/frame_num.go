package bitstream

// A frameNumbers follows the numbers that H.264 gives its reference pictures
// (frame_num; ITU-T H.264, 7.4.3). A decoder fills a hole in them with what it
// has, and says nothing: so a packet that was taken out of a file, where the
// container leaves no trace of it, shows only here.
type frameNumbers struct {
	sequences map[uint32]sequence
	pictures  map[uint32]pictureSet
	previous  uint32 // frame_num of the reference picture before
	known     bool   // there was one
}

// A sequence is what of a sequence parameter set is needed to read on.
type sequence struct {
	frameNumBits     int
	gaps             bool // gaps_in_frame_num_value_allowed_flag: holes are meant
	orderType        uint32
	orderBits        int
	orderAlwaysZero  bool
	framesOnly       bool
	separatePlanes   bool
	chroma           bool // ChromaArrayType is not 0
	scalingListCount int
}

// A pictureSet is what of a picture parameter set is needed to read on.
type pictureSet struct {
	sequence        uint32
	bottomOrder     bool      // bottom_field_pic_order_in_frame_present_flag
	references      [2]uint32 // num_ref_idx_default_active_minus1 + 1
	weightedP       bool
	weightedBiIdc   uint32
	redundantCounts bool
}

// headBytes is as much of a slice as its header can take up, but for freaks.
const headBytes = 512

// unit takes note of one NAL unit, and tells whether a reference picture between
// the picture before and this one is missing. Only the first slice of a picture
// must be given.
func (n *frameNumbers) unit(nal []byte) (lost bool) {
	switch nal[0] & 31 {
	case 7:
		n.sequenceSet(&bitReader{data: unescaped(nal[1:], len(nal))})
	case 8:
		n.pictureSet(&bitReader{data: unescaped(nal[1:], len(nal))})
	case 1, 2, 5:
		return n.slice(nal)
	}
	return false
}

func (n *frameNumbers) sequenceSet(b *bitReader) {
	var s sequence
	profile := b.u(8)
	b.skip(16)
	id := b.ue()
	s.chroma, s.scalingListCount = true, 8
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		s.highProfile(b)
	}
	s.frameNumBits = int(b.ue()) + 4
	s.order(b)
	b.ue() // max_num_ref_frames
	s.gaps = b.flag()
	b.ues(2) // size
	s.framesOnly = b.flag()
	if b.over() || s.frameNumBits > 16 || s.orderBits > 16 {
		return
	}
	if n.sequences == nil {
		n.sequences = map[uint32]sequence{}
	}
	if id < 32 {
		n.sequences[id] = s
	}
}

func (s *sequence) highProfile(b *bitReader) {
	format := b.ue()
	if format == 3 {
		s.separatePlanes = b.flag()
		s.scalingListCount = 12
	}
	s.chroma = format != 0 && !s.separatePlanes
	b.ues(2) // bit depths
	b.skip(1)
	if !b.flag() {
		return
	}
	for i := range s.scalingListCount {
		if b.flag() {
			skipScalingList(b, ifElse(i < 6, 16, 64))
		}
	}
}

// skipScalingList is clause 7.3.2.1.1.1.
func skipScalingList(b *bitReader, size int) {
	last, next := int32(8), int32(8)
	for range size {
		if next != 0 {
			next = (last + b.se() + 256) % 256
		}
		if next != 0 {
			last = next
		}
	}
}

// order reads how the pictures' order of showing is written down.
func (s *sequence) order(b *bitReader) {
	switch s.orderType = b.ue(); s.orderType {
	case 0:
		s.orderBits = int(b.ue()) + 4
	case 1:
		s.orderAlwaysZero = b.flag()
		b.ues(2)
		b.ues(int(min(b.ue(), 255)))
	}
}

func (n *frameNumbers) pictureSet(b *bitReader) {
	var p pictureSet
	id := b.ue()
	p.sequence = b.ue()
	b.skip(1)
	p.bottomOrder = b.flag()
	if groups := b.ue(); groups > 0 {
		skipSliceGroups(b, groups+1)
	}
	p.references = [2]uint32{b.ue() + 1, b.ue() + 1}
	p.weightedP, p.weightedBiIdc = b.flag(), b.u(2)
	b.ues(3)
	b.skip(2)
	p.redundantCounts = b.flag()
	if n.pictures == nil {
		n.pictures = map[uint32]pictureSet{}
	}
	if !b.over() && id < 256 {
		n.pictures[id] = p
	}
}

// skipSliceGroups is the part of clause 7.3.2.2 that only the Baseline and the
// Extended profile have.
func skipSliceGroups(b *bitReader, groups uint32) {
	switch b.ue() {
	case 0:
		b.ues(int(min(groups, 8)))
	case 2:
		b.ues(2 * int(min(groups-1, 8)))
	case 3, 4, 5:
		b.skip(1)
		b.ue()
	case 6:
		b.skip(int(min(b.ue(), 1<<20)+1) * widthOf(int(min(groups, 8))))
	}
}

// slice reads the header of a picture's first slice.
func (n *frameNumbers) slice(nal []byte) (lost bool) {
	b := &bitReader{data: unescaped(nal[1:], headBytes)}
	b.ue() // first macroblock
	kind := b.ue() % 5
	p, ok := n.pictures[b.ue()]
	s, found := n.sequences[p.sequence]
	if !ok || !found {
		n.known = false
		return false
	}
	if s.separatePlanes {
		b.skip(2)
	}
	number := b.u(s.frameNumBits)
	idr, referred := nal[0]&31 == 5, nal[0]&0x60 != 0
	lost = n.known && !idr && !s.gaps && number != n.previous && number != (n.previous+1)&(1<<s.frameNumBits-1)
	if referred {
		n.previous, n.known = number, true
		if n.resets(b, s, p, kind, idr) {
			n.previous = 0
		}
	}
	return lost && !b.over()
}

// Kinds of slice (slice_type modulo 5).
const (
	sliceP  = 0
	sliceB  = 1
	sliceI  = 2
	sliceSI = 4
)

// resets reads the rest of the header up to the marking of reference pictures,
// and reports whether it starts the numbers anew (memory_management_control_operation 5).
func (n *frameNumbers) resets(b *bitReader, s sequence, p pictureSet, kind uint32, idr bool) bool {
	if idr {
		return false // its own number is 0
	}
	skipOrder(b, s, p)
	if p.redundantCounts {
		b.ue()
	}
	if kind == sliceB {
		b.skip(1)
	}
	if kind != sliceI && kind != sliceSI {
		skipReferences(b, s, p, kind)
	}
	if !b.flag() {
		return false
	}
	for reset := false; !b.over(); {
		switch b.ue() {
		case 0:
			return reset
		case 1, 2, 4, 6:
			b.ue()
		case 3:
			b.ues(2)
		case 5:
			reset = true
		}
	}
	return false
}

func skipOrder(b *bitReader, s sequence, p pictureSet) {
	field := !s.framesOnly && b.flag()
	if field {
		b.skip(1)
	}
	switch {
	case s.orderType == 0:
		b.skip(s.orderBits)
		if p.bottomOrder && !field {
			b.ue()
		}
	case s.orderType == 1 && !s.orderAlwaysZero:
		b.ue()
		if p.bottomOrder && !field {
			b.ue()
		}
	}
}

// skipReferences skips the lists of reference pictures and their weights.
func skipReferences(b *bitReader, s sequence, p pictureSet, kind uint32) {
	lists := ifElse(kind == sliceB, 2, 1)
	counts := p.references
	if b.flag() {
		for i := range lists {
			counts[i] = b.ue() + 1
		}
	}
	for range lists {
		if !b.flag() {
			continue
		}
		for b.ue() != 3 && !b.over() {
			b.ue()
		}
	}
	if kind == sliceB && p.weightedBiIdc != 1 || kind != sliceB && !p.weightedP {
		return
	}
	b.ue()
	if s.chroma {
		b.ue()
	}
	for i := range lists {
		for range min(counts[i], 32) {
			skipWeights(b, s.chroma)
		}
	}
}

func skipWeights(b *bitReader, chroma bool) {
	if b.flag() {
		b.ues(2)
	}
	if chroma && b.flag() {
		b.ues(4)
	}
}
