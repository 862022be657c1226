package bitstream

import "encoding/binary"

// A SampleTable is what the head of an MP4 file says of one track's samples and FFmpeg
// does not tell: how far each is shown after it is decoded. Sizes are there to be
// compared with FFmpeg's, so that both are known to speak of the same samples.
type SampleTable struct {
	Samples uint32
	size    uint32 // of every sample, unless 0
	sizes   []byte // else four bytes each
	shifts  []byte // four bytes for a count of samples, four for their shift; nil: no sample has any
}

// mostHead is how long a head may be for its table to be read: 64 MiB are enough
// for days.
const mostHead = 64 << 20

// SampleTable finds the table of a track. It is not ok where the file is in any way
// out of the ordinary: fragments, several descriptions of samples, edits that
// leave something out, boxes that are there twice or do not fill what they are in.
func (f File) SampleTable(track int) (t SampleTable, ok bool) {
	moov, ok := f.moov()
	if !ok {
		return SampleTable{}, false
	}
	found := 0
	whole := boxes(moov, func(kind string, body []byte) {
		switch {
		case kind == "mvex":
			found = 2
		case kind == "trak" && trackID(body) == int64(track):
			found++
			t, ok = trackTable(body)
		}
	})
	return t, ok && whole && found == 1
}

// HasShifts reports whether any sample may be shown at another time than it is decoded.
func (t SampleTable) HasShifts() bool { return t.shifts != nil }

// moov returns what the first moov box holds.
func (f File) moov() ([]byte, bool) {
	head := make([]byte, 16)
	for at, n := int64(0), 0; f.Size-at > 16 && n < 64; n++ {
		if !f.read(head, at) {
			return nil, false
		}
		length, begin := int64(binary.BigEndian.Uint32(head)), int64(8)
		if length == 1 {
			length, begin = int64(binary.BigEndian.Uint64(head[8:])), 16
		}
		if length < begin || length > f.Size-at {
			return nil, false
		}
		if string(head[4:8]) == "moov" {
			if length > mostHead {
				return nil, false
			}
			moov := make([]byte, length-begin)
			return moov, f.read(moov, at+begin)
		}
		at += length
	}
	return nil, false
}

// boxes lends each the boxes that lie one after the other in data, and tells
// whether they fill it.
func boxes(data []byte, each func(kind string, body []byte)) bool {
	for len(data) >= 8 {
		length := int64(binary.BigEndian.Uint32(data))
		if length < 8 || length > int64(len(data)) { // the long form is for media
			return false
		}
		each(string(data[4:8]), data[8:length])
		data = data[length:]
	}
	return len(data) == 0
}

// within descends from box to box, each of which must be the only one of its kind.
func within(data []byte, path ...string) (body []byte, ok bool) {
	for _, kind := range path {
		found := 0
		whole := boxes(data, func(k string, b []byte) {
			if k == kind {
				body, found = b, found+1
			}
		})
		if !whole || found != 1 {
			return nil, false
		}
		data = body
	}
	return data, true
}

// trackID is what a track is known by, or -1.
func trackID(trak []byte) int64 {
	tkhd, ok := within(trak, "tkhd")
	switch {
	case ok && len(tkhd) >= 16 && tkhd[0] == 0:
		return int64(binary.BigEndian.Uint32(tkhd[12:]))
	case ok && len(tkhd) >= 24 && tkhd[0] == 1:
		return int64(binary.BigEndian.Uint32(tkhd[20:]))
	}
	return -1
}

func trackTable(trak []byte) (t SampleTable, ok bool) {
	stbl, ok := within(trak, "mdia", "minf", "stbl")
	if !ok || !leavesNothingOut(trak) {
		return SampleTable{}, false
	}
	count := map[string]int{}
	boxes(stbl, func(kind string, body []byte) {
		count[kind]++
		switch {
		case kind == "stsz" && len(body) >= 12:
			t.size, t.Samples, t.sizes = binary.BigEndian.Uint32(body[4:]), binary.BigEndian.Uint32(body[8:]), body[12:]
		case kind == "ctts" && len(body) >= 8:
			t.shifts = body[8:]
			ok = ok && uint64(binary.BigEndian.Uint32(body[4:]))*8 == uint64(len(t.shifts))
		case kind == "stsd" && (len(body) < 8 || binary.BigEndian.Uint32(body[4:]) != 1), kind == "stz2":
			ok = false
		}
	})
	if t.size != 0 {
		t.sizes = nil
	}
	fits := t.size != 0 || uint64(len(t.sizes)) == 4*uint64(t.Samples)
	return t, ok && fits && count["stsd"] == 1 && count["stsz"] == 1 && count["ctts"] <= 1
}

// leavesNothingOut reports whether a track is shown from some time on at its own
// pace: it has no edit list, or one edit, or nothing and then one edit.
func leavesNothingOut(trak []byte) bool {
	edited := false
	boxes(trak, func(kind string, _ []byte) { edited = edited || kind == "edts" })
	if !edited {
		return true
	}
	elst, ok := within(trak, "edts", "elst")
	if !ok || len(elst) < 8 {
		return false
	}
	n, list, wide := binary.BigEndian.Uint32(elst[4:]), elst[8:], elst[0] == 1
	each := ifElse(wide, 20, 12)
	if n < 1 || n > 2 || len(list) != int(n)*each {
		return false
	}
	// Each entry is a duration, a time in the media (-1: nothing is shown) and a rate of 16.16 bits.
	time := func(entry []byte) int64 {
		if wide {
			return int64(binary.BigEndian.Uint64(entry[8:]))
		}
		return int64(int32(binary.BigEndian.Uint32(entry[4:])))
	}
	last := list[len(list)-each:]
	return time(last) >= 0 && binary.BigEndian.Uint32(last[each-4:]) == 1<<16 && (n == 1 || time(list) == -1)
}

// Shifts yields by how much each sample is shown after it is decoded, in the
// track's ticks and but for a constant. It stops early where the table is wrong.
func (t SampleTable) Shifts(yield func(sample int, shift int64) bool) {
	const longest = 1 << 28 // FFmpeg takes none that is longer
	sample := 0
	for left := t.shifts; len(left) >= 8; left = left[8:] {
		n, shift := binary.BigEndian.Uint32(left), int64(int32(binary.BigEndian.Uint32(left[4:])))
		if n > t.Samples-uint32(sample) || shift > longest || shift < -longest {
			return
		}
		for range n {
			if !yield(sample, shift) {
				return
			}
			sample++
		}
	}
	for ; t.shifts == nil && sample < int(t.Samples); sample++ {
		if !yield(sample, 0) {
			return
		}
	}
}

// SizeOf is how many bytes a sample has, counted from 0 and below Samples.
func (t SampleTable) SizeOf(sample int) int64 {
	if t.size != 0 {
		return int64(t.size)
	}
	return int64(binary.BigEndian.Uint32(t.sizes[4*sample:]))
}
