package frames

import (
	"encoding/binary"

	"github.com/asticode/go-astiav"
)

// encrypted tells whether a stream's container says that its pictures are
// encrypted. Of MP4 FFmpeg does not tell, and hands out what nobody can decode.
func (in *input) encrypted(s *astiav.Stream) bool {
	switch in.format {
	case "mov":
		return in.source.protects(int64(s.ID()))
	case "matroska":
		return s.Metadata().Get("enc_key_id", nil, astiav.NewDictionaryFlags(astiav.DictionaryFlagMatchCase)) != nil
	}
	return false
}

// protects tells whether all descriptions that an MP4 file has of a track's samples
// are those of protected ones (ISO/IEC 14496-12, 8.12), or of Apple's older kind.
func (s *source) protects(track int64) bool {
	protected, open := 0, 0
	s.within(0, s.size, []string{"moov", "trak"}, func(from, to int64) {
		if s.trackID(from, to) != track {
			return
		}
		s.within(from, to, []string{"mdia", "minf", "stbl", "stsd"}, func(from, to int64) {
			s.eachBox(from+8, to, func(kind string, _, _ int64) bool { // after version, flags and count
				if kind == "encv" || kind == "drmi" {
					protected++
				} else {
					open++
				}
				return true
			})
		})
	})
	return protected > 0 && open == 0
}

// trackID is what the track between from and to is known by, or -1.
func (s *source) trackID(from, to int64) (id int64) {
	id = -1
	s.within(from, to, []string{"tkhd"}, func(from, to int64) {
		head := make([]byte, 24)
		if to-from >= 24 && s.readAt(head, from) {
			id = int64(binary.BigEndian.Uint32(head[ifElse(head[0] == 1, 20, 12):]))
		}
	})
	return id
}

// within lends each the places of the boxes that lie on a path.
func (s *source) within(from, to int64, path []string, each func(from, to int64)) {
	s.eachBox(from, to, func(kind string, from, to int64) bool {
		switch {
		case kind == path[0] && len(path) == 1:
			each(from, to)
		case kind == path[0]:
			s.within(from, to, path[1:], each)
		}
		return kind != "moov"
	})
}

// mostBoxes is how many boxes on end are looked at.
const mostBoxes = 1 << 12

// eachBox lends each the kinds of the boxes between from and to, and where what
// they hold lies, until it returns false.
func (s *source) eachBox(from, to int64, each func(kind string, from, to int64) bool) {
	head := make([]byte, 16)
	for range mostBoxes {
		begin := int64(8)
		if to-from < begin || !s.readAt(head[:min(16, to-from)], from) {
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
