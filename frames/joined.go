package frames

import (
	"bytes"
	"encoding/binary"
)

// A hole is a stretch of a file that FFmpeg does not get to see.
type hole struct{ from, size int64 }

// flvHeads finds the heads of the FLV files that were joined to the first, each
// with the number behind it that a tag's size would be in. FFmpeg takes them for a
// tag of five megabytes, and what follows is lost. (Adobe's FLV specification 10.1,
// annex E.)
func (s *source) flvHeads() (holes []hole) {
	const tagHead, sizeBehind = 11, 4
	head := make([]byte, tagHead)
	for at := int64(0); at+tagHead <= s.size && s.readAt(head, at); {
		if isFLV(head) {
			length := int64(binary.BigEndian.Uint32(head[5:])) + sizeBehind
			if at > 0 {
				holes = append(holes, hole{at, length})
			}
			at += length
			continue
		}
		if kind := head[0] & 31; kind != 8 && kind != 9 && kind != 18 { // sound, video, words
			break // damaged: FFmpeg finds a way
		}
		at += tagHead + int64(head[1])<<16 + int64(binary.BigEndian.Uint16(head[2:])) + sizeBehind
	}
	return holes
}

func isFLV(head []byte) bool {
	return bytes.HasPrefix(head, []byte("FLV")) && len(head) >= 9 && head[3] < 5 && head[5] == 0
}

// place returns where in the file the byte lies that is the at-th for FFmpeg, and
// where from there on the next one that it does not get to see does.
func (s *source) place(at int64) (from, until int64) {
	from = s.begin + at
	for _, h := range s.holes {
		if from < h.from {
			return from, h.from
		}
		from += h.size
	}
	return from, s.size
}

// length is how many bytes FFmpeg gets to see.
func (s *source) length() int64 {
	n := s.size - s.begin
	for _, h := range s.holes {
		n -= min(h.size, s.size-h.from)
	}
	return n
}
