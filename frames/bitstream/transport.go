package bitstream

import (
	"bytes"
	"encoding/binary"
)

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

// isTransportPacket reports whether a packet's head makes sense (ISO/IEC 13818-1,
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

// Scrambled reports whether most packets that a transport stream begins with, of one
// stream, are scrambled, or its program map calls that stream encrypted H.264 (HTTP
// Live Streaming's SAMPLE-AES).
func (f File) Scrambled(begin int64, stream int) bool {
	const sampleAES = 0xdb
	data := make([]byte, min(f.Size-begin, 8*HeadBytes))
	if !f.read(data, begin) {
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
