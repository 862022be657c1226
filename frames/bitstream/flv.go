package bitstream

import (
	"bytes"
	"encoding/binary"
)

// flvHeads finds the heads of the FLV files that were joined to the first, each
// with the number behind it that a tag's size would be in. FFmpeg takes them for a
// tag of five megabytes, and what follows is lost. (Adobe's FLV specification 10.1,
// annex E.)
func (f File) flvHeads() (holes []Span) {
	const tagHead, sizeBehind = 11, 4
	head := make([]byte, tagHead)
	for at := int64(0); at+tagHead <= f.Size && f.read(head, at); {
		if isFLV(head) {
			length := int64(binary.BigEndian.Uint32(head[5:])) + sizeBehind
			if at > 0 {
				holes = append(holes, Span{at, length})
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
