package frames

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/asticode/go-astiav"

	"videoqa/internal/fault"
)

var errEncrypted = fmt.Errorf("its video is encrypted, and can only be read with its key: %w", fault.BadVideo)

// encrypted tells whether a stream's container says that its pictures are
// encrypted. Of MP4 FFmpeg does not tell, and hands out what nobody can decode.
func (in *input) encrypted(s *astiav.Stream) bool {
	switch in.format {
	case "mov":
		return in.source.protects(int64(s.ID()))
	case "matroska":
		said := s.Metadata() // nil: nothing at all
		return said != nil && said.Get("enc_key_id", nil, astiav.NewDictionaryFlags(astiav.DictionaryFlagMatchCase)) != nil
	case "mpegts":
		return in.source.scrambles(s.ID())
	}
	return false
}

// scrambles tells whether most packets that a transport stream begins with, of one
// stream, are scrambled, or its program map calls that stream encrypted H.264 (HTTP
// Live Streaming's SAMPLE-AES).
func (s *source) scrambles(stream int) bool {
	const sampleAES = 0xdb
	data := make([]byte, min(s.size-s.begin, 8*sniffBytes))
	if !s.readAt(data, s.begin) {
		return false
	}
	scrambled, open := 0, 0
	for p := range transportStream(data) {
		payload := transportPayload(p)
		switch {
		case int(p[1]&0x1f)<<8|int(p[2]) == stream && p[3]&0xc0 != 0:
			scrambled++
		case int(p[1]&0x1f)<<8|int(p[2]) == stream:
			open++
		case p[1]&0x40 != 0 && streamTypes(payload)[stream] == sampleAES:
			return true
		}
	}
	return scrambled > open
}

// transportStream yields the packets of a transport stream.
func transportStream(data []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(data) >= 188 {
			if !isTransportPacket(data) {
				data = data[1:]
				next := bytes.IndexByte(data, syncByte)
				data = data[max(0, next):]
				if next < 0 {
					return
				}
				continue
			}
			if !yield(data[:188]) {
				return
			}
			data = data[188:]
		}
	}
}

// transportPayload returns what a packet holds behind its head.
func transportPayload(p []byte) []byte {
	switch {
	case p[3]&0x10 == 0:
		return nil
	case p[3]&0x20 != 0:
		return p[min(5+int(p[4]), 188):188]
	}
	return p[4:188]
}

// streamTypes returns what the program map that begins a payload says its streams
// are, as far as the packet goes (ISO/IEC 13818-1, 2.4.4.8).
func streamTypes(payload []byte) map[int]byte {
	const programMap = 2
	types := map[int]byte{}
	if len(payload) == 0 || 1+int(payload[0])+12 > len(payload) {
		return types
	}
	section := payload[1+int(payload[0]):]
	if section[0] != programMap {
		return types
	}
	skip := 12 + int(binary.BigEndian.Uint16(section[10:])&0xfff)
	for section = section[min(skip, len(section)):]; len(section) >= 5; {
		types[int(binary.BigEndian.Uint16(section[1:])&0x1fff)] = section[0]
		section = section[min(5+int(binary.BigEndian.Uint16(section[3:])&0xfff), len(section)):]
	}
	return types
}

// protects tells whether all descriptions that an MP4 file has of a track's samples
// are those of protected ones (ISO/IEC 14496-12, 8.12), or of Apple's older kind.
func (s *source) protects(track int64) bool {
	protected, open := s.descriptions(func(id int64) bool { return id == track })
	return protected > 0 && open == 0
}

// protectsSome tells whether any track has descriptions of protected pictures.
func (s *source) protectsSome() bool {
	protected, _ := s.descriptions(func(int64) bool { return true })
	return protected > 0
}

// descriptions counts those of protected pictures and the others, of the tracks that are meant.
func (s *source) descriptions(meant func(track int64) bool) (protected, open int) {
	s.within(0, s.size, []string{"moov", "trak"}, func(from, to int64) {
		if !meant(s.trackID(from, to)) {
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
	return protected, open
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
