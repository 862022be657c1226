package bitstream

import "encoding/binary"

// trackID is what the track between from and to is known by, or -1.
func (f File) trackID(from, to int64) (id int64) {
	id = -1
	f.within(from, to, []string{"tkhd"}, func(from, to int64) {
		head := make([]byte, 24)
		if to-from >= 24 && f.read(head, from) {
			id = int64(binary.BigEndian.Uint32(head[ifElse(head[0] == 1, 20, 12):]))
		}
	})
	return id
}

// within lends each the places of the boxes that lie on a path.
func (f File) within(from, to int64, path []string, each func(from, to int64)) {
	f.eachBox(from, to, func(kind string, from, to int64) bool {
		switch {
		case kind == path[0] && len(path) == 1:
			each(from, to)
		case kind == path[0]:
			f.within(from, to, path[1:], each)
		}
		return kind != "moov"
	})
}

// mostBoxes is how many boxes on end are looked at.
const mostBoxes = 1 << 12

// eachBox lends each the kinds of the boxes between from and to, and where what
// they hold lies, until it returns false.
func (f File) eachBox(from, to int64, each func(kind string, from, to int64) bool) {
	head := make([]byte, 16)
	for range mostBoxes {
		begin := int64(8)
		if to-from < begin || !f.read(head[:min(16, to-from)], from) {
			return
		}
		length := int64(binary.BigEndian.Uint32(head))
		switch {
		case length == 1 && to-from >= 16:
			length, begin = int64(binary.BigEndian.Uint64(head[8:])), 16
		case length == 0:
			length = to - from
		}
		if length < begin || !each(string(head[4:8]), from+begin, from+min(length, to-from)) || length > to-from {
			return
		}
		from += length
	}
}

// isBoxes reports whether the file begins with boxes of MP4 or QuickTime of which one
// can only be theirs.
func (f File) isBoxes() (found bool) {
	f.eachBox(0, f.Size, func(kind string, from, to int64) bool {
		switch kind {
		case "ftyp":
			found = true
			return false
		case "jP  ", "JXL ": // a picture's
			return false
		case "moov", "moof", "mdat", "styp", "sidx":
			found = true
			return false
		}
		return IsBoxKind(kind)
	})
	return found
}

// IsBoxKind reports whether a box of MP4, or a codec of its tracks, may be called so: by four printable letters.
func IsBoxKind(kind string) bool {
	for _, b := range []byte(kind) {
		if (b < ' ' || b > '~') && b != 0xa9 {
			return false
		}
	}
	return true
}
