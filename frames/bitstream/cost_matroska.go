package bitstream

import (
	"encoding/binary"
	mathbits "math/bits"
)

// matroskaTakes is what FFmpeg (matroskadec.c, 7.1) makes of an element of a kind that
// may be there any number of times, in bytes; of any other it makes at most what that
// holds.
func matroskaTakes(id uint32) int64 {
	switch id {
	case 0xae: // TrackEntry
		return 2000
	case 0xb6: // ChapterAtom
		return 300
	case 0x61a7, 0x6240, 0x67c8: // AttachedFile, ContentEncoding, SimpleTag
		return 250
	case 0x7373, 0xbb, 0x45b9: // Tag, CuePoint, EditionEntry
		return 150
	case 0x4dbb, 0xb7, 0x80: // Seek, CueTrackPositions, ChapterDisplay
		return 64
	}
	return 0
}

// matroskaHolds reports whether an element holds others, down to those: Segment, SeekHead,
// Tracks, TrackEntry, ContentEncodings, Cues, CuePoint, Attachments, Chapters,
// EditionEntry, ChapterAtom, Tags, Tag, SimpleTag.
func matroskaHolds(id uint32) bool {
	switch id {
	case 0x18538067, 0x114d9b74, 0x1654ae6b, 0xae, 0x6d80, 0x1c53bb6b, 0xbb, 0x1941a469, 0x1043a770, 0x45b9, 0xb6, 0x1254c367, 0x7373, 0x67c8:
		return true
	}
	return false
}

const (
	matroskaSegment = 0x18538067
	matroskaCluster = 0x1f43b675
	matroskaTrack   = 0xae
	matroskaDeepest = 16  // as FFmpeg
	matroskaUnknown = 256 // clusters whose length is not known
)

// A matroskaCost goes through the elements of a Matroska or WebM file, but for the
// packets.
type matroskaCost struct {
	*cost
	window *window
}

func (m *matroskaCost) walk(at, end int64, depth int) {
	unknown := 0
	for at < end && m.err == nil {
		id, length, begin := m.head(at)
		if begin == 0 {
			return
		}
		stop := end
		switch {
		case length < 0 && (id == matroskaSegment || id == matroskaCluster): // what it holds is gone through as if it stood here
			if unknown++; unknown > matroskaUnknown && m.size > openingSpare {
				return // a live recording, which would be read twice
			}
			at += begin
			continue
		case length < 0:
			return
		case length < end-at-begin:
			stop = at + begin + length
		}
		m.element(id, at+begin, stop, depth)
		at = stop
	}
}

func (m *matroskaCost) element(id uint32, at, end int64, depth int) {
	switch id {
	case 0x67c8, 0xb6:
		m.tag(1, matroskaTakes(id))
	default:
		if id == matroskaTrack {
			m.streams++
		}
		if each := matroskaTakes(id); each > 0 {
			m.add(1, each, "its lists")
		}
	}
	if matroskaHolds(id) && depth < matroskaDeepest {
		m.walk(at, end, depth+1)
	}
}

// head reads an element's id and length, -1 if that is not known, and how long both
// are; 0: there is none.
func (m *matroskaCost) head(at int64) (id uint32, length, begin int64) {
	data := m.window.get(at, 12)
	if len(data) < 2 || data[0] < 0x10 {
		return 0, 0, 0
	}
	n := mathbits.LeadingZeros8(data[0]) + 1
	for _, b := range data[:min(n, len(data))] {
		id = id<<8 | uint32(b)
	}
	data = data[min(n, len(data)):]
	if len(data) == 0 || data[0] == 0 {
		return 0, 0, 0
	}
	k := mathbits.LeadingZeros8(data[0]) + 1
	if len(data) < k {
		return 0, 0, 0
	}
	var wide [8]byte
	copy(wide[8-k:], data[:k])
	value := binary.BigEndian.Uint64(wide[:]) &^ (1 << (7 * k))
	if value == 1<<(7*k)-1 {
		return id, -1, int64(n + k)
	}
	return id, int64(value), int64(n + k)
}
