package frames

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// farBytes is how much of a file is looked through for streams that may begin
// anywhere: as much as the ffmpeg program looks at.
const farBytes = 1 << 20

// recognise names FFmpeg's demuxer for the file, and notes where in it the container
// begins. Recorders put headers of their own before MPEG streams, cut them anywhere,
// and leave zeros; an MP4 file may begin with any of its boxes.
func (in *input) recognise(head []byte) (string, error) {
	format, err := sniff(head)
	if err == nil || len(head) == 0 {
		if format == "flv" {
			in.source.holes = in.source.flvHeads()
		}
		return format, err
	}
	if kind := looksLike(head); kind != unknownKind && kind != textKind { // words may come before what is none
		return "", err
	}
	if in.source.isBoxes() {
		return "mov", nil
	}
	far := make([]byte, min(in.source.size, farBytes))
	if n, err := in.source.r.ReadAt(far, 0); err != nil && !(errors.Is(err, io.EOF) && n == len(far)) {
		in.source.err = err
		return "", err
	}
	if isText(far) {
		return "", err
	}
	if begin := transportStart(far); begin >= 0 {
		in.source.begin = int64(begin)
		return "mpegts", nil
	}
	if begin := programStart(far); begin >= 0 {
		in.source.begin = int64(begin)
		return "mpeg", nil
	}
	return "", err
}

// isBoxes tells whether the file begins with boxes of MP4 or QuickTime of which one
// can only be theirs.
func (s *source) isBoxes() (found bool) {
	s.eachBox(0, s.size, func(kind string, from, to int64) bool {
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
		return isBoxKind(kind)
	})
	return found
}

// isBoxKind tells whether a box may be called so: by four printable letters.
func isBoxKind(kind string) bool {
	for _, b := range []byte(kind) {
		if (b < ' ' || b > '~') && b != 0xa9 {
			return false
		}
	}
	return true
}

// transportSizes are those of MPEG-TS packets: plain, with a time before each
// (M2TS), and with a code for correction behind each.
var transportSizes = [...]int{188, 192, 204}

// transportStart returns where the first of several MPEG-TS packets on end begins,
// or -1.
func transportStart(data []byte) int {
	const enough = 8
	for at := 0; ; at++ {
		next := bytes.IndexByte(data[at:], syncByte)
		if next < 0 {
			return -1
		}
		at += next
		for _, size := range transportSizes {
			if transportPackets(data[at:], size, enough) == enough {
				return at
			}
		}
	}
}

const syncByte = 0x47

// transportPackets counts the packets of a size that data begins with, up to most.
// Those of one stream that follow each other have to be numbered so.
func transportPackets(data []byte, size, most int) (n int) {
	stream, count := -1, 0
	for ; n < most && len(data) >= 188 && isTransportPacket(data); n++ {
		this, number := int(data[1]&0x1f)<<8|int(data[2]), int(data[3]&15)
		if step := (number - count) & 15; this == stream && step > 1 {
			break
		}
		stream, count = this, number
		data = data[min(size, len(data)):]
	}
	return n
}

// isTransportPacket tells whether a packet's head makes sense (ISO/IEC 13818-1,
// 2.4.3.2): it is not marked as wrong, holds something, and its adaptation field fits.
func isTransportPacket(p []byte) bool {
	adaptation, payload := p[3]&0x20 != 0, p[3]&0x10 != 0
	switch {
	case p[0] != syncByte || p[1]&0x80 != 0:
		return false
	case p[1]&0x1f == 0x1f && p[2] == 0xff: // there to fill
		return true
	case adaptation && payload:
		return p[4] < 183
	case adaptation:
		return p[4] == 183
	}
	return payload
}

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

// isPacketHeader tells whether what follows a start code is the rest of a packet's
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
