package bitstream

import (
	"bytes"
	"encoding/binary"
)

// programStart returns where an MPEG program stream begins, or its packets without
// one, or -1. It counts what may be headers of packs and packets, and those that are
// none, much as FFmpeg does (7.1, libavformat/mpeg.c, mpegps_probe).
func programStart(data []byte) int {
	begin, packs, videos, others, wrong := -1, 0, 0, 0, 0
	for at := 0; ; {
		next := bytes.Index(data[at:], []byte{0, 0, 1})
		if next < 0 || at+next+16 > len(data) {
			break
		}
		at += next
		start, head := at, data[at+3:]
		length := int(binary.BigEndian.Uint16(head[1:]))
		code, known := head[0], true
		switch {
		case code == 0xba && isPackHeader(head):
			packs++
		case code == 0xbb: // a system header
			packs++
		case code&0xf0 == 0xe0 && isPacketHeader(head):
			videos++
		case (code&0xe0 == 0xc0 || code == 0xbd) && isPacketHeader(head):
			others++
			at += length // what it holds may look like anything
		case code&0xe0 == 0xc0, code&0xf0 == 0xe0, code == 0xbd:
			wrong++
			known = false
		default:
			known = false
		}
		if known && begin < 0 {
			begin = start
		}
		if at += 3; at > len(data) {
			break
		}
	}
	if videos == 0 || packs == 0 && videos < 3 || packs+videos+others <= 2*wrong {
		return -1
	}
	return begin
}

func isPackHeader(head []byte) bool { return head[1]&0xc0 == 0x40 || head[1]&0xf0 == 0x20 }

// isPacketHeader reports whether what follows a start code is the rest of a packet's
// head, of MPEG-2 or MPEG-1 (check_pes in FFmpeg).
func isPacketHeader(head []byte) bool {
	if p := head[3:]; p[0]&0xc0 == 0x80 && p[1]&0xc0 != 0x40 && (p[1]&0xc0 == 0 || p[1]&0xc0>>2 == p[3]&0xf0) {
		return true
	}
	p := bytes.TrimLeft(head[3:], "\xff")
	if len(p) > 2 && p[0]&0xc0 == 0x40 {
		p = p[2:]
	}
	switch {
	case len(p) < 10:
		return false
	case p[0]&0xf0 == 0x20:
		return p[0]&p[2]&p[4]&1 != 0
	case p[0]&0xf0 == 0x30:
		return p[0]&p[2]&p[4]&p[5]&p[7]&p[9]&1 != 0
	}
	return p[0] == 0x0f
}

// ProgramCodec finds which codec the video of an MPEG program stream uses, from
// the first start codes of its first video packets. FFmpeg would try raw demuxers
// on it, which are not built in. Unsure, it is MPEG-2, as on DVDs: what begins in the
// middle has slices first, whose codes count up and may be those of H.264 and HEVC.
func ProgramCodec(head []byte) Codec {
	const lastSlice = 0xaf
	codec, before := MPEG2, byte(0)
	for i := 0; i+4 < len(head); i++ {
		if head[i] != 0 || head[i+1] != 0 || head[i+2] != 1 {
			continue
		}
		switch code := head[i+3]; {
		case code == 0xb5: // sequence extension: MPEG-2 only
			return MPEG2
		case code == 0xb3: // sequence header, of both
			codec = MPEG1
		case code == 0x00 && codec == MPEG1: // its first picture came without an extension
			return codec
		case before > 0 && code == before+1: // a slice, behind another
			before = code
		case code&0x9f == 7 && code&0x60 != 0: // H.264 refers to what tells of its sequences
			return H264
		case code == 0x40 && head[i+4] == 1:
			return HEVC
		case code <= lastSlice:
			before = code
		}
	}
	return codec
}
