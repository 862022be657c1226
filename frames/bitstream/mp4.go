package bitstream

import (
	"bytes"
	"encoding/binary"
	"io"
)

// WhyNoMP4 says in words why an MP4 file does not open, as far as its outermost
// boxes tell.
func (f File) WhyNoMP4() string {
	var head [16]byte
	const boxes = 4096 // of a fragmented file's first minutes; the index comes first there
	for at, n := int64(0), 0; at < f.Size && n < boxes; n++ {
		if _, err := f.Reader.ReadAt(head[:min(16, f.Size-at)], at); err != nil && err != io.EOF {
			break
		}
		length := int64(binary.BigEndian.Uint32(head[:]))
		if length == 1 {
			length = int64(binary.BigEndian.Uint64(head[8:]))
		}
		if string(head[4:8]) == "moov" {
			if length > f.Size-at {
				return indexCutOff
			}
			return "its index (moov) is damaged"
		}
		if length < 8 || length > f.Size-at {
			break
		}
		at += length
	}
	return "its index (moov) is missing: the file is cut off, or was never finished"
}

const indexCutOff = "its index (moov) is cut off"

// EndsInIndex reports whether an MP4 file ends before its index (moov) does.
func (f File) EndsInIndex() bool { return f.WhyNoMP4() == indexCutOff }

// IsFragmented reports whether an MP4 file has fragments, which have times of their own.
func (f File) IsFragmented() (found bool) {
	f.eachBox(0, f.Size, func(kind string, _, _ int64) bool {
		found = kind == "moof"
		return !found
	})
	return found
}

// RefersElsewhere reports whether an MP4 file says that some of its media lie in
// another file: a data reference (dref) whose entry has not the flag "in this file".
func (f File) RefersElsewhere() bool {
	const longest = 1 << 20 // of a moov without samples
	head := make([]byte, min(f.Size, longest))
	if _, err := f.Reader.ReadAt(head, 0); err != nil && err != io.EOF {
		return false
	}
	for {
		_, dref, found := bytes.Cut(head, []byte("dref"))
		if !found {
			return false
		}
		head = dref
		// Version and flags, number of entries; of the first entry length, kind, version and flags.
		if len(dref) >= 20 && binary.BigEndian.Uint32(dref[4:]) > 0 && dref[19]&1 == 0 {
			return true
		}
	}
}
