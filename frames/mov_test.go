package frames_test

import (
	"bytes"
	"encoding/binary"
)

// jpegsOf takes the pictures out of an AVI file of Motion JPEG.
func jpegsOf(avi []byte) (pictures [][]byte) {
	for rest := avi[bytes.Index(avi, []byte("movi"))+4:]; len(rest) > 8 && string(rest[:4]) == "00dc"; {
		size := int(binary.LittleEndian.Uint32(rest[4:]))
		pictures = append(pictures, rest[8:8+size])
		rest = rest[8+size+size%2:]
	}
	return pictures
}

// movOfJPEGs puts pictures of 96 x 64 pixels into a QuickTime file, 25 a second.
func movOfJPEGs(pictures [][]byte) []byte {
	sizes, offsets, at := []uint32{0, 0, uint32(len(pictures))}, []uint32{0, uint32(len(pictures))}, uint32(8+8)
	for _, p := range pictures {
		sizes, offsets = append(sizes, uint32(len(p))), append(offsets, at)
		at += uint32(len(p))
	}
	track := jpegTrack(uint32(len(pictures)), nil, box("stsc", words(0, 1, 1, 1, 1)), box("stsz", words(sizes...)), box("stco", words(offsets...)))
	return movOf(bytes.Join(pictures, nil), track)
}

// movOf makes a QuickTime file of media, which begin at byte 16, and boxes of its moov.
func movOf(media []byte, boxes ...[]byte) []byte {
	mvhd := box("mvhd", words(0, 0, 0, 25, 10, 1<<16, 1<<24, 0, 0), noTurn(), make([]byte, 24), words(2))
	return bytes.Join([][]byte{box("free"), box("mdat", media), box("moov", append([][]byte{mvhd}, boxes...)...)}, nil)
}

func noTurn() []byte { return words(1<<16, 0, 0, 0, 1<<16, 0, 0, 0, 1<<30) }

// jpegTrack is a track of n pictures, 25 a second, with what edits and tables it has.
func jpegTrack(n uint32, edits []byte, tables ...[]byte) []byte {
	entry := box("jpeg", make([]byte, 6), []byte{0, 1}, make([]byte, 16), []byte{0, 96, 0, 64}, words(72<<16, 72<<16, 0), []byte{0, 1}, make([]byte, 32), []byte{0, 24, 0xff, 0xff})
	stbl := box("stbl", append([][]byte{box("stsd", words(0, 1), entry), box("stts", words(0, 1, n, 1))}, tables...)...)
	return box("trak", box("tkhd", words(7, 0, 0, 1, 0, n, 0, 0, 0, 0), noTurn(), words(96<<16, 64<<16)), edits,
		box("mdia", box("mdhd", words(0, 0, 0, 25, n, 0)), box("hdlr", words(0, 0), []byte("vide"), words(0, 0, 0)),
			box("minf", box("vmhd", words(1, 0, 0)), box("dinf", box("dref", words(0, 1), box("url ", words(1)))), stbl)))
}
