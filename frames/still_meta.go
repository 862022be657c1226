package frames

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
)

// orientation is the way up that a still's metadata name, 1 to 8, as Pillow's getexif finds it: that of EXIF; if EXIF has
// none, that of XMP. 1, upright, if there is none or if EXIF cannot be read.
func (h stillHead) orientation() int {
	exif, readable := h.exif, true
	if exif == nil && h.rawExif != "" {
		exif, readable = rawProfile(h.rawExif)
	}
	if !readable {
		return 1
	}
	exif = trimExif(exif)
	if len(exif) > 0 {
		d, ok := openTIFF(exif)
		if !ok {
			return 1
		}
		if value, found := d.find(tagOrientation); found {
			return turn(d.number(value))
		}
	}
	return xmpOrientation(h.xmp)
}

// xmpOrientation finds tiff:Orientation, as an attribute or an element.
func xmpOrientation(xmp []byte) int {
	for found := true; found; {
		_, xmp, found = bytes.Cut(xmp, []byte("tiff:Orientation"))
		for _, sign := range []string{`="`, ">"} {
			if value, ok := bytes.CutPrefix(xmp, []byte(sign)); ok && len(value) > 0 && value[0] >= '0' && value[0] <= '9' {
				return turn(float64(value[0] - '0'))
			}
		}
	}
	return 1
}

// turn is the orientation that a number is, and 1 if it is none.
func turn(value float64) int {
	if value >= 2 && value <= 8 && value == math.Trunc(value) {
		return int(value)
	}
	return 1
}

// trimExif takes off the one or two prefixes that some programs write before the TIFF structure.
func trimExif(exif []byte) []byte {
	prefix := []byte("Exif\x00\x00")
	return bytes.TrimPrefix(bytes.TrimPrefix(exif, prefix), prefix)
}

// rawProfile reads ImageMagick's text form of EXIF: three lines of heading, then hexadecimal digits.
func rawProfile(text string) ([]byte, bool) {
	lines := strings.Split(text, "\n")
	digits := strings.Join(strings.FieldsFunc(strings.Join(lines[min(3, len(lines)):], ""), isSpace), "")
	profile, err := hex.DecodeString(digits)
	return profile, err == nil
}

func isSpace(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' }

const tagOrientation = 0x0112

// A tiffDirectory is the first directory of a TIFF structure, which EXIF is.
type tiffDirectory struct {
	order binary.ByteOrder
	file  []byte
	at    int64
}

// A tiffValue is the bytes of an entry and the number of their type.
type tiffValue struct {
	kind uint16
	data []byte
}

// openTIFF reads the head. Files with the magic number in the other byte order are read as they are meant.
func openTIFF(file []byte) (tiffDirectory, bool) {
	if len(file) < 8 {
		return tiffDirectory{}, false
	}
	d := tiffDirectory{file: file}
	switch string(file[:4]) {
	case "II*\x00", "II\x00*":
		d.order = binary.LittleEndian
	case "MM\x00*", "MM*\x00", "MM\x00+":
		d.order = binary.BigEndian
	default:
		return d, false
	}
	d.at = int64(d.order.Uint32(file[4:]))
	return d, true
}

// tiffSizes is the size in bytes of one value of each type that Pillow reads.
func tiffSizes() map[uint16]int64 {
	return map[uint16]int64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
}

// find gives the first readable entry of a tag. As in Pillow, an entry whose data lie beyond the end ends the directory, and
// entries that together want more than there is are passed over.
func (d tiffDirectory) find(tag uint16) (tiffValue, bool) {
	end := int64(len(d.file))
	if d.at+2 > end {
		return tiffValue{}, false
	}
	sizes := tiffSizes()
	seen := map[uint16]bool{}
	var outside int64 // bytes that entries keep outside of themselves
	at := d.at + 2
	for range d.order.Uint16(d.file[d.at:]) {
		if at+12 > end {
			break
		}
		entry := d.file[at : at+12]
		at += 12
		name, kind := d.order.Uint16(entry), d.order.Uint16(entry[2:])
		unit, known := sizes[kind]
		if !known || seen[name] {
			continue
		}
		size, data := int64(d.order.Uint32(entry[4:]))*unit, entry[8:12]
		if size > 4 {
			if outside += size; outside > end {
				continue
			}
			from := int64(d.order.Uint32(data))
			if from+size > end {
				break
			}
			data = d.file[from : from+size]
		}
		if size == 0 {
			continue
		}
		if name == tag {
			return tiffValue{kind, data[:size]}, true
		}
		seen[name] = true
	}
	return tiffValue{}, false
}

// number is the first number of a value, and 0 for text and bytes.
func (d tiffDirectory) number(v tiffValue) float64 {
	switch o := d.order; v.kind {
	case 3:
		return float64(o.Uint16(v.data))
	case 4, 13:
		return float64(o.Uint32(v.data))
	case 5:
		return float64(o.Uint32(v.data)) / float64(o.Uint32(v.data[4:]))
	case 6:
		return float64(int8(v.data[0]))
	case 8:
		return float64(int16(o.Uint16(v.data)))
	case 9:
		return float64(int32(o.Uint32(v.data)))
	case 10:
		return float64(int32(o.Uint32(v.data))) / float64(int32(o.Uint32(v.data[4:])))
	case 11:
		return float64(math.Float32frombits(o.Uint32(v.data)))
	case 12:
		return math.Float64frombits(o.Uint64(v.data))
	case 16:
		return float64(o.Uint64(v.data))
	}
	return 0
}
