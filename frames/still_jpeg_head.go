package frames

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// JPEG's markers, the second byte of each.
const (
	jpegEOI, jpegSOS          = 0xD9, 0xDA
	jpegDHT, jpegJPG, jpegDAC = 0xC4, 0xC8, 0xCC
	jpegDQT, jpegDHP          = 0xDB, 0xDE
	jpegAPP0, jpegAPP1        = 0xE0, 0xE1
	jpegAPP14                 = 0xEE
	jpegCOM                   = 0xFE
)

// readJPEGHead goes through a JPEG's segments to its first scan, as Pillow's JpegImagePlugin does.
func readJPEGHead(file []byte) (head stillHead, err error) {
	for at := 2; ; {
		marker, body, next, err := jpegSegment(file, at)
		if err != nil {
			return head, err
		}
		switch {
		case marker == jpegSOS:
			if head.channels == 0 {
				return head, errors.New("its pixels come before their size")
			}
			return head, nil
		case isJPEGFrame(marker):
			err = head.jpegFrame(body)
		case marker == jpegDQT:
			err = checkJPEGTables(body)
		case marker == jpegAPP1:
			head.jpegApp1(body)
		case marker == jpegAPP0 && bytes.HasPrefix(body, []byte("JFIF")) && len(body) < 7, marker == jpegAPP14 && bytes.HasPrefix(body, []byte("Adobe")) && len(body) < 7:
			err = errors.New("an application's segment is cut off")
		}
		if err != nil {
			return head, err
		}
		at = next
	}
}

// jpegSegment finds the next marker from at on and gives its segment, nil for markers that have none, and the place behind it.
func jpegSegment(file []byte, at int) (marker byte, body []byte, next int, err error) {
	for {
		begin := bytes.IndexByte(file[min(at, len(file)):], 0xFF)
		if begin < 0 || at+begin+1 >= len(file) {
			return 0, nil, 0, errCut
		}
		at += begin + 1
		marker = file[at]
		if marker == 0 {
			at++
		} else if marker != 0xFF {
			break
		}
	}
	at++
	switch {
	case marker < 0xC0:
		return 0, nil, 0, fmt.Errorf("there is no marker %#x", marker)
	case !hasJPEGLength(marker):
		return marker, nil, at, nil
	case at+2 > len(file):
		return 0, nil, 0, errCut
	}
	n := max(int(binary.BigEndian.Uint16(file[at:])), 2)
	if at+n > len(file) {
		return 0, nil, 0, errCut
	}
	return marker, file[at+2 : at+n], at + n, nil
}

// isJPEGFrame reports whether a marker begins a frame (SOF0 to SOF15, DHP).
func isJPEGFrame(marker byte) bool {
	switch marker {
	case jpegDHT, jpegJPG, jpegDAC:
		return false
	}
	return marker >= 0xC0 && marker <= 0xCF || marker == jpegDHP
}

// jpegFrame reads precision, size and number of components.
func (h *stillHead) jpegFrame(body []byte) error {
	if len(body) < 6 {
		return errCut
	}
	h.height, h.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
	h.channels = int(body[5])
	switch {
	case body[0] != 8:
		return fmt.Errorf("it has %d bits a sample, and only 8 are read", body[0])
	case h.channels != 1 && h.channels != 3 && h.channels != 4:
		return fmt.Errorf("it has %d components, and only 1, 3 and 4 are read", h.channels)
	case (len(body)-6)%3 != 0:
		return errors.New("its frame's header has an odd length")
	}
	return nil
}

// checkJPEGTables holds a segment of quantization tables to its own lengths.
func checkJPEGTables(body []byte) error {
	for len(body) > 0 {
		n := 65
		if body[0] >= 16 {
			n = 129
		}
		if len(body) < n {
			return errors.New("a quantization table is cut off")
		}
		body = body[n:]
	}
	return nil
}

// jpegApp1 keeps EXIF, whose segments are joined, and XMP, of which the last counts.
func (h *stillHead) jpegApp1(body []byte) {
	if exif, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok {
		if h.exif == nil {
			exif = body
		}
		h.exif = append(h.exif, exif...) // of its own memory from the first on
	}
	if xmp, ok := bytes.CutPrefix(body, []byte("http://ns.adobe.com/xap/1.0/\x00")); ok {
		h.xmp = xmp
	}
}

// jpegScans counts the scans that libjpeg would read and how many samples for each of the picture's pixels they go through
// together. Chroma counts as if it were not subsampled.
func jpegScans(file []byte) (scans, samples int) {
	for at := 2; ; {
		begin := bytes.IndexByte(file[at:], 0xFF)
		if begin < 0 || at+begin+4 >= len(file) {
			return scans, samples
		}
		at += begin + 1
		switch marker := file[at]; {
		case marker == jpegEOI && scans > 0:
			return scans, samples
		case marker == jpegSOS:
			scans++
			samples += int(min(file[at+3], 4)) // the scan's components
		}
		if hasJPEGLength(file[at]) {
			at = min(at+1+max(int(binary.BigEndian.Uint16(file[at+1:])), 2), len(file))
		}
	}
}

// hasJPEGLength reports whether a segment follows a marker.
func hasJPEGLength(marker byte) bool {
	switch {
	case marker < 0xC0, marker >= 0xD0 && marker <= jpegEOI, marker >= 0xF0 && marker < jpegCOM, marker == jpegJPG, marker == 0xFF:
		return false
	}
	return true
}
