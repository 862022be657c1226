package frames

import (
	"bytes"
	"encoding/binary"
)

// upright turns p as an EXIF orientation of 1 to 8 says; any other leaves it.
func (p Picture) upright(orientation int) Picture {
	w, h := p.Width, p.Height
	// Where the upright picture's first pixel lies in p, and the steps from it along
	// a row and down a column, counted in pixels.
	turns := [...]struct{ first, right, down int }{
		2: {w - 1, -1, w},
		3: {w*h - 1, -1, -w},
		4: {(h - 1) * w, 1, -w},
		5: {0, w, 1},
		6: {(h - 1) * w, -w, 1},
		7: {w*h - 1, -w, -1},
		8: {w - 1, w, -1},
	}
	if orientation < 2 || orientation > 8 {
		return p
	}
	if orientation >= 5 {
		w, h = h, w
	}
	out, turn := blank(w, h, p.PTS), turns[orientation]
	for y := range h {
		for x := range w {
			from := turn.first + x*turn.right + y*turn.down
			copy(out.Pix[3*(y*w+x):][:3], p.Pix[3*from:])
		}
	}
	return out
}

// turnedBy gives the degrees clockwise that upright turns by; 2, 4, 5 and 7 mirror
// as well.
func turnedBy(orientation int) int {
	switch orientation {
	case 3, 4:
		return 180
	case 5, 6:
		return 90
	case 7, 8:
		return 270
	}
	return 0
}

// orientation reads tag 0x0112 of the first directory of a TIFF structure, which
// EXIF is; 1, upright, if there is none or anything is wrong with it.
func orientation(exif []byte) int {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(exif, []byte("II*\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(exif, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return 1
	}
	if len(exif) < 8 {
		return 1
	}
	at := int64(order.Uint32(exif[4:]))
	if at+2 > int64(len(exif)) {
		return 1
	}
	entries := exif[at+2:]
	for range order.Uint16(exif[at:]) {
		if len(entries) < 12 {
			return 1
		}
		const short = 3
		if order.Uint16(entries) == 0x0112 && order.Uint16(entries[2:]) == short {
			return int(order.Uint16(entries[8:]))
		}
		entries = entries[12:]
	}
	return 1
}

// jpegExif gives what follows "Exif" in the first such segment before the pixels.
func jpegExif(file []byte) []byte {
	for at := 2; at+4 <= len(file) && file[at] == 0xFF; {
		marker, n := file[at+1], int(binary.BigEndian.Uint16(file[at+2:]))
		switch {
		case marker == 0xFF: // padding
			at++
			continue
		case marker == 0xDA || n < 2 || at+2+n > len(file): // the scan begins, or nothing more can be read
			return nil
		}
		if body, ok := bytes.CutPrefix(file[at+4:at+2+n], []byte("Exif\x00\x00")); ok && marker == 0xE1 {
			return body
		}
		at += 2 + n
	}
	return nil
}

// pngExif gives the eXIf chunk.
func pngExif(file []byte) []byte {
	for at := int64(8); at+12 <= int64(len(file)); {
		n := int64(binary.BigEndian.Uint32(file[at:]))
		if at+12+n > int64(len(file)) {
			return nil
		}
		if string(file[at+4:at+8]) == "eXIf" {
			return file[at+8 : at+8+n]
		}
		at += 12 + n
	}
	return nil
}
