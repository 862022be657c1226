package frames

import (
	"encoding/binary"
	"io"
)

// whyNoMP4 says in words why an MP4 file does not open, as far as its outermost
// boxes tell.
func whyNoMP4(r io.ReaderAt, size int64) string {
	var head [16]byte
	const boxes = 4096 // of a fragmented file's first minutes; the index comes first there
	for at, n := int64(0), 0; at < size && n < boxes; n++ {
		if _, err := r.ReadAt(head[:min(16, size-at)], at); err != nil && err != io.EOF {
			break
		}
		length := int64(binary.BigEndian.Uint32(head[:]))
		if length == 1 {
			length = int64(binary.BigEndian.Uint64(head[8:]))
		}
		if string(head[4:8]) == "moov" {
			if length > size-at {
				return "its index (moov) is cut off"
			}
			return "its index (moov) is damaged"
		}
		if length < 8 || length > size-at {
			break
		}
		at += length
	}
	return "its index (moov) is missing: the file is cut off, or was never finished"
}
